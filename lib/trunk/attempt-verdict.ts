import { assertNever } from '../core/assert-never.ts'

/** How one INVITE of ours ended. `ringing`: an 18x had come before (RFC 3261 §13.2.2.1), with or without early media. */
export type AttemptEnd =
  | { readonly kind: 'answered' }
  /** A final status of the far end, 300 to 699. A 401 or 407 is one that credentials did not satisfy. */
  | { readonly kind: 'response'; readonly status: number; readonly ringing: boolean }
  /** No DNS answer, no connection, no TLS, or an ICMP error. */
  | { readonly kind: 'transport'; readonly ringing: boolean }
  /** A 2xx without what a call needs of it, Contact or SDP: acknowledged, and ended by BYE. */
  | { readonly kind: 'unusable' }
  /** Nothing at all came back in time. */
  | { readonly kind: 'noReply' }
  /** 100 Trying and then nothing in time. */
  | { readonly kind: 'noProgress' }
  /** It rang for as long as it may. */
  | { readonly kind: 'ringTimeout' }
  /** Whoever asked for the call gave it up. */
  | { readonly kind: 'cancelled' }
  /** The time for trying trunks was over before this one had its own. */
  | { readonly kind: 'budget' }
  /** The trunk is at one of its limits: no INVITE was sent. */
  | { readonly kind: 'full' }
  /** The INVITE never left: no media, or no SIP server of our own. */
  | { readonly kind: 'local' }

/**
 * What is tried next. `target`: another address of the same trunk, then the next trunk; `codec`: the same address with the
 * other offer, once a call; `redirect`: the Contacts of the 3xx.
 */
export type NextStep = 'trunk' | 'target' | 'codec' | 'redirect' | 'stop'

/** Who is to be blamed, for records and alarms. `account`: the carrier works, but not for us. */
export type Blame = 'nobody' | 'trunk' | 'account' | 'callee' | 'caller' | 'us'

/**
 * What the attempt is to the health of its trunk. `unreachable` (transport, `noReply`) fails it after three in a row, `noProgress`
 * counts only over several numbers, `account` raises an alarm, and `nothing` is no evidence at all.
 */
export type CountsAs = 'fine' | 'fault' | 'unreachable' | 'noProgress' | 'account' | 'nothing'

/** One verdict feeds the hunt, the trunk's health, the record and the alert. */
export interface Verdict {
  readonly next: NextStep
  readonly blame: Blame
  readonly countsAs: CountsAs
}

/** What a trunk's configuration has to say about verdicts. */
export interface VerdictPolicy {
  /** Whether 480 moves on to the next trunk. */
  readonly hunt480: boolean
}

const STOP = { next: 'stop', countsAs: 'fine' } as const
const TRUNK_FAULT: Verdict = { next: 'trunk', blame: 'trunk', countsAs: 'fault' }
const ACCOUNT: Verdict = { next: 'trunk', blame: 'account', countsAs: 'account' }

/** Rows of the table that name their statuses; every other final status is the callee's or the caller's, and stops. */
const BEFORE_RINGING: Readonly<Record<number, Verdict>> = {
  401: ACCOUNT,
  402: ACCOUNT,
  403: ACCOUNT,
  407: ACCOUNT,
  408: TRUNK_FAULT,
  488: { next: 'codec', blame: 'us', countsAs: 'fine' },
  500: TRUNK_FAULT,
  502: TRUNK_FAULT,
  503: { ...TRUNK_FAULT, next: 'target' },
  504: TRUNK_FAULT,
  606: { next: 'codec', blame: 'us', countsAs: 'fine' },
}

/** What the end of an attempt means: which is tried next, and what it says about the trunk. The one table of it. */
export function judgeAttempt(end: AttemptEnd, policy: VerdictPolicy): Verdict {
  switch (end.kind) {
    case 'answered':
      return { ...STOP, blame: 'nobody' }
    case 'response':
      return end.ringing ? judgeAfterRinging(end.status) : judgeStatus(end.status, policy)
    case 'transport':
      return { next: end.ringing ? 'stop' : 'target', blame: 'trunk', countsAs: 'unreachable' }
    case 'unusable':
      // The callee has answered: another trunk would ring the same phone again.
      return { ...TRUNK_FAULT, next: 'stop' }
    case 'noReply':
      return { next: 'trunk', blame: 'trunk', countsAs: 'unreachable' }
    case 'noProgress':
      return { next: 'trunk', blame: 'trunk', countsAs: 'noProgress' }
    case 'ringTimeout':
      return { ...STOP, blame: 'callee' }
    case 'cancelled':
      return { next: 'stop', blame: 'caller', countsAs: 'nothing' }
    case 'budget':
      return { next: 'stop', blame: 'trunk', countsAs: 'nothing' }
    case 'full':
      return { next: 'trunk', blame: 'us', countsAs: 'nothing' }
    case 'local':
      return { next: 'stop', blame: 'us', countsAs: 'nothing' }
    default:
      return assertNever(end)
  }
}

function judgeStatus(status: number, { hunt480 }: VerdictPolicy): Verdict {
  const named = BEFORE_RINGING[status]
  if (named !== undefined) return named
  if (status < 400) return { next: 'redirect', blame: 'nobody', countsAs: 'fine' }
  if (status === 480) return { next: hunt480 ? 'trunk' : 'stop', blame: 'callee', countsAs: 'fine' }
  return { ...STOP, blame: 'callee' }
}

/** The callee's phone has rung: a second trunk would ring it again (RFC 3261 leaves that to us; callers do not). */
const judgeAfterRinging = (status: number): Verdict =>
  status >= 500 && status < 600 ? { next: 'stop', blame: 'trunk', countsAs: 'fault' } : { ...STOP, blame: 'callee' }
