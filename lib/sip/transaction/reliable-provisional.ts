import { earliest, exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * The UAS core's repetition of a reliable provisional response until its PRACK comes (RFC 3262 §3). It runs over reliable
 * transports too, since proxies on the way may use others.
 */
export type ReliableProvisionalState =
  | {
      readonly kind: 'unacknowledged'
      readonly retransmitAtMs: number
      readonly intervalMs: number
      readonly giveUpAtMs: number
    }
  | { readonly kind: 'done' }

/** `prack`: it is acknowledged, or a final response makes it needless; `wake` means that `deadlineMs` has come. */
export type ReliableProvisionalInput = 'prack' | 'wake'

/** `send` the response again; `giveUp`: no PRACK within 64*T1, the INVITE is to be refused with a 5xx. */
export type ReliableProvisionalEffect = 'send' | 'giveUp'

type Step = TransactionStep<ReliableProvisionalState, ReliableProvisionalEffect>

const DONE: ReliableProvisionalState = { kind: 'done' }

/** The state once the response has been sent for the first time. */
export const startReliableProvisional = (nowMs: number, timing: Timing): ReliableProvisionalState => ({
  kind: 'unacknowledged',
  retransmitAtMs: nowMs + timing.t1Ms,
  intervalMs: timing.t1Ms,
  giveUpAtMs: nowMs + exchangeMs(timing),
})

/** One input; the interval starts at T1 and doubles without a cap, unlike that of a 2xx. */
export function stepReliableProvisional(
  state: ReliableProvisionalState,
  input: ReliableProvisionalInput,
  nowMs: number,
): Step {
  if (state.kind === 'done') return { state, effects: NO_EFFECTS }
  if (input === 'prack') return { state: DONE, effects: NO_EFFECTS }
  if (nowMs >= state.giveUpAtMs) return { state: DONE, effects: ['giveUp'] }
  if (nowMs < state.retransmitAtMs) return { state, effects: NO_EFFECTS }
  const intervalMs = state.intervalMs * 2
  return { state: { ...state, intervalMs, retransmitAtMs: nowMs + intervalMs }, effects: ['send'] }
}

/** When the next `wake` is wanted; undefined once it is over. */
export const reliableProvisionalDeadlineMs = (state: ReliableProvisionalState): number | undefined =>
  state.kind === 'done' ? undefined : earliest(state.retransmitAtMs, state.giveUpAtMs)
