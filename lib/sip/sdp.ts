import { parse } from 'sdp-transform'
import { err, ok, type Result } from '../core/result.ts'

/** Why an SDP cannot be used. `sdp-malformed` is a 400, every other one a 488 with a Warning (RFC 3261 §20.43). */
export interface SdpRefusal {
  readonly code:
    | 'sdp-malformed'
    | 'sdp-no-audio'
    | 'sdp-no-common-codec'
    | 'sdp-no-common-address'
    | 'sdp-srtp-required'
    | 'sdp-no-offer'
  readonly message: string
}

/** Who sends, seen by whom the description is from (RFC 8866 §6.7). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'

export interface TransportAddress {
  readonly address: string
  readonly port: number
}

/** One `m=` section, with what it inherits from the session level. */
export interface MediaSection {
  readonly kind: string
  /** 0: rejected or removed (RFC 3264 §6, §8.2). */
  readonly port: number
  readonly protocol: string
  /** The formats as they stand in the line: payload types for RTP, something else otherwise. */
  readonly formats: string
  readonly codecs: readonly RtpMap[]
  /** IP literal, canonical. Null: none is given, or it is the unspecified address, which means "do not send" (RFC 3264 §8.4). */
  readonly address: string | null
  readonly ipVersion: 4 | 6
  readonly direction: Direction
  readonly maxPacketMs: number | null
  readonly rtcp: { readonly port: number; readonly address: string | null } | null
  readonly rtcpMux: boolean
  /** Values of its `a=crypto` (RFC 4568 §9.1), unread. Secrets: they belong in no log. */
  readonly crypto: readonly string[]
}

/** A payload type and what it stands for; static ones (RFC 3551 §6) need no `a=rtpmap`. */
export interface RtpMap {
  readonly payloadType: number
  readonly encoding: string
  readonly rateHz: number
  readonly channels: number
}

export interface Description {
  /** From the `o=` line (RFC 8866 §5.2). */
  readonly sessionId: string
  readonly sessionVersion: number
  readonly timing: string
  readonly media: readonly MediaSection[]
}

/** Longer ones are refused unread; a WebRTC offer with many candidates is a third of it. */
const MAX_SDP_CHARACTERS = 16_384
const MAX_LINES = 512
const MAX_MEDIA = 16
const MAX_FORMATS = 64

const STATIC: Readonly<Record<number, RtpMap>> = {
  0: { payloadType: 0, encoding: 'PCMU', rateHz: 8000, channels: 1 },
  8: { payloadType: 8, encoding: 'PCMA', rateHz: 8000, channels: 1 },
  9: { payloadType: 9, encoding: 'G722', rateHz: 8000, channels: 1 },
}

const CRYPTO = 'a=crypto:'
const MEDIA_LINE = /^m=(\w[\w-]*) (\d{1,5})(?:\/\d+)? ([\w/.-]+) (\S.*)$/
const ORIGIN_LINE = /^o=\S+ (\d{1,20}) (\d{1,20}) IN IP[46] \S+$/

/**
 * Reads an SDP (RFC 8866) by `sdp-transform`, after a check of its frame, as that parser skips what it does not understand.
 * Lenient where deployed devices are wrong without harm: missing `s=` and `t=`, bare LF, order of lines.
 */
export function parseSdp(text: string): Result<Description, SdpRefusal> {
  if (text.length > MAX_SDP_CHARACTERS) return malformed(`${text.length} characters, more than ${MAX_SDP_CHARACTERS}`)
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line !== '')
  if (lines.length > MAX_LINES) return malformed(`${lines.length} lines, more than ${MAX_LINES}`)
  if (lines[0] !== 'v=0') return malformed('the first line is not v=0')
  const odd = lines.findIndex((line) => !/^[a-z]=/.test(line))
  if (odd !== -1) return malformed(`line ${odd + 1} is not <letter>=<value>`)
  const origin = lines.map((line) => ORIGIN_LINE.exec(line)).find((match) => match !== null)
  if (origin === undefined) return malformed('no o= line of the form <user> <id> <version> IN IP4|IP6 <address>')

  const mediaLines = lines.filter((line) => line.startsWith('m='))
  if (mediaLines.length > MAX_MEDIA) return malformed(`${mediaLines.length} m= lines, more than ${MAX_MEDIA}`)
  // sdp-transform does not read the number of ports of `m=audio 49170/2 …`; only the first pair is used.
  const parsed = parse(lines.map((line) => line.replace(/^(m=\S+ \d+)\/\d+ /, '$1 ')).join('\r\n'))
  const media: MediaSection[] = []
  for (const [index, line] of mediaLines.entries()) {
    const section = parsed.media[index]
    const head = MEDIA_LINE.exec(line)
    if (section === undefined || head === null) return malformed(`"${line.slice(0, 80)}" is not a media line`)
    const read = readSection(head, section, parsed, cryptoOf(lines, index))
    if (!read.ok) return read
    media.push(read.value)
  }
  const timing = lines.find((line) => /^t=\d+ \d+$/.test(line))?.slice(2) ?? '0 0'
  return ok({ sessionId: origin[1] ?? '0', sessionVersion: Number(origin[2]), timing, media })
}

