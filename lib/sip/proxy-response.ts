import type { Result } from '../core/result.ts'
import { withHeader } from './edit.ts'
import type { SipResponse } from './message.ts'
import type { SipFault } from './parse-error.ts'
import { isSipUri, parseUri } from './uri.ts'

const CHALLENGES = ['WWW-Authenticate', 'Proxy-Authenticate'] as const

/** Whether a response asks for credentials. */
export const isChallenge = ({ status }: SipResponse): boolean => status === 401 || status === 407

/**
 * A 401 or 407 with the challenges of all others, so that the caller can answer all destinations at once (RFC 3261 §16.7 item 7).
 *
 * @param others challenges of other destinations
 */
export function withAllChallenges(best: SipResponse, others: readonly SipResponse[]): Result<SipResponse, SipFault> {
  let whole: Result<SipResponse, SipFault> = { ok: true, value: best }
  for (const name of CHALLENGES) {
    const values = [best, ...others].flatMap((response) => response.headers(name))
    if (whole.ok && values.length > best.headers(name).length)
      whole = withHeader(whole.value, name, [...new Set(values)])
  }
  return whole
}

/**
 * The destinations that a redirect names, the most wanted first (RFC 3261 §20.10 `q`). A request to a sips URI goes to sips URIs
 * alone (§16.5), and what cannot be sent to is left out.
 */
export function redirectTargets(response: SipResponse, secure: boolean): string[] {
  const contacts = response.contacts()
  if (contacts === '*') return []
  const ranked = contacts.map(({ uri, params }) => ({ uri, q: preference(params.get('q')) }))
  return ranked
    .sort((a, b) => b.q - a.q)
    .map(({ uri }) => uri)
    .filter((text) => {
      const uri = parseUri(text)
      return uri !== undefined && isSipUri(uri) && (!secure || uri.scheme === 'sips')
    })
}

/** Without `q` a contact counts as fully wanted. */
function preference(text: string | undefined): number {
  const q = text === undefined ? 1 : Number(text)
  return q >= 0 && q <= 1 ? q : 0
}
