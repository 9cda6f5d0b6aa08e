import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { EventDraft } from '../../lib/observe/event.ts'
import type { Decision } from '../../lib/route/decide.ts'
import type { RouterRedirect, RouterReject } from '../../lib/route/router.ts'
import { formatContacts, markHop } from '../../lib/route/standby-legs.ts'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import { escapeUser } from '../../lib/sip/uri-escapes.ts'
import type { IncomingInvite } from './incoming-invite.ts'

/** The final answer to an INVITE that is not served here, and what is told of it. */
export interface AtOnce {
  readonly status: number
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
  /** `call.redirected` or `call.rejected`. */
  readonly event: EventDraft
  readonly end: CallEnd
}

/** Null: the call is served. What is wrong with the request itself goes before whatever was decided of it. */
export function answerAtOnce(
  { objection, facts }: Pick<IncomingInvite, 'objection' | 'facts'>,
  decision: Exclude<Decision, { kind: 'ignore' | 'challenge' }>,
  redirectExpiresMs: number,
): AtOnce | null {
  if (objection !== null) return refusal(objection.status, objection.reason, objection.headers, 'rejected')
  switch (decision.kind) {
    case 'reject': {
      const { status, reason, retryAfterS, cause } = decision
      return refusal(status, reason, retryAfterS === null ? {} : { 'Retry-After': String(retryAfterS) }, cause)
    }
    case 'redirect':
      return redirection(decision, facts.dialled, Math.round(redirectExpiresMs / 1_000))
    default:
      return null
  }
}

/** What a router has decided upon a call that it does not leave to an agent. A 503 says when to try again, as every one of ours does. */
export function answerOfRouter(
  decision: RouterRedirect | RouterReject,
  expiresMs: number,
  retryAfterS: number,
): AtOnce {
  if ('redirect' in decision) {
    const expiresS = Math.round(expiresMs / 1_000)
    const contacts = decision.redirect.map(
      (uri, i) => `<${markHop(uri)}>;q=${(1 - i / 10).toFixed(1)};expires=${expiresS}`,
    )
    return {
      status: 302,
      reason: 'Moved Temporarily',
      headers: { Contact: contacts.join(', '), Expires: String(expiresS), Reason: REDIRECT_REASONS.router },
      event: { event: 'call.redirected', contacts, why: 'router' },
      end: { by: 'system', sip: 302, cause: 'redirected' },
    }
  }
  const { reject, reason = reasonPhrase(reject) || 'Call Refused' } = decision
  return refusal(reject, reason, reject === 503 ? { 'Retry-After': String(retryAfterS) } : {}, 'rejected')
}

const refusal = (status: number, reason: string, headers: AtOnce['headers'], cause: EndCause): AtOnce => ({
  status,
  reason,
  headers,
  event: { event: 'call.rejected', sip: status, reason },
  end: { by: 'system', sip: status, cause },
})

function redirection(
  { legs, why }: Extract<Decision, { kind: 'redirect' }>,
  dialled: string,
  expiresS: number,
): AtOnce {
  const contacts = formatContacts(legs, escapeUser(dialled), expiresS)
  return {
    status: 302,
    reason: 'Moved Temporarily',
    headers: { Contact: contacts, Expires: String(expiresS), Reason: REDIRECT_REASONS[why] },
    event: { event: 'call.redirected', contacts: contacts.split(', '), why },
    end: { by: 'system', sip: 302, cause: 'redirected' },
  }
}

/** Why a caller is sent elsewhere, for the ladder of whoever looks at it there (RFC 3326, RFC 6432; Q.850 causes). */
const REDIRECT_REASONS = {
  node: 'Q.850;cause=42;text="node takes no calls now"',
  trunk: 'Q.850;cause=38;text="trunk is degraded"',
  router: 'Q.850;cause=23;text="redirected by the router"',
} as const
