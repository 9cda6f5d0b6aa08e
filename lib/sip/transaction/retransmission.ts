import { earliest, exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * The UAS core's own repetition of a response until it is acknowledged: of a 2xx to an INVITE by its ACK (RFC 3261 §13.3.1.4), of a reliable
 * provisional response by its PRACK (RFC 3262 §3). It stands beside the transaction, and runs over reliable transports too, since proxies
 * on the way may use others.
 */
export type RetransmissionState =
  | {
      readonly kind: 'unacknowledged'
      readonly retransmitAtMs: number
      readonly intervalMs: number
      readonly giveUpAtMs: number
    }
  | { readonly kind: 'done' }

/** `acknowledged`: or made needless by a later response; `wake` means that `deadlineMs` has come. */
export type RetransmissionInput = 'acknowledged' | 'wake'

/**
 * `send` the response again; `giveUp`: nothing came within 64*T1. After a 2xx the dialog is confirmed and has to be ended by a BYE; after a
 * provisional response the INVITE is to be refused with a 5xx.
 */
export type RetransmissionEffect = 'send' | 'giveUp'

type Step = TransactionStep<RetransmissionState, RetransmissionEffect>

const DONE: RetransmissionState = { kind: 'done' }

/** The state once the response has been sent for the first time. */
export const startRetransmission = (nowMs: number, timing: Timing): RetransmissionState => ({
  kind: 'unacknowledged',
  retransmitAtMs: nowMs + timing.t1Ms,
  intervalMs: timing.t1Ms,
  giveUpAtMs: nowMs + exchangeMs(timing),
})

/** One input. The interval starts at T1 and doubles up to `longestMs`: T2 for a 2xx, Infinity for a provisional response. */
export function stepRetransmission(
  state: RetransmissionState,
  input: RetransmissionInput,
  nowMs: number,
  longestMs: number,
): Step {
  if (state.kind === 'done') return { state, effects: NO_EFFECTS }
  if (input === 'acknowledged') return { state: DONE, effects: NO_EFFECTS }
  if (nowMs >= state.giveUpAtMs) return { state: DONE, effects: ['giveUp'] }
  if (nowMs < state.retransmitAtMs) return { state, effects: NO_EFFECTS }
  const intervalMs = Math.min(state.intervalMs * 2, longestMs)
  return { state: { ...state, intervalMs, retransmitAtMs: nowMs + intervalMs }, effects: ['send'] }
}

/** When the next `wake` is wanted; undefined once it is over. */
export const retransmissionDeadlineMs = (state: RetransmissionState): number | undefined =>
  state.kind === 'done' ? undefined : earliest(state.retransmitAtMs, state.giveUpAtMs)
