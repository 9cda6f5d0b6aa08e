import { parseMediaType } from './media-type.ts'

/** A description of a session that came in the body of a message (RFC 3264), or why there is none to be had. */
export type SessionBody =
  /** Null: the message has none, so that an INVITE asks for our offer. */
  | { readonly kind: 'session'; readonly sdp: string | null }
  /** A body that must be understood and cannot be: 415 (RFC 3261 §8.2.3, §21.4.13). */
  | { readonly kind: 'unsupported'; readonly headers: Readonly<Record<string, string>> }

/** For Accept: what an INVITE, UPDATE or their answers may carry. */
export const SESSION_BODY_TYPES = 'application/sdp, multipart/mixed'

/** Parts of a multipart body that are looked at (our policy). */
const MAX_PARTS = 16

/** Content-Type, Content-Disposition and Content-Encoding, where they are there, and the body. */
export interface BodyFacts {
  readonly type: string | undefined
  readonly disposition: string | undefined
  readonly encoding: string | undefined
  readonly body: string
}

const NONE: SessionBody = { kind: 'session', sdp: null }
const UNSUPPORTED: SessionBody = { kind: 'unsupported', headers: { Accept: SESSION_BODY_TYPES } }

/**
 * Finds the SDP in a body, also beside others in a multipart body, as carriers send it with ISUP or a location
 * (RFC 5621 §3, §7: every UA must take it). What is marked as optional is passed over (RFC 3204, RFC 5621 §8.3).
 */
export function sessionBodyOf({ type, disposition, encoding, body }: BodyFacts): SessionBody {
  if (body.trim() === '') return NONE
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    return { kind: 'unsupported', headers: { 'Accept-Encoding': 'identity' } }
  }
  // A body without a type is none of ours to guess at, but for the one that shows what it is.
  const media = parseMediaType(type ?? (body.startsWith('v=0') ? 'application/sdp' : ''))
  if (media?.type === 'application/sdp') return { kind: 'session', sdp: body }
  const boundary = media?.type.startsWith('multipart/') ? media.params.get('boundary') : undefined
  if (boundary !== undefined && boundary !== '') return sessionAmong(partsOf(body, boundary))
  return isOptional(disposition) ? NONE : UNSUPPORTED
}

interface Part {
  readonly type: string
  readonly disposition: string | undefined
  readonly body: string
}

function sessionAmong(parts: readonly Part[]): SessionBody {
  const sdp = parts.find(({ type }) => type === 'application/sdp')
  if (sdp !== undefined) return { kind: 'session', sdp: sdp.body }
  return parts.length > 0 && parts.every(({ disposition }) => isOptional(disposition)) ? NONE : UNSUPPORTED
}

/** The parts between the delimiters of RFC 2046 §5.1.1; what stands before the first and after the last is no part. */
function partsOf(body: string, boundary: string): readonly Part[] {
  const [, ...pieces] = `\r\n${body}`.split(`\r\n--${boundary}`, MAX_PARTS + 1)
  const parts: Part[] = []
  for (const piece of pieces) {
    if (piece.startsWith('--')) break
    const blank = piece.indexOf('\r\n\r\n')
    if (blank < 0) continue
    const head = piece.slice(0, blank).replace(/\r\n[ \t]+/g, ' ')
    const type = parseMediaType(headerOf(head, 'Content-Type') ?? 'text/plain')?.type ?? ''
    // The line break before a delimiter belongs to the delimiter; SDP wants one at its own end.
    parts.push({ type, disposition: headerOf(head, 'Content-Disposition'), body: `${piece.slice(blank + 4)}\r\n` })
  }
  return parts
}

const headerOf = (head: string, name: 'Content-Type' | 'Content-Disposition'): string | undefined =>
  new RegExp(`\\r\\n${name}[ \\t]*:[ \\t]*(.*)`, 'i').exec(head)?.[1]?.trim()

const isOptional = (disposition: string | undefined): boolean =>
  disposition !== undefined && /;\s*handling\s*=\s*optional\b/i.test(disposition)
