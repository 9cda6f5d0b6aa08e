import { assertNever } from '../../core/assert-never.ts'
import { earliest, exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * INVITE server transaction (RFC 3261 §17.2.1, with RFC 6026's Accepted state).
 *
 *   proceeding ──300-699──▶ completed ──ACK──▶ confirmed ──I──▶ terminated
 *       └───────2xx───────▶ accepted ──L──▶ terminated
 */
export type InviteServerState =
  | { readonly kind: 'proceeding' }
  | {
      readonly kind: 'completed'
      /** Timer G; absent over a reliable transport. */
      readonly retransmitAtMs: number | undefined
      readonly intervalMs: number
      /** Timer H. */
      readonly giveUpAtMs: number
    }
  /** Timer I: the ACK may come again. */
  | { readonly kind: 'confirmed'; readonly untilMs: number }
  /** Timer L: the INVITE may come again while the user retransmits its 2xx. */
  | { readonly kind: 'accepted'; readonly untilMs: number }
  | { readonly kind: 'terminated' }

/**
 * `invite` and `ack` come from the network, the first INVITE excepted; `provisional`, `success` and `failure` are the
 * user's responses, a repeated 2xx included.
 */
export type InviteServerInput = 'invite' | 'ack' | 'provisional' | 'success' | 'failure' | 'wake' | 'transportError'

/**
 * `send` the latest response; `passAck`: an ACK to the 2xx came with the INVITE's branch (RFC 2543 peers);
 * `noAck`: timer H, the failure was never acknowledged. A user's response that brings no `send` came too late.
 */
export type InviteServerEffect = 'send' | 'passAck' | 'noAck' | 'unreachable'

type Step = TransactionStep<InviteServerState, InviteServerEffect>

const TERMINATED: InviteServerState = { kind: 'terminated' }

/** What every INVITE starts with. A 100, where one is due, is a `provisional` input (RFC 3261 §17.2.1). */
export const INVITE_SERVER_START: InviteServerState = { kind: 'proceeding' }

/** One input to an INVITE server transaction. Inputs that mean nothing to a state leave it as it is. */
export function stepInviteServer(
  state: InviteServerState,
  input: InviteServerInput,
  nowMs: number,
  timing: Timing,
): Step {
  switch (state.kind) {
    case 'proceeding':
      return stepProceeding(state, input, nowMs, timing)
    case 'completed':
      return stepCompleted(state, input, nowMs, timing)
    case 'accepted':
      if (input === 'success') return { state, effects: ['send'] }
      if (input === 'ack') return { state, effects: ['passAck'] }
      return expire(state, input, nowMs)
    case 'confirmed':
      return expire(state, input, nowMs)
    case 'terminated':
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(state)
  }
}

type Completed = Extract<InviteServerState, { kind: 'completed' }>

function stepProceeding(state: InviteServerState, input: InviteServerInput, nowMs: number, timing: Timing): Step {
  switch (input) {
    case 'invite':
    case 'provisional':
      return { state, effects: ['send'] }
    case 'success':
      return { state: { kind: 'accepted', untilMs: nowMs + exchangeMs(timing) }, effects: ['send'] }
    case 'failure':
      return {
        state: {
          kind: 'completed',
          retransmitAtMs: timing.reliable ? undefined : nowMs + timing.t1Ms,
          intervalMs: timing.t1Ms,
          giveUpAtMs: nowMs + exchangeMs(timing),
        },
        effects: ['send'],
      }
    case 'transportError':
      return { state: TERMINATED, effects: ['unreachable'] }
    case 'ack':
    case 'wake':
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(input)
  }
}

function stepCompleted(state: Completed, input: InviteServerInput, nowMs: number, timing: Timing): Step {
  switch (input) {
    case 'invite':
      return { state, effects: ['send'] }
    case 'ack':
      if (timing.reliable) return { state: TERMINATED, effects: NO_EFFECTS }
      return { state: { kind: 'confirmed', untilMs: nowMs + timing.t4Ms }, effects: NO_EFFECTS }
    case 'transportError':
      return { state: TERMINATED, effects: ['unreachable'] }
    case 'wake':
      if (nowMs >= state.giveUpAtMs) return { state: TERMINATED, effects: ['noAck'] }
      return retransmit(state, nowMs, timing)
    case 'provisional':
    case 'success':
    case 'failure':
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(input)
  }
}

/** Timer G: the interval doubles up to T2. */
function retransmit(state: Completed, nowMs: number, timing: Timing): Step {
  if (state.retransmitAtMs === undefined || nowMs < state.retransmitAtMs) return { state, effects: NO_EFFECTS }
  const intervalMs = Math.min(state.intervalMs * 2, timing.t2Ms)
  return { state: { ...state, intervalMs, retransmitAtMs: nowMs + intervalMs }, effects: ['send'] }
}

function expire(state: Extract<InviteServerState, { untilMs: number }>, input: InviteServerInput, nowMs: number): Step {
  const over = input === 'wake' && nowMs >= state.untilMs
  return { state: over ? TERMINATED : state, effects: NO_EFFECTS }
}

/** When the machine wants its next `wake`. Proceeding has none: how long the user may take is the user's matter. */
export function inviteServerDeadlineMs(state: InviteServerState): number | undefined {
  switch (state.kind) {
    case 'completed':
      return earliest(state.retransmitAtMs, state.giveUpAtMs)
    case 'accepted':
    case 'confirmed':
      return state.untilMs
    case 'proceeding':
    case 'terminated':
      return undefined
    default:
      return assertNever(state)
  }
}
