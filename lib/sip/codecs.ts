import type { RtpMap } from './sdp.ts'

/**
 * What can be agreed on: encoding names as in `a=rtpmap`, in capitals, and the clock of RTP, which for G722 is 8000 though it samples at
 * 16000 (RFC 3551 §4.5.2), for Opus always 48000 with two channels (RFC 7587 §4.1).
 */
export const CODECS = {
  PCMU: { encoding: 'PCMU', payloadType: 0, rateHz: 8000, channels: 1 },
  PCMA: { encoding: 'PCMA', payloadType: 8, rateHz: 8000, channels: 1 },
  G722: { encoding: 'G722', payloadType: 9, rateHz: 8000, channels: 1 },
  opus: { encoding: 'OPUS', payloadType: 107, rateHz: 48_000, channels: 2 },
} as const satisfies Record<string, RtpMap>

export type CodecName = keyof typeof CODECS

/** What every media engine speaks. */
export type G711Name = 'PCMU' | 'PCMA'

/** Of the codecs that a configuration names, those of G.711, in its order. */
export const supportedCodecs = (names: readonly string[]): readonly G711Name[] =>
  names.filter((name) => name === 'PCMU' || name === 'PCMA')

/** Of the codecs that a configuration names, those that a media server may speak, in its order. */
export const knownCodecs = (names: readonly string[]): readonly CodecName[] => names.filter(isCodecName)

/** `a=rtpmap` of a codec under a payload type. */
export function rtpMapLine(name: CodecName, payloadType: number): string {
  const { rateHz, channels } = CODECS[name]
  return `a=rtpmap:${payloadType} ${name}/${rateHz}${channels === 1 ? '' : `/${channels}`}`
}

/** `a=rtpmap` and `a=fmtp` of telephone-event beside a codec, whose clock it has (RFC 4733 §2.4.1). */
export const eventLines = (name: CodecName, payloadType: number): readonly string[] => [
  `a=rtpmap:${payloadType} ${TELEPHONE_EVENT}/${CODECS[name].rateHz}`,
  `a=fmtp:${payloadType} 0-15`,
]

/** Encoding name of keys in RTP (RFC 4733 §7.1). */
export const TELEPHONE_EVENT = 'telephone-event'

/** A codec under the payload type that one description gives it. */
export interface AgreedCodec<C extends CodecName = CodecName> {
  readonly name: C
  readonly payloadType: number
}

/** Which of the allowed codecs an `a=rtpmap` stands for; null: none. */
export function codecOf<C extends CodecName>(map: RtpMap, allowed: readonly C[]): AgreedCodec<C> | null {
  const name = allowed.find((each) => {
    const codec: RtpMap = CODECS[each]
    return (
      codec.encoding === map.encoding.toUpperCase() && codec.rateHz === map.rateHz && codec.channels === map.channels
    )
  })
  return name === undefined ? null : { name, payloadType: map.payloadType }
}

const isCodecName = (name: string): name is CodecName => Object.hasOwn(CODECS, name)
