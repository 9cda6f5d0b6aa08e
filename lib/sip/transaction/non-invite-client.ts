import { assertNever } from '../../core/assert-never.ts'
import { earliest, exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * Non-INVITE client transaction (RFC 3261 §17.1.2).
 *
 *   trying ──1xx──▶ proceeding ──200-699──▶ completed ──K──▶ terminated
 */
export type NonInviteClientState =
  | {
      readonly kind: 'trying' | 'proceeding'
      /** Timer E; absent over a reliable transport. */
      readonly retransmitAtMs: number | undefined
      readonly intervalMs: number
      /** Timer F. */
      readonly giveUpAtMs: number
    }
  /** Timer K: the final response may come again. */
  | { readonly kind: 'completed'; readonly untilMs: number }
  | { readonly kind: 'terminated' }

/**
 * `wake` means that `deadlineMs` has come; `cancel`, that nobody waits for an answer any more: its time is over now. No CANCEL
 * is sent, which would mean nothing to whoever has the request (RFC 3261 §9.1).
 */
export type NonInviteClientInput = 'provisional' | 'final' | 'cancel' | 'wake' | 'transportError'

/** `send` the request; `pass` the response up; `timeout`: no answer, 408 to the user; `unreachable`: 503. */
export type NonInviteClientEffect = 'send' | 'pass' | 'timeout' | 'unreachable'

type Step = TransactionStep<NonInviteClientState, NonInviteClientEffect>
type Waiting = Extract<NonInviteClientState, { giveUpAtMs: number }>

const TERMINATED: NonInviteClientState = { kind: 'terminated' }

/** Sends the request for the first time. */
export function startNonInviteClient(nowMs: number, timing: Timing): Step {
  return {
    state: {
      kind: 'trying',
      retransmitAtMs: timing.reliable ? undefined : nowMs + timing.t1Ms,
      intervalMs: timing.t1Ms,
      giveUpAtMs: nowMs + exchangeMs(timing),
    },
    effects: ['send'],
  }
}

/** One input to a non-INVITE client transaction. Inputs that mean nothing to a state leave it as it is. */
export function stepNonInviteClient(
  state: NonInviteClientState,
  input: NonInviteClientInput,
  nowMs: number,
  timing: Timing,
): Step {
  switch (state.kind) {
    case 'trying':
    case 'proceeding':
      return stepWaiting(state, input, nowMs, timing)
    case 'completed': {
      const over = input === 'wake' && nowMs >= state.untilMs
      return { state: over ? TERMINATED : state, effects: NO_EFFECTS }
    }
    case 'terminated':
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(state)
  }
}

function stepWaiting(state: Waiting, input: NonInviteClientInput, nowMs: number, timing: Timing): Step {
  switch (input) {
    case 'provisional':
      return { state: { ...state, kind: 'proceeding' }, effects: ['pass'] }
    case 'final':
      if (timing.reliable) return { state: TERMINATED, effects: ['pass'] }
      return { state: { kind: 'completed', untilMs: nowMs + timing.t4Ms }, effects: ['pass'] }
    case 'cancel':
      return { state: TERMINATED, effects: ['timeout'] }
    case 'transportError':
      return { state: TERMINATED, effects: ['unreachable'] }
    case 'wake':
      if (nowMs >= state.giveUpAtMs) return { state: TERMINATED, effects: ['timeout'] }
      return retransmit(state, nowMs, timing)
    default:
      return assertNever(input)
  }
}

/** Timer E: doubles up to T2 while trying, and is T2 once proceeding (RFC 3261 §17.1.2.2). */
function retransmit(state: Waiting, nowMs: number, timing: Timing): Step {
  if (state.retransmitAtMs === undefined || nowMs < state.retransmitAtMs) return { state, effects: NO_EFFECTS }
  const intervalMs = state.kind === 'proceeding' ? timing.t2Ms : Math.min(state.intervalMs * 2, timing.t2Ms)
  return { state: { ...state, intervalMs, retransmitAtMs: nowMs + intervalMs }, effects: ['send'] }
}

/** When the machine wants its next `wake`; undefined once it is over. */
export function nonInviteClientDeadlineMs(state: NonInviteClientState): number | undefined {
  switch (state.kind) {
    case 'trying':
    case 'proceeding':
      return earliest(state.retransmitAtMs, state.giveUpAtMs)
    case 'completed':
      return state.untilMs
    case 'terminated':
      return undefined
    default:
      return assertNever(state)
  }
}
