/**
 * What a reader of a ladder wants to know of a SIP message at a glance. Tolerant on purpose: it also reads messages
 * that the SIP server refused, so a field that is not there is null and nothing throws.
 */
export interface SipGlance {
  /** Null for a response, and for what is no SIP at all. */
  readonly method: string | null
  readonly uri: string | null
  readonly status: number | null
  readonly reason: string | null
  readonly callId: string | null
  readonly cseq: { readonly number: number; readonly method: string } | null
  /** Of the topmost Via. */
  readonly branch: string | null
  readonly toTag: string | null
  readonly contentType: string | null
  readonly body: string
}

/** What an SDP body says to someone who follows a call. */
export interface SdpGlance {
  /** Encoding names of the first audio section in the order of preference, e.g. `PCMU`. */
  readonly codecs: readonly string[]
  readonly direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'
  readonly srtp: boolean
}

/** A ladder shows the head of a message; more than this is not looked at. */
const MAX_HEAD = 65_536
const MAX_CODECS = 12

const COMPACT_FORMS: Readonly<Record<string, string>> = { i: 'call-id', v: 'via', t: 'to', c: 'content-type' }

/** RFC 3551 §6, for payload types without an rtpmap. */
const STATIC_CODECS: Readonly<Record<string, string>> = {
  '0': 'PCMU',
  '3': 'GSM',
  '8': 'PCMA',
  '9': 'G722',
  '18': 'G729',
}

/** Reads start line, the few headers above and the body of one message (RFC 3261 §7). */
export function glanceSip(message: string): SipGlance {
  const end = /\r?\n\r?\n/.exec(message)
  const head = message.slice(0, Math.min(end?.index ?? message.length, MAX_HEAD))
  const [startLine = '', ...lines] = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)
  const headers = firstHeaders(lines)
  const cseq = /^(\d{1,10})\s+(\S{1,32})/.exec(headers.get('cseq') ?? '')
  return {
    ...glanceStartLine(startLine),
    callId: headers.get('call-id') ?? null,
    cseq: cseq === null ? null : { number: Number(cseq[1]), method: cseq[2] ?? '' },
    branch: parameter(headers.get('via'), 'branch'),
    toTag: parameter(headers.get('to'), 'tag'),
    contentType: headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? null,
    body: end === null ? '' : message.slice(end.index + end[0].length),
  }
}

/** Reads the first audio section of an SDP (RFC 8866); null where there is none. */
export function glanceSdp(sdp: string): SdpGlance | null {
  const audioAt = sdp.search(/^m=audio /m)
  if (audioAt === -1) return null
  const session = sdp.slice(0, sdp.search(/^m=/m))
  const audio = sdp.slice(audioAt).split(/^m=(?!audio )/m)[0] ?? ''
  const media = /^m=audio \d+(?:\/\d+)? (\S+) ([\d ]+)/.exec(audio)
  if (media === null) return null
  const [, profile = '', formats = ''] = media
  const names = new Map([...audio.matchAll(/^a=rtpmap:(\d+) ([^/\s]+)/gm)].map((map) => [map[1] ?? '', map[2] ?? '']))
  const codecs = formats.trim().split(/\s+/).slice(0, MAX_CODECS)
  return {
    codecs: codecs.map((format) => names.get(format) ?? STATIC_CODECS[format] ?? format),
    direction: sdpDirection(session, audio),
    srtp: profile.includes('SAVP'),
  }
}

/** A missing attribute means sendrecv (RFC 3264 §5.1); `c=0.0.0.0` is how RFC 2543 put a call on hold. */
function sdpDirection(session: string, audio: string): SdpGlance['direction'] {
  const attribute = /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/m
  const direction = (attribute.exec(audio) ?? attribute.exec(session))?.[1]
  if (direction === 'sendonly' || direction === 'recvonly' || direction === 'inactive') return direction
  const connection = (/^c=IN IP4 (\S+)/m.exec(audio) ?? /^c=IN IP4 (\S+)/m.exec(session))?.[1]
  return connection === '0.0.0.0' ? 'sendonly' : 'sendrecv'
}

function glanceStartLine(line: string): Pick<SipGlance, 'method' | 'uri' | 'status' | 'reason'> {
  const response = /^SIP\/2\.0 (\d{3})(?: (.*))?$/.exec(line)
  if (response !== null) return { method: null, uri: null, status: Number(response[1]), reason: response[2] ?? '' }
  const request = /^([\w!%*+.`'~-]{1,32}) (\S+) SIP\/2\.0$/.exec(line)
  return { method: request?.[1] ?? null, uri: request?.[2] ?? null, status: null, reason: null }
}

/** The first value of each header, by its long lower-case name. */
function firstHeaders(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon === -1) continue
    const written = line.slice(0, colon).trim().toLowerCase()
    const name = COMPACT_FORMS[written] ?? written
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim())
  }
  return headers
}

function parameter(value: string | undefined, name: 'branch' | 'tag'): string | null {
  const pattern = name === 'branch' ? /;\s*branch\s*=\s*([^;,\s]+)/i : /;\s*tag\s*=\s*([^;,\s]+)/i
  return pattern.exec(value ?? '')?.[1] ?? null
}
