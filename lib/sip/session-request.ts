import { type BodyFacts, sessionBodyOf } from './session-body.ts'

/** What a request that may carry an offer says of itself: INVITE, re-INVITE, UPDATE. */
export interface SessionRequestFacts extends BodyFacts {
  readonly require: string | undefined
  readonly accept: string | undefined
  readonly hasContact: boolean
}

/** Why such a request cannot be served by anyone here, as the response that says so. */
export interface Objection {
  readonly status: 400 | 406 | 415 | 420
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
}

export type SessionRequest =
  /** Null: it asks for our offer. */
  { readonly ok: true; readonly offer: string | null } | { readonly ok: false; readonly objection: Objection }

/** Extensions that a request may require: those that the SIP server below takes part in, and refuses itself where it does not. */
const SUPPORTED: ReadonlySet<string> = new Set(['100rel', 'timer'])

/** Inspects headers and content in the order of RFC 3261 §8.2.2.3 and §8.2.3, and finds the offer. */
export function readSessionRequest(facts: SessionRequestFacts): SessionRequest {
  // Contact is what every later request of the dialog is sent to (RFC 3261 §8.1.1.8, §12.1.1).
  if (!facts.hasContact) return object(400, 'Missing Contact')
  const required = (facts.require ?? '').split(',').map((tag) => tag.trim())
  const unsupported = required.filter((tag) => tag !== '' && !SUPPORTED.has(tag.toLowerCase()))
  if (unsupported.length > 0) return object(420, 'Bad Extension', { Unsupported: unsupported.join(', ') })
  if (!takesSdp(facts.accept)) return object(406, 'Not Acceptable')
  const session = sessionBodyOf(facts)
  if (session.kind === 'unsupported') return object(415, 'Unsupported Media Type', session.headers)
  return { ok: true, offer: session.sdp }
}

/** Whether our SDP may come back; without Accept it may (RFC 3261 §20.1). */
const takesSdp = (accept: string | undefined): boolean =>
  accept === undefined ||
  /(?:^|,)\s*(?:application\s*\/\s*sdp|application\s*\/\s*\*|\*\s*\/\s*\*)\s*(?:[;,]|$)/i.test(accept)

const object = (
  status: Objection['status'],
  reason: string,
  headers: Objection['headers'] = {},
): { readonly ok: false; readonly objection: Objection } => ({ ok: false, objection: { status, reason, headers } })
