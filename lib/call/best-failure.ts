import { chooseBest } from '../sip/proxy-best.ts'
import { reasonPhrase } from '../sip/reason-phrases.ts'
import type { HuntFailure } from '../trunk/hunt-failure.ts'
import type { CallEnd } from './agent-call.ts'
import { endOfHunt } from './hunt-end.ts'

/** What a caller is told whom nobody answered. */
export interface DialFailure {
  readonly status: number
  readonly phrase: string
  /** The value of a Reason header (RFC 6432). */
  readonly reason: string
  readonly end: CallEnd
}

/** Q.850 causes by status (RFC 3398 §8.2.6.1), where the status has one of its own. */
const Q850: Readonly<Record<number, readonly [cause: number, text: string]>> = {
  404: [1, 'Unallocated number'],
  410: [22, 'Number changed'],
  480: [18, 'No user responding'],
  484: [28, 'Invalid number format'],
  486: [17, 'User busy'],
  488: [88, 'Incompatible destination'],
  600: [17, 'User busy'],
  603: [21, 'Call rejected'],
  604: [1, 'Unallocated number'],
  606: [88, 'Incompatible destination'],
}
const OTHERWISE = { rejected: [31, 'Normal, unspecified'], failed: [41, 'Temporary failure'] } as const

/** The best of what several persons, or none, came to (RFC 3261 §16.7 item 6): 6xx, then the lowest class, and never a 503. */
export function bestFailure(failures: readonly HuntFailure[]): DialFailure {
  const outcomes = failures.map(({ status }, branch) => ({ branch, status, received: true }))
  const choice = chooseBest(outcomes, true, false)
  const best = choice.kind === 'received' ? failures[choice.branch] : undefined
  const status = best?.status ?? 500
  const { by, cause } = best === undefined ? NOBODY : endOfHunt(best)
  const [code, text] = Q850[status] ?? (status >= 500 && status < 600 ? OTHERWISE.failed : OTHERWISE.rejected)
  return {
    status,
    phrase: reasonPhrase(status) || PHRASES[status] || 'Call Failed',
    reason: `Q.850;cause=${code};text="${text}"`,
    // The media and the SIP server of our own are no agent's.
    end: { by, sip: status, cause: cause === 'agent-fault' ? 'trunk-fault' : cause },
  }
}

const NOBODY = { by: 'system', cause: 'trunk-fault' } as const

/** RFC 3261 §21.4 and §21.6: what our SIP server never says by itself. */
const PHRASES: Readonly<Record<number, string>> = {
  410: 'Gone',
  484: 'Address Incomplete',
  485: 'Ambiguous',
  600: 'Busy Everywhere',
  604: 'Does Not Exist Anywhere',
  606: 'Not Acceptable',
}
