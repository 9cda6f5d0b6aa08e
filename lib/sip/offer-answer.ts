import { err, ok, type Result } from '../core/result.ts'
import {
  type Description,
  type Direction,
  type MediaSection,
  parseSdp,
  type RtpMap,
  type SdpRefusal,
  type TransportAddress,
} from './sdp.ts'

/**
 * What can be agreed on: encoding names as in `a=rtpmap`, in capitals, and the clock of RTP, which for G722 is 8000 though it samples at
 * 16000 (RFC 3551 §4.5.2), for Opus always 48000 with two channels (RFC 7587 §4.1).
 */
const CODECS = {
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

/** Our side of the audio. */
export interface LocalMedia<C extends CodecName = G711Name> {
  /** IP literal that is advertised. */
  readonly address: string
  readonly rtpPort: number
  /** Digits; the same for the whole dialog (RFC 8866 §5.2). */
  readonly sessionId: string
  /** In the order that our own offers prefer. */
  readonly codecs: readonly C[]
  /** What we would like; an answer never goes beyond what is offered. */
  readonly direction: Direction
}

/** What both sides have agreed on. */
export interface AgreedMedia<C extends CodecName = G711Name> {
  readonly codec: C
  /** Payload type of what we send. */
  readonly payloadType: number
  /** All that may arrive. */
  readonly receive: readonly { readonly payloadType: number; readonly codec: C }[]
  /** RFC 4733 payload types, each side's own; null where it was not agreed. */
  readonly telephoneEvent: { readonly send: number; readonly receive: number } | null
  /** Where the far end wants RTP; null where it wants none. */
  readonly remote: TransportAddress | null
  readonly remoteRtcp: TransportAddress | null
  readonly rtcpMux: boolean
  /** Of what we send: 20, or 10 where the far end takes no longer packets. */
  readonly ptimeMs: 10 | 20
  /** Ours: `sendonly` means that the far end has put itself on receive only. */
  readonly direction: Direction
}

export interface Negotiated<C extends CodecName = G711Name> {
  readonly sdp: string
  readonly agreed: AgreedMedia<C>
}

const TELEPHONE_EVENT = 'telephone-event'
/** What our offers call telephone-event; by custom, not by standard. */
const TELEPHONE_EVENT_PAYLOAD_TYPE = 101
const PLAIN_RTP = new Set(['RTP/AVP', 'RTP/AVPF'])

/**
 * Answers an offer (RFC 3264 §6). `previous` is the last description that we sent in this dialog: its `o=` version grows only where
 * the description changes, and its audio section is preferred. One audio section is taken; all others are rejected with port 0.
 */
export function answerOffer<C extends CodecName>(
  offerSdp: string,
  local: LocalMedia<C>,
  previous?: string,
): Result<Negotiated<C>, SdpRefusal> {
  const offer = parseSdp(offerSdp)
  if (!offer.ok) return offer
  const picked = pickAudio(offer.value, local, audioIndex(previous))
  if (!picked.ok) return picked
  const { index, section, codec } = picked.value
  const agreed = agree(section, codec, local)
  const event = eventFor(section, CODECS[codec.name])
  const telephoneEvent = event === null ? null : { send: event.payloadType, receive: event.payloadType }
  const audio = audioLines({
    port: local.rtpPort,
    protocol: section.protocol,
    codecs: [codec],
    telephoneEvent: event?.payloadType ?? null,
    ptimeMs: agreed.ptimeMs,
    direction: agreed.direction,
    rtcpMux: section.rtcpMux,
  })
  const media = offer.value.media.flatMap((each, i) => (i === index ? audio : rejectedLine(each)))
  const sdp = describe(local, offer.value.timing, media, previous)
  return ok({ sdp, agreed: { ...agreed, telephoneEvent } })
}

/** Our own offer (RFC 3264 §5). After an earlier description the sections keep their places (§8). */
export function makeOffer(local: LocalMedia<CodecName>, previous?: string): string {
  const audio = audioLines({
    port: local.rtpPort,
    protocol: 'RTP/AVP',
    codecs: local.codecs.map((name) => ({ name, payloadType: CODECS[name].payloadType })),
    telephoneEvent: TELEPHONE_EVENT_PAYLOAD_TYPE,
    ptimeMs: 20,
    direction: local.direction,
    rtcpMux: false,
  })
  const before = previous === undefined ? null : parseSdp(previous)
  const index = audioIndex(previous)
  if (before?.ok !== true || index === -1) return describe(local, '0 0', audio, previous)
  const media = before.value.media.flatMap((each, i) => (i === index ? audio : rejectedLine(each)))
  return describe(local, before.value.timing, media, previous)
}

/** The far end's answer to our offer (RFC 3264 §7), in a codec that was offered and is one of `allowed`. Payload types in it are what it wants to receive; ours stay as offered. */
export function acceptAnswer<C extends CodecName>(
  ourOffer: string,
  answerSdp: string,
  allowed: readonly C[],
): Result<AgreedMedia<C>, SdpRefusal> {
  const offer = parseSdp(ourOffer)
  if (!offer.ok) return offer
  const answer = parseSdp(answerSdp)
  if (!answer.ok) return answer
  const index = audioIndex(ourOffer)
  const offered = offer.value.media[index]
  const section = answer.value.media[index]
  if (offered === undefined) return err({ code: 'sdp-no-offer', message: 'our description offers no audio' })
  if (section === undefined || answer.value.media.length !== offer.value.media.length) {
    const message = `SDP: the answer has ${answer.value.media.length} m= lines, the offer ${offer.value.media.length}`
    return err({ code: 'sdp-malformed', message })
  }
  if (section.kind !== 'audio' || section.port === 0) {
    return err({ code: 'sdp-no-audio', message: 'the answer rejects the audio' })
  }
  if (!isPlainRtp(section)) return unusableProtocol([section])
  const names = offered.codecs.flatMap((map) => codecOf(map, allowed) ?? [])
  const codec = section.codecs.flatMap(
    (map) =>
      codecOf(
        map,
        names.map(({ name }) => name),
      ) ?? [],
  )[0]
  if (codec === undefined) return noCommonCodec(section)
  const family = addressProblem(section, offered.ipVersion)
  if (family !== null) return family

  const send = eventFor(section, CODECS[codec.name])
  const receive = eventFor(offered, CODECS[codec.name])
  return ok({
    ...agree(section, codec, { direction: offered.direction }),
    receive: names.map(({ name, payloadType }) => ({ payloadType, codec: name })),
    telephoneEvent: send && receive ? { send: send.payloadType, receive: receive.payloadType } : null,
    rtcpMux: offered.rtcpMux && section.rtcpMux,
  })
}

interface AgreedCodec<C extends CodecName = CodecName> {
  readonly name: C
  readonly payloadType: number
}

interface PickedAudio<C extends CodecName> {
  readonly index: number
  readonly section: MediaSection
  readonly codec: AgreedCodec<C>
}

/** The first audio section that can be answered; the one that was in use before goes first. */
function pickAudio<C extends CodecName>(
  offer: Description,
  local: LocalMedia<C>,
  before: number,
): Result<PickedAudio<C>, SdpRefusal> {
  const audio = offer.media
    .map((section, index) => ({ section, index }))
    .filter(({ section }) => section.kind === 'audio' && section.port !== 0)
    .sort((a, b) => Number(b.index === before) - Number(a.index === before))
  const first = audio[0]
  if (first === undefined) return err({ code: 'sdp-no-audio', message: 'the offer has no audio, or only with port 0' })
  const plain = audio.filter(({ section }) => isPlainRtp(section))
  if (plain.length === 0) return unusableProtocol(audio.map(({ section }) => section))
  for (const { section, index } of plain) {
    const codec = section.codecs.flatMap((map) => codecOf(map, local.codecs) ?? [])[0]
    if (codec === undefined) continue
    return addressProblem(section, ipVersionOf(local.address)) ?? ok({ index, section, codec })
  }
  return noCommonCodec(plain[0]?.section ?? first.section)
}

/** All but telephone-event, whose two numbers each caller knows. */
function agree<C extends CodecName>(
  section: MediaSection,
  codec: AgreedCodec<C>,
  local: Pick<LocalMedia<C>, 'direction'>,
): AgreedMedia<C> {
  const { address, port } = section
  const theirs = address === null ? withoutReceiving(section.direction) : section.direction
  const rtcpAddress = section.rtcp?.address ?? address
  const rtcpPort = section.rtcpMux ? port : (section.rtcp?.port ?? port + 1)
  return {
    codec: codec.name,
    payloadType: codec.payloadType,
    receive: [{ payloadType: codec.payloadType, codec: codec.name }],
    telephoneEvent: null,
    remote: address === null ? null : { address, port },
    remoteRtcp: rtcpAddress === null || rtcpPort > 65_535 ? null : { address: rtcpAddress, port: rtcpPort },
    rtcpMux: section.rtcpMux,
    ptimeMs: section.maxPacketMs !== null && section.maxPacketMs < 20 ? 10 : 20,
    direction: intersect(reverse(theirs), local.direction),
  }
}

interface AudioLines {
  readonly port: number
  readonly protocol: string
  readonly codecs: readonly AgreedCodec[]
  readonly telephoneEvent: number | null
  readonly ptimeMs: number
  readonly direction: Direction
  readonly rtcpMux: boolean
}

function audioLines(audio: AudioLines): readonly string[] {
  const event = audio.telephoneEvent
  const formats = [...audio.codecs.map(({ payloadType }) => payloadType), ...(event === null ? [] : [event])]
  return [
    `m=audio ${audio.port} ${audio.protocol} ${formats.join(' ')}`,
    ...audio.codecs.map(({ name, payloadType }) => rtpMapLine(name, payloadType)),
    ...(event === null ? [] : eventLines(audio.codecs[0]?.name ?? 'PCMU', event)),
    `a=ptime:${audio.ptimeMs}`,
    `a=${audio.direction}`,
    ...(audio.rtcpMux ? ['a=rtcp-mux'] : []),
  ]
}

/** RFC 3264 §6: a rejected stream has port 0; its formats are meaningless but must be there. */
const rejectedLine = (section: MediaSection): string => `m=${section.kind} 0 ${section.protocol} ${section.formats}`

/** Of a description of ours: what stays of its origin line, before and after the version. */
const ORIGIN = /^o=(- \d{1,20}) \d+ (IN IP[46] [0-9A-Za-z.:-]{1,255})\r?$/m

function describe(
  local: LocalMedia<CodecName>,
  timing: string,
  media: readonly string[],
  previous: string | undefined,
): string {
  const ip = `IN IP${ipVersionOf(local.address)} ${local.address}`
  const before = previous === undefined ? null : parseSdp(previous)
  const version = before?.ok === true ? before.value.sessionVersion : 1
  // The origin names the session, which an earlier description may have begun at another address (RFC 3264 §8).
  const [, name = `- ${local.sessionId}`, where = ip] = ORIGIN.exec(previous ?? '') ?? []
  const text = (sessionVersion: number): string =>
    [`v=0`, `o=${name} ${sessionVersion} ${where}`, 's=-', `c=${ip}`, `t=${timing}`, ...media, ''].join('\r\n')
  const unchanged = text(version)
  return previous === undefined || unchanged === previous ? unchanged : text(version + 1)
}

/** Which section of a description of ours carries the audio; −1 where there is none. */
function audioIndex(description: string | undefined): number {
  const parsed = description === undefined ? null : parseSdp(description)
  if (parsed?.ok !== true) return -1
  return parsed.value.media.findIndex((section) => section.kind === 'audio' && section.port !== 0)
}

function codecOf<C extends CodecName>(map: RtpMap, allowed: readonly C[]): AgreedCodec<C> | null {
  const name = allowed.find((each) => {
    const codec: RtpMap = CODECS[each]
    return (
      codec.encoding === map.encoding.toUpperCase() && codec.rateHz === map.rateHz && codec.channels === map.channels
    )
  })
  return name === undefined ? null : { name, payloadType: map.payloadType }
}

/** The telephone-event whose clock is that of the codec (RFC 4733 §2.4.1). */
const eventFor = (section: MediaSection, codec: { readonly rateHz: number }): RtpMap | null =>
  section.codecs.find((map) => map.encoding.toLowerCase() === TELEPHONE_EVENT && map.rateHz === codec.rateHz) ?? null

function unusableProtocol(sections: readonly MediaSection[]): Result<never, SdpRefusal> {
  const protocols = sections.map(({ protocol }) => protocol).join(', ')
  if (sections.some(({ protocol }) => protocol.toUpperCase().includes('SAVP'))) {
    return err({ code: 'sdp-srtp-required', message: `only encrypted audio is offered: ${protocols}` })
  }
  return err({ code: 'sdp-no-common-codec', message: `unknown transport of audio: ${protocols}` })
}

function noCommonCodec(section: MediaSection): Result<never, SdpRefusal> {
  const names = section.codecs.map(({ encoding, rateHz }) => `${encoding}/${rateHz}`).join(', ')
  return err({ code: 'sdp-no-common-codec', message: `none of the codecs is supported: ${names.slice(0, 200)}` })
}

/** An address of the other IP version cannot be reached from our socket (RFC 3261 §20.43, warning 300). */
function addressProblem(section: MediaSection, ours: 4 | 6): Result<never, SdpRefusal> | null {
  if (section.address === null || section.ipVersion === ours) return null
  const message = `the audio is at an IPv${section.ipVersion} address, ours is IPv${ours}`
  return err({ code: 'sdp-no-common-address', message })
}

const ipVersionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4)
const isPlainRtp = ({ protocol }: MediaSection): boolean => PLAIN_RTP.has(protocol.toUpperCase())
const isCodecName = (name: string): name is CodecName => Object.hasOwn(CODECS, name)

const sends = (direction: Direction): boolean => direction === 'sendrecv' || direction === 'sendonly'
const receives = (direction: Direction): boolean => direction === 'sendrecv' || direction === 'recvonly'

function directionOf(send: boolean, receive: boolean): Direction {
  if (send) return receive ? 'sendrecv' : 'sendonly'
  return receive ? 'recvonly' : 'inactive'
}

/** The same direction, seen from the other side. */
export const reverse = (direction: Direction): Direction => directionOf(receives(direction), sends(direction))

const intersect = (a: Direction, b: Direction): Direction =>
  directionOf(sends(a) && sends(b), receives(a) && receives(b))

const withoutReceiving = (direction: Direction): Direction => directionOf(sends(direction), false)
