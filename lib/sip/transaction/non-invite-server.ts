import { assertNever } from '../../core/assert-never.ts'
import { exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * Non-INVITE server transaction (RFC 3261 §17.2.2), with what RFC 4320 asks of it: a 100 only once the client's
 * timer E has grown to T2, and nothing at all after 64*T1, since the client no longer listens and no 408 may be sent.
 *
 *   trying ──1xx──▶ proceeding ──200-699──▶ completed ──J──▶ terminated
 */
export type NonInviteServerState =
  | {
      readonly kind: 'trying'
      /** When a 100 stops the client's retransmissions; absent over a reliable transport. */
      readonly hundredAtMs: number | undefined
      readonly giveUpAtMs: number
    }
  | { readonly kind: 'proceeding'; readonly giveUpAtMs: number }
  /** Timer J: the request may come again. */
  | { readonly kind: 'completed'; readonly untilMs: number }
  | { readonly kind: 'terminated' }

/** `request` is a retransmission from the network; `provisional` and `final` are the user's responses. */
export type NonInviteServerInput = 'request' | 'provisional' | 'final' | 'wake' | 'transportError'

/**
 * `send` the latest response; `sendHundred`: make a 100 and send it; `expired`: the user never answered and may not
 * any more. A user's response that brings no `send` came too late.
 */
export type NonInviteServerEffect = 'send' | 'sendHundred' | 'expired' | 'unreachable'

type Step = TransactionStep<NonInviteServerState, NonInviteServerEffect>

const TERMINATED: NonInviteServerState = { kind: 'terminated' }

/** The state after the request has come for the first time. */
export function startNonInviteServer(nowMs: number, timing: Timing): NonInviteServerState {
  return {
    kind: 'trying',
    hundredAtMs: timing.reliable ? undefined : nowMs + msUntilTimerEReachesT2(timing),
    giveUpAtMs: nowMs + exchangeMs(timing),
  }
}

/** RFC 4320 §4.1: T1 + 2*T1 + 4*T1 … until the next interval would be T2; 3.5 s with the usual values. */
function msUntilTimerEReachesT2(timing: Timing): number {
  let elapsedMs = 0
  for (let intervalMs = timing.t1Ms; intervalMs < timing.t2Ms; intervalMs *= 2) elapsedMs += intervalMs
  return elapsedMs
}

/** One input to a non-INVITE server transaction. Inputs that mean nothing to a state leave it as it is. */
export function stepNonInviteServer(
  state: NonInviteServerState,
  input: NonInviteServerInput,
  nowMs: number,
  timing: Timing,
): Step {
  switch (state.kind) {
    case 'trying':
    case 'proceeding':
      return stepOpen(state, input, nowMs, timing)
    case 'completed':
      if (input === 'request') return { state, effects: ['send'] }
      if (input === 'transportError') return { state: TERMINATED, effects: ['unreachable'] }
      if (input === 'wake' && nowMs >= state.untilMs) return { state: TERMINATED, effects: NO_EFFECTS }
      return { state, effects: NO_EFFECTS }
    case 'terminated':
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(state)
  }
}

type Open = Extract<NonInviteServerState, { giveUpAtMs: number }>

function stepOpen(state: Open, input: NonInviteServerInput, nowMs: number, timing: Timing): Step {
  switch (input) {
    case 'request':
      return { state, effects: state.kind === 'proceeding' ? ['send'] : NO_EFFECTS }
    case 'provisional':
      return { state: { kind: 'proceeding', giveUpAtMs: state.giveUpAtMs }, effects: ['send'] }
    case 'final':
      if (timing.reliable) return { state: TERMINATED, effects: ['send'] }
      return { state: { kind: 'completed', untilMs: nowMs + exchangeMs(timing) }, effects: ['send'] }
    case 'transportError':
      return { state: TERMINATED, effects: ['unreachable'] }
    case 'wake':
      if (nowMs >= state.giveUpAtMs) return { state: TERMINATED, effects: ['expired'] }
      if (state.kind === 'trying' && state.hundredAtMs !== undefined && nowMs >= state.hundredAtMs) {
        return { state: { kind: 'proceeding', giveUpAtMs: state.giveUpAtMs }, effects: ['sendHundred'] }
      }
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(input)
  }
}

/** When the machine wants its next `wake`; undefined once it is over. */
export function nonInviteServerDeadlineMs(state: NonInviteServerState): number | undefined {
  switch (state.kind) {
    case 'trying':
      return Math.min(state.hundredAtMs ?? state.giveUpAtMs, state.giveUpAtMs)
    case 'proceeding':
      return state.giveUpAtMs
    case 'completed':
      return state.untilMs
    case 'terminated':
      return undefined
    default:
      return assertNever(state)
  }
}
