import { earliest, exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * The UAS core's own repetition of a 2xx to an INVITE until its ACK comes (RFC 3261 §13.3.1.4). It stands beside the
 * transaction, which has no ACK to wait for after a 2xx, and runs over reliable transports too.
 */
export type SuccessRetransmissionState =
  | {
      readonly kind: 'unacknowledged'
      readonly retransmitAtMs: number
      readonly intervalMs: number
      readonly giveUpAtMs: number
    }
  | { readonly kind: 'done' }

/** `wake` means that `deadlineMs` has come. */
export type SuccessRetransmissionInput = 'ack' | 'wake'

/** `send` the 2xx again; `giveUp`: no ACK within 64*T1, the dialog is confirmed and has to be ended by a BYE. */
export type SuccessRetransmissionEffect = 'send' | 'giveUp'

type Step = TransactionStep<SuccessRetransmissionState, SuccessRetransmissionEffect>

const DONE: SuccessRetransmissionState = { kind: 'done' }

/** The state once the 2xx has been sent for the first time. */
export const startSuccessRetransmission = (nowMs: number, timing: Timing): SuccessRetransmissionState => ({
  kind: 'unacknowledged',
  retransmitAtMs: nowMs + timing.t1Ms,
  intervalMs: timing.t1Ms,
  giveUpAtMs: nowMs + exchangeMs(timing),
})

/** One input; the interval starts at T1 and doubles up to T2. */
export function stepSuccessRetransmission(
  state: SuccessRetransmissionState,
  input: SuccessRetransmissionInput,
  nowMs: number,
  timing: Timing,
): Step {
  if (state.kind === 'done') return { state, effects: NO_EFFECTS }
  if (input === 'ack') return { state: DONE, effects: NO_EFFECTS }
  if (nowMs >= state.giveUpAtMs) return { state: DONE, effects: ['giveUp'] }
  if (nowMs < state.retransmitAtMs) return { state, effects: NO_EFFECTS }
  const intervalMs = Math.min(state.intervalMs * 2, timing.t2Ms)
  return { state: { ...state, intervalMs, retransmitAtMs: nowMs + intervalMs }, effects: ['send'] }
}

/** When the next `wake` is wanted; undefined once it is over. */
export const successRetransmissionDeadlineMs = (state: SuccessRetransmissionState): number | undefined =>
  state.kind === 'done' ? undefined : earliest(state.retransmitAtMs, state.giveUpAtMs)
