import { err, ok, type Result } from '../core/result.ts'
import { audioLines, rejectedLine } from './audio-lines.ts'
import { type AgreedCodec, CODECS, type CodecName, codecOf, type G711Name, TELEPHONE_EVENT } from './codecs.ts'
import type { SuiteName } from './crypto-suite.ts'
import type { CryptoAttribute } from './sdes.ts'
import {
  type Description,
  type Direction,
  type MediaSection,
  parseSdp,
  type RtpMap,
  type SdpRefusal,
  type TransportAddress,
} from './sdp.ts'
import {
  type AgreedSrtp,
  answerCryptoLine,
  answeredSrtp,
  type LocalSrtp,
  offerCryptoLines,
  offeredCrypto,
  SUITE_NAMES,
} from './secure-audio.ts'

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
  /** Absent or null: audio in clear only. */
  readonly srtp?: LocalSrtp | null
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
  /** Null: the audio goes in clear. */
  readonly srtp: AgreedSrtp | null
}

export interface Negotiated<C extends CodecName = G711Name> {
  readonly sdp: string
  readonly agreed: AgreedMedia<C>
}

const NO_AUDIO: SdpRefusal = { code: 'sdp-no-audio', message: 'the offer has no audio, or only with port 0' }
/** What our offers call telephone-event; by custom, not by standard. */
const TELEPHONE_EVENT_PAYLOAD_TYPE = 101

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
  const { index, section, codec, crypto } = picked.value
  const agreed = agree(section, codec, local)
  const srtp = local.srtp ?? null
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
    crypto: crypto === null || srtp === null ? [] : [answerCryptoLine(crypto, srtp)],
  })
  const media = offer.value.media.flatMap((each, i) => (i === index ? audio : rejectedLine(each)))
  const sdp = describe(local, offer.value.timing, media, previous)
  return ok({ sdp, agreed: { ...agreed, telephoneEvent, srtp: keysOf(crypto, srtp) } })
}

/**
 * Our own offer (RFC 3264 §5). After an earlier description the sections keep their places (§8), and what is encrypted goes on under the
 * name that it has, which may be RTP/AVP.
 * @param suites what may encrypt the audio; none: it is offered in clear
 */
export function makeOffer(
  local: LocalMedia<CodecName>,
  previous?: string,
  suites: readonly SuiteName[] = local.srtp?.policy === 'required' ? SUITE_NAMES : [],
): string {
  const before = previous === undefined ? null : parseSdp(previous)
  const index = audioIndex(previous)
  const section = before?.ok === true ? before.value.media[index] : undefined
  const crypto = local.srtp ? offerCryptoLines(suites, local.srtp) : []
  const audio = audioLines({
    port: local.rtpPort,
    protocol: crypto.length === 0 ? 'RTP/AVP' : (section?.protocol ?? 'RTP/SAVP'),
    codecs: local.codecs.map((name) => ({ name, payloadType: CODECS[name].payloadType })),
    telephoneEvent: TELEPHONE_EVENT_PAYLOAD_TYPE,
    ptimeMs: 20,
    direction: local.direction,
    rtcpMux: false,
    crypto,
  })
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
  const srtp = answeredSrtp(offered, section)
  if (!srtp.ok) return srtp
  const names = offered.codecs.flatMap((map) => codecOf(map, allowed) ?? [])
  const codec = section.codecs.flatMap(
    (map) =>
      codecOf(
        map,
        names.map(({ name }) => name),
      ) ?? [],
  )[0]
  if (codec === undefined) return noCommonCodec([section])
  const family = addressProblem(section, offered.ipVersion)
  if (family !== null) return family

  const send = eventFor(section, CODECS[codec.name])
  const receive = eventFor(offered, CODECS[codec.name])
  return ok({
    ...agree(section, codec, { direction: offered.direction }),
    receive: names.map(({ name, payloadType }) => ({ payloadType, codec: name })),
    telephoneEvent: send && receive ? { send: send.payloadType, receive: receive.payloadType } : null,
    rtcpMux: offered.rtcpMux && section.rtcpMux,
    srtp: srtp.value,
  })
}

interface PickedAudio<C extends CodecName> {
  readonly index: number
  readonly section: MediaSection
  readonly codec: AgreedCodec<C>
  /** The far end's key; null: in clear. */
  readonly crypto: CryptoAttribute | null
}

/** The first audio section that can be answered: the one that was in use before, then those that are encrypted. */
function pickAudio<C extends CodecName>(
  offer: Description,
  local: LocalMedia<C>,
  before: number,
): Result<PickedAudio<C>, SdpRefusal> {
  const audio = offer.media
    .map((section, index) => ({ section, index }))
    .filter(({ section }) => section.kind === 'audio' && section.port !== 0)
  const judged = audio.map((each) => ({ ...each, crypto: offeredCrypto(each.section, local.srtp ?? null) }))
  const usable = judged
    .flatMap(({ section, index, crypto }) => (crypto.ok ? [{ section, index, crypto: crypto.value }] : []))
    .sort((a, b) => Number(b.index === before) - Number(a.index === before) || isSecure(b) - isSecure(a))
  if (usable.length === 0) {
    const refusals = judged.flatMap(({ crypto }) => (crypto.ok ? [] : [crypto.error]))
    return err(refusals.find(({ code }) => code === 'sdp-srtp-required') ?? refusals[0] ?? NO_AUDIO)
  }
  for (const { section, index, crypto } of usable) {
    const codec = section.codecs.flatMap((map) => codecOf(map, local.codecs) ?? [])[0]
    if (codec === undefined) continue
    return addressProblem(section, ipVersionOf(local.address)) ?? ok({ index, section, codec, crypto })
  }
  return noCommonCodec(usable.map(({ section }) => section))
}

const isSecure = ({ crypto }: { readonly crypto: CryptoAttribute | null }): number => Number(crypto !== null)

const keysOf = (crypto: CryptoAttribute | null, srtp: LocalSrtp | null): AgreedSrtp | null =>
  crypto === null || srtp === null
    ? null
    : { suite: crypto.suite, local: srtp.keys[crypto.suite], remote: crypto.master }

/** All but telephone-event, whose two numbers each caller knows, and the keys. */
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
    srtp: null,
  }
}

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

/** The telephone-event whose clock is that of the codec (RFC 4733 §2.4.1). */
const eventFor = (section: MediaSection, codec: { readonly rateHz: number }): RtpMap | null =>
  section.codecs.find((map) => map.encoding.toLowerCase() === TELEPHONE_EVENT && map.rateHz === codec.rateHz) ?? null

function noCommonCodec(sections: readonly MediaSection[]): Result<never, SdpRefusal> {
  const names = (sections[0]?.codecs ?? []).map(({ encoding, rateHz }) => `${encoding}/${rateHz}`).join(', ')
  return err({ code: 'sdp-no-common-codec', message: `none of the codecs is supported: ${names.slice(0, 200)}` })
}

/** An address of the other IP version cannot be reached from our socket (RFC 3261 §20.43, warning 300). */
function addressProblem(section: MediaSection, ours: 4 | 6): Result<never, SdpRefusal> | null {
  if (section.address === null || section.ipVersion === ours) return null
  const message = `the audio is at an IPv${section.ipVersion} address, ours is IPv${ours}`
  return err({ code: 'sdp-no-common-address', message })
}

const ipVersionOf = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4)

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