/** Whether whoever sent this description does not want to hear us: hold, or no address to send to (RFC 3264 §8.4). */
export function isHold(sdp: string): boolean {
  const parsed = parseSdp(sdp)
  const audio = parsed.ok ? parsed.value.media.find(({ kind, port }) => kind === 'audio' && port !== 0) : undefined
  return audio !== undefined && (audio.address === null || !/recv/.test(audio.direction))
}

type Parsed = ReturnType<typeof parse>

function readSection(
  head: RegExpExecArray,
  section: Parsed['media'][number],
  session: Parsed,
  crypto: readonly string[],
): Result<MediaSection, SdpRefusal> {
  const [, kind = '', portText = '', protocol = '', formats = ''] = head
  const port = Number(portText)
  if (port > 65_535) return malformed(`port ${port} of m=${kind} is above 65535`)
  const connection = section.connection ?? session.connection
  const address = connection === undefined ? null : parseAddress(String(connection.ip))
  if (address === undefined) {
    return err({
      code: 'sdp-no-common-address',
      message: `c= of m=${kind} is not a unicast IP address: ${String(connection?.ip).slice(0, 80)}`,
    })
  }
  const codecs = protocol.includes('RTP/') ? readCodecs(formats, section) : ok([])
  if (!codecs.ok) return codecs
  return ok({
    kind,
    port,
    protocol,
    formats,
    codecs: codecs.value,
    address,
    ipVersion: connection?.version === 6 ? 6 : 4,
    direction: section.direction ?? session.direction ?? 'sendrecv',
    maxPacketMs: positive(section.maxptime),
    rtcp: readRtcp(section),
    rtcpMux: section.rtcpMux !== undefined,
    crypto,
  })
}

/** Of the lines themselves, as `sdp-transform` reads no more than one session parameter. Keys of the session level mean nothing. */
function cryptoOf(lines: readonly string[], index: number): readonly string[] {
  let at = -1
  const found: string[] = []
  for (const line of lines) {
    if (line.startsWith('m=')) at++
    else if (at === index && line.startsWith(CRYPTO)) found.push(line.slice(CRYPTO.length))
  }
  return found
}

function readCodecs(formats: string, section: Parsed['media'][number]): Result<readonly RtpMap[], SdpRefusal> {
  const tokens = formats.trim().split(/ +/)
  if (tokens.length > MAX_FORMATS) return malformed(`${tokens.length} formats, more than ${MAX_FORMATS}`)
  const codecs: RtpMap[] = []
  for (const token of tokens) {
    const payloadType = Number(token)
    if (!/^\d{1,3}$/.test(token) || payloadType > 127) return malformed(`"${token.slice(0, 20)}" is no payload type`)
    const map = section.rtp.find((rtp) => rtp.payload === payloadType)
    if (map === undefined) {
      const known = STATIC[payloadType]
      if (known !== undefined) codecs.push(known)
      continue
    }
    // The parser's types promise less than a hostile line keeps.
    const rateHz = Number(map.rate ?? 0)
    const channels = Number(map.encoding ?? 1)
    codecs.push({ payloadType, encoding: String(map.codec), rateHz, channels })
  }
  return ok(codecs)
}

/** `a=rtcp:<port> [IN IP4 <address>]` (RFC 3605). One that makes no sense counts as absent. */
function readRtcp(section: Parsed['media'][number]): MediaSection['rtcp'] {
  const port = positive(section.rtcp?.port)
  if (port === null || port > 65_535) return null
  const literal = section.rtcp?.address
  return { port, address: literal === undefined ? null : (parseAddress(String(literal)) ?? null) }
}

function positive(value: unknown): number | null {
  const number = Number(value ?? 0)
  return number > 0 && Number.isFinite(number) ? number : null
}

/** An IP literal in canonical form; null where it is the unspecified address; undefined where it is no unicast literal. */
export function parseAddress(text: string): string | null | undefined {
  if (text.includes(':')) return parseIpv6(text)
  const octets = text.split('.')
  if (octets.length !== 4 || !octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)) return undefined
  const numbers = octets.map(Number)
  if (numbers.every((octet) => octet === 0)) return null
  // 224.0.0.0/4 is multicast, 240.0.0.0/4 reserved and broadcast, 0.0.0.0/8 "this network".
  const first = numbers[0] ?? 0
  return first === 0 || first >= 224 ? undefined : numbers.join('.')
}

function parseIpv6(text: string): string | null | undefined {
  const url = `http://[${text}]/`
  if (!URL.canParse(url)) return undefined
  const address = new URL(url).hostname.slice(1, -1)
  if (address === '::') return null
  return address.startsWith('ff') ? undefined : address
}

const malformed = (message: string): Result<never, SdpRefusal> =>
  err({ code: 'sdp-malformed', message: `SDP: ${message}` })
