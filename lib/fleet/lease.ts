import { assertNever } from '../core/assert-never.ts'
import type { CallId } from '../core/ids.ts'
import type { Step } from '../core/step.ts'

/** What the owner of calls goes by; given at each step, as it holds then. */
export interface LeaseConfig {
  /** How long others take a heartbeat for a sign of life, from when it reached the shared state. */
  readonly leaseMs: number
  /** How long after a verification that could not be made the next one is tried. */
  readonly retryMs: number
  /** How often calls are verified where nothing gives rise to a doubt: what nobody has thought of ends then at the latest. */
  readonly verifyEveryMs: number
  /** No other node is known: nobody can have taken a call over, and none is muted for a doubt. */
  readonly isAlone: boolean
}

interface Common {
  /** When the last heartbeat that was acknowledged had been sent: the lease is counted from no later than this. */
  readonly ackedSentAtMs: number
  /** The last input: a node that hears nothing for longer than its lease has been stopped. */
  readonly seenAtMs: number
  /** Verifications begun so far, and when the last one was. */
  readonly round: number
  readonly verifyingSinceMs: number
}

/** A node's hold on its calls, by its own monotonic clock. `lapsed`: another node may have taken them over, and they are verified. */
export type LeaseState =
  | (Common & { readonly kind: 'held' })
  | (Common & {
      readonly kind: 'lapsed'
      readonly isMuted: boolean
      /** When the verification is tried again; null: it is under way. */
      readonly retryAtMs: number | null
    })

export type LeaseInput =
  /** Several times a lease. */
  | { readonly kind: 'tick' }
  /** The shared state has taken a heartbeat that was sent then. */
  | { readonly kind: 'renewed'; readonly sentAtMs: number }
  /** The node's own first process has found out that the node may have been taken for dead. */
  | { readonly kind: 'doubted' }
  /** PostgreSQL has said which of the calls are another node's, in a verification that began with `verify` of this round. */
  | { readonly kind: 'verified'; readonly round: number; readonly lost: readonly CallId[] }
  /** PostgreSQL could not be asked. */
  | { readonly kind: 'unverified'; readonly round: number }

export type LeaseEffect =
  /** Nothing is sent any more on the calls that are live now. */
  | { readonly kind: 'mute' }
  /** All live calls: whose are they? */
  | { readonly kind: 'verify'; readonly round: number }
  | { readonly kind: 'unmute' }
  /** These are another node's: they are dropped without a word. */
  | { readonly kind: 'fence'; readonly calls: readonly CallId[] }

/** A node begins with no calls, and nobody else has seen it yet. */
export const startLease = (nowMs: number): LeaseState => ({
  kind: 'held',
  ackedSentAtMs: nowMs,
  seenAtMs: nowMs,
  round: 0,
  verifyingSinceMs: nowMs,
})

/**
 * The owner's side of a lease. While the shared state is away the node goes on, as nobody else can read that its
 * lease is out either, or where they can, PostgreSQL and two OPTIONS stand before its calls. As soon as it may have been taken for dead
 * (a heartbeat closes a gap longer than the lease, or the process stood still for so long) its calls are silent until PostgreSQL has said whose
 * they are. A verification counts only if it began after the heartbeat that closed the gap: from there on nobody begins a take-over.
 */
export function stepLease(
  state: LeaseState,
  input: LeaseInput,
  nowMs: number,
  config: LeaseConfig,
): Step<LeaseState, LeaseEffect> {
  const hasStood = nowMs - state.seenAtMs > config.leaseMs
  const seen = { ...state, seenAtMs: nowMs }
  switch (input.kind) {
    case 'tick':
      if (hasStood || isRetryDue(seen, nowMs)) return lapse(seen, config)
      return seen.kind === 'held' && nowMs - seen.verifyingSinceMs >= config.verifyEveryMs
        ? lookAgain(seen)
        : stay(seen)
    case 'renewed': {
      // Counted from when the last one was sent to when this one is known to be there: the worst case of both ways.
      const hadGap = nowMs - seen.ackedSentAtMs > config.leaseMs
      const renewed = { ...seen, ackedSentAtMs: Math.max(seen.ackedSentAtMs, input.sentAtMs) }
      return hadGap || hasStood ? lapse(renewed, config) : stay(renewed)
    }
    case 'doubted':
      return lapse(seen, config)
    case 'verified':
      return hasStood ? doubt(seen, input.lost, config) : verified(seen, input)
    case 'unverified':
      if (hasStood) return lapse(seen, config)
      if (seen.kind === 'held' || input.round !== seen.round) return stay(seen)
      return stay({ ...seen, retryAtMs: nowMs + config.retryMs })
    default:
      return assertNever(input)
  }
}

const stay = (state: LeaseState): Step<LeaseState, LeaseEffect> => ({ state, effects: [] })

const isRetryDue = (state: LeaseState, nowMs: number): boolean =>
  state.kind === 'lapsed' && state.retryAtMs !== null && nowMs >= state.retryAtMs

/** Nothing gives rise to a doubt: the calls go on meanwhile. */
function lookAgain(state: LeaseState): Step<LeaseState, LeaseEffect> {
  const round = state.round + 1
  return { state: { ...state, round, verifyingSinceMs: state.seenAtMs }, effects: [{ kind: 'verify', round }] }
}

function lapse(state: LeaseState, config: LeaseConfig): Step<LeaseState, LeaseEffect> {
  const { ackedSentAtMs, seenAtMs } = state
  const round = state.round + 1
  const wasMuted = state.kind === 'lapsed' && state.isMuted
  const isMuted = wasMuted || !config.isAlone
  return {
    state: { kind: 'lapsed', ackedSentAtMs, seenAtMs, round, verifyingSinceMs: seenAtMs, isMuted, retryAtMs: null },
    // Calls that began since the last time are muted too.
    effects: [...(isMuted ? [{ kind: 'mute' } as const] : []), { kind: 'verify', round }],
  }
}

const fence = (calls: readonly CallId[]): readonly LeaseEffect[] =>
  calls.length === 0 ? [] : [{ kind: 'fence', calls }]

/** What is lost stays lost, whichever round has found it; what is not lost was not lost when the round began. */
function verified(
  state: LeaseState,
  { round, lost }: Extract<LeaseInput, { kind: 'verified' }>,
): Step<LeaseState, LeaseEffect> {
  if (state.kind === 'held' || round !== state.round) return { state, effects: fence(lost) }
  const { ackedSentAtMs, seenAtMs, verifyingSinceMs, isMuted } = state
  return {
    state: { kind: 'held', ackedSentAtMs, seenAtMs, round, verifyingSinceMs },
    effects: [...fence(lost), ...(isMuted ? [{ kind: 'unmute' } as const] : [])],
  }
}

/** The process stood still while it was told: the answer is as old as that. */
function doubt(state: LeaseState, lost: readonly CallId[], config: LeaseConfig): Step<LeaseState, LeaseEffect> {
  const lapsed = lapse(state, config)
  return { ...lapsed, effects: [...fence(lost), ...lapsed.effects] }
}
