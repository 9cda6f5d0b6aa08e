import { assertNever } from '../core/assert-never.ts'
import type { CallId, ErrandId, NodeId } from '../core/ids.ts'
import { later } from '../core/later.ts'
import type { AttemptOutcome } from './attempt-outcome.ts'
import { type RetryPolicy, type RetryReason, retryWaitMs } from './retry-policy.ts'

/** One call of an errand. */
export interface ErrandAttempt {
  readonly call: CallId
  readonly node: NodeId
  readonly at: Date
  /** Null: it is under way. */
  readonly outcome: AttemptOutcome | null
}

export type ErrandState =
  /** The next attempt's id is fixed before anybody may ring: who takes the errand up from a dead node makes that call, and no second one. */
  | { readonly kind: 'waiting'; readonly call: CallId; readonly dueAt: Date }
  /** From here on a telephone may ring: this is written before the INVITE goes out. */
  | { readonly kind: 'calling' | 'cancelling'; readonly call: CallId; readonly node: NodeId }
  | { readonly kind: 'done' | 'failed' | 'expired' | 'cancelled'; readonly endedAt: Date }

export const ERRAND_STATES = [
  'waiting',
  'calling',
  'cancelling',
  'done',
  'failed',
  'expired',
  'cancelled',
] as const satisfies readonly ErrandState['kind'][]

/**
 * The wish to reach somebody: one call, or several where the first does not reach them. What has to be done follows from the state that was
 * written: whoever brings an errand to `calling` rings, and the node of one that is `cancelling` hangs up what still rings.
 */
export interface Errand {
  readonly id: ErrandId
  readonly policy: RetryPolicy
  readonly createdAt: Date
  /** Later than this nobody is called. */
  readonly expiresAt: Date
  readonly history: readonly ErrandAttempt[]
  readonly state: ErrandState
  /** Why it waits or how it ended, where that needs words. */
  readonly reason: string | null
}

export type ErrandEvent =
  /** A node is about to make the call. */
  | { readonly kind: 'begins'; readonly node: NodeId }
  /** The call could not be begun, and no INVITE has left. `until`: it may be begun then; null: never. */
  | { readonly kind: 'refused'; readonly call: CallId; readonly until: Date | null; readonly reason: string }
  | { readonly kind: 'ended'; readonly call: CallId; readonly outcome: AttemptOutcome }
  /** Somebody takes the wish back. */
  | { readonly kind: 'cancel'; readonly by: string }

/** What a step takes from outside. */
export interface ErrandContext {
  readonly now: Date
  /** From 0 up to 1. */
  readonly random: number
  /** The id of a further attempt, where there is one. */
  readonly nextCall: CallId
}

/** An errand that is to be done now. */
export function newErrand(call: CallId, id: ErrandId, policy: RetryPolicy, now: Date): Errand {
  return {
    id,
    policy,
    createdAt: now,
    expiresAt: later(now, policy.withinMs),
    history: [],
    state: { kind: 'waiting', call, dueAt: now },
    reason: null,
  }
}

/** The errand after an event; the very same one where that means nothing to it, as what comes twice or too late does. */
export function stepErrand(errand: Errand, event: ErrandEvent, context: ErrandContext): Errand {
  const { state } = errand
  switch (state.kind) {
    case 'waiting':
      return stepWaiting(errand, state, event, context.now)
    case 'calling':
    case 'cancelling':
      return stepCalling(errand, state, event, context)
    case 'done':
    case 'failed':
    case 'expired':
    case 'cancelled':
      return errand
    default:
      return assertNever(state)
  }
}

/** Whether nothing more becomes of it. */
export const isOver = ({ state }: Errand): boolean => 'endedAt' in state

function stepWaiting(
  errand: Errand,
  { call }: Extract<ErrandState, { kind: 'waiting' }>,
  event: ErrandEvent,
  now: Date,
): Errand {
  switch (event.kind) {
    case 'begins': {
      if (now >= errand.expiresAt) return over(errand, 'expired', now, errand.reason ?? TOO_LATE)
      const { node } = event
      const history = [...errand.history, { call, node, at: now, outcome: null }]
      return { ...errand, history, state: { kind: 'calling', call, node }, reason: null }
    }
    case 'cancel':
      return over(errand, 'cancelled', now, `by ${event.by}`)
    case 'refused':
    case 'ended':
      return errand
    default:
      return assertNever(event)
  }
}

function stepCalling(
  errand: Errand,
  state: Extract<ErrandState, { kind: 'calling' | 'cancelling' }>,
  event: ErrandEvent,
  context: ErrandContext,
): Errand {
  switch (event.kind) {
    case 'refused':
      return event.call === state.call ? refused(errand, state, event, context.now) : errand
    case 'ended':
      return event.call === state.call ? ended(errand, state, event.outcome, context) : errand
    case 'cancel':
      if (state.kind === 'cancelling') return errand
      return { ...errand, state: { ...state, kind: 'cancelling' }, reason: `by ${event.by}` }
    case 'begins':
      return errand
    default:
      return assertNever(event)
  }
}

/** It was no attempt: the same call is made later. */
function refused(
  errand: Errand,
  { kind, call }: Extract<ErrandState, { kind: 'calling' | 'cancelling' }>,
  { until, reason }: Extract<ErrandEvent, { kind: 'refused' }>,
  now: Date,
): Errand {
  const before = { ...errand, history: errand.history.filter((attempt) => attempt.call !== call) }
  if (kind === 'cancelling') return over(before, 'cancelled', now, errand.reason)
  if (until === null) return over(before, 'failed', now, reason)
  const dueAt = until < errand.expiresAt ? until : errand.expiresAt
  return { ...before, state: { kind: 'waiting', call, dueAt }, reason }
}

function ended(
  errand: Errand,
  { kind, call }: Extract<ErrandState, { kind: 'calling' | 'cancelling' }>,
  outcome: AttemptOutcome,
  { now, random, nextCall }: ErrandContext,
): Errand {
  const history = errand.history.map((attempt) => (attempt.call === call ? { ...attempt, outcome } : attempt))
  const after = { ...errand, history }
  if (outcome === 'answered') return over(after, 'done', now, null)
  if (kind === 'cancelling') return over(after, 'cancelled', now, errand.reason)
  if (outcome === 'cancelled') return over(after, 'cancelled', now, 'its call was hung up')
  const { policy } = errand
  const isLast = !isReason(outcome) || !policy.on.includes(outcome) || history.length >= policy.attempts
  // A machine has been told what there was to say: that is an end as good as another.
  const giveUp = (as: 'failed' | 'expired'): Errand => over(after, outcome === 'machine' ? 'done' : as, now, outcome)
  if (isLast) return giveUp('failed')
  const dueAt = later(now, retryWaitMs(policy, history.length, random))
  if (dueAt >= errand.expiresAt) return giveUp('expired')
  return { ...after, state: { kind: 'waiting', call: nextCall, dueAt }, reason: outcome }
}

const TOO_LATE = 'its time was over before a call could be made'

const isReason = (outcome: AttemptOutcome): outcome is RetryReason =>
  outcome !== 'answered' && outcome !== 'rejected' && outcome !== 'cancelled'

const over = (
  errand: Errand,
  kind: Extract<ErrandState, { endedAt: Date }>['kind'],
  endedAt: Date,
  reason: string | null,
): Errand => ({ ...errand, state: { kind, endedAt }, reason })
