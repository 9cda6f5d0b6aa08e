import type { HeaderInput } from './build.ts'
import type { SipRequest } from './message.ts'
import { DIALOG_ONLY_METHODS, KNOWN_METHODS } from './methods.ts'
import { isTooBrief } from './session-timer.ts'
import { isSipUri, isTelUri } from './uri.ts'

/** A final response that the server gives by itself. */
export interface Refusal {
  readonly status: number
  readonly headers: readonly HeaderInput[]
}

const refuse = (status: number, ...headers: HeaderInput[]): Refusal => ({ status, headers })

/** How long a peer shall wait when no application is there to take its request. */
export const RETRY_AFTER: HeaderInput = ['Retry-After', '2']

/**
 * What is wrong with a new request outside of dialogs before any application sees it, in the order of RFC 3261 §8.2;
 * undefined if nothing is. `merged`: the same request is open on another branch; `minSessionS`: the least
 * session interval that an INVITE may ask for.
 */
export function judgeRequest(request: SipRequest, merged: boolean, minSessionS: number): Refusal | undefined {
  const uri = request.requestUri()
  if (!isSipUri(uri) && !isTelUri(uri)) return refuse(416)
  if (merged) return refuse(482)
  // An OPTIONS with no hops left is a traceroute that was meant to end here (RFC 3261 §11).
  if (request.maxForwards === 0 && request.method !== 'OPTIONS') return refuse(483)
  if (DIALOG_ONLY_METHODS.has(request.method)) return refuse(481)
  if (request.method === 'INVITE' && isTooBrief(request, minSessionS))
    return refuse(422, ['Min-SE', String(minSessionS)])
  const contacts = request.contacts()
  if (request.method === 'INVITE' && (contacts === '*' || contacts.length !== 1)) return refuse(400)
  return undefined
}

/** The answer to a request that no application wants. `routed` are the lower-case verbs that some application does. */
export function judgeUnrouted(method: string, routed: ReadonlySet<string>): Refusal {
  if (!KNOWN_METHODS.has(method)) return refuse(501)
  if (method === 'OPTIONS') return refuse(200, ['Allow', allow(routed)], ['Accept', 'application/sdp'])
  if (method === 'INVITE' || routed.size === 0) return refuse(503, RETRY_AFTER)
  return refuse(405, ['Allow', allow(routed)])
}

/** The methods of an Allow header: those that applications want, and those the server takes part in by itself. */
function allow(routed: ReadonlySet<string>): string {
  const wanted = [...KNOWN_METHODS].filter((method) => routed.has(method.toLowerCase()))
  return [...new Set(['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', ...wanted])].join(', ')
}
