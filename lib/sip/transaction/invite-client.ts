import { assertNever } from '../../core/assert-never.ts'
import { earliest, exchangeMs, NO_EFFECTS, type Timing, type TransactionStep } from './timing.ts'

/**
 * INVITE client transaction (RFC 3261 §17.1.1, with RFC 6026's Accepted state).
 *
 *   calling ──1xx──▶ proceeding ──300-699──▶ completed ──D──▶ terminated
 *      └──────2xx────────┴──────▶ accepted ──M──▶ terminated
 */
export type InviteClientState =
  | {
      readonly kind: 'calling'
      /** Timer A; absent over a reliable transport, and once a CANCEL is wanted. */
      readonly retransmitAtMs: number | undefined
      readonly intervalMs: number
      /** Timer B; timer C once a CANCEL is wanted. */
      readonly giveUpAtMs: number
      /** A CANCEL waits for the first provisional response (RFC 3261 §9.1). */
      readonly cancelWanted: boolean
    }
  | {
      readonly kind: 'proceeding'
      /** Timer C; once cancelled, the 64*T1 in which the 487 has to come (RFC 3261 §9.1). */
      readonly giveUpAtMs: number
      readonly cancelled: boolean
    }
  /** Timer D. */
  | { readonly kind: 'completed'; readonly untilMs: number }
  /** Timer M. */
  | { readonly kind: 'accepted'; readonly untilMs: number }
  | { readonly kind: 'terminated' }

/**
 * `trying` is a 100, which leaves timer C as it is (RFC 3261 §16.7 item 2); `cancel` is the user's wish to end the INVITE; `wake` means
 * that `deadlineMs` has come.
 */
export type InviteClientInput = 'trying' | 'provisional' | 'success' | 'failure' | 'cancel' | 'wake' | 'transportError'

/**
 * `send` the request; `pass` the response up; `ack` the final response just received (non-2xx: the ACK belongs to the
 * transaction); `cancel`: send a CANCEL of this INVITE; `timeout`: no answer, 408 to the user; `unreachable`: 503.
 */
export type InviteClientEffect = 'send' | 'pass' | 'ack' | 'cancel' | 'timeout' | 'unreachable'

type Step = TransactionStep<InviteClientState, InviteClientEffect>

const TERMINATED: InviteClientState = { kind: 'terminated' }

/** Sends the INVITE for the first time. */
export function startInviteClient(nowMs: number, timing: Timing): Step {
  return {
    state: {
      kind: 'calling',
      retransmitAtMs: timing.reliable ? undefined : nowMs + timing.t1Ms,
      intervalMs: timing.t1Ms,
      giveUpAtMs: nowMs + exchangeMs(timing),
      cancelWanted: false,
    },
    effects: ['send'],
  }
}

/** One input to an INVITE client transaction. Inputs that mean nothing to a state leave it as it is. */
export function stepInviteClient(
  state: InviteClientState,
  input: InviteClientInput,
  nowMs: number,
  timing: Timing,
): Step {
  switch (state.kind) {
    case 'calling':
      return stepCalling(state, input, nowMs, timing)
    case 'proceeding':
      return stepProceeding(state, input, nowMs, timing)
    case 'completed':
      if (input === 'failure') return { state, effects: ['ack'] }
      if (input === 'transportError') return { state: TERMINATED, effects: ['unreachable'] }
      return expire(state, input, nowMs)
    case 'accepted':
      // Every 2xx goes up: a retransmission wants its ACK again, another branch's is a dialog of its own.
      if (input === 'success') return { state, effects: ['pass'] }
      return expire(state, input, nowMs)
    case 'terminated':
      return { state, effects: NO_EFFECTS }
    default:
      return assertNever(state)
  }
}

type Calling = Extract<InviteClientState, { kind: 'calling' }>
type Proceeding = Extract<InviteClientState, { kind: 'proceeding' }>

function stepCalling(state: Calling, input: InviteClientInput, nowMs: number, timing: Timing): Step {
  switch (input) {
    case 'trying':
    case 'provisional':
      if (state.cancelWanted) return { state: cancelled(nowMs, timing), effects: ['pass', 'cancel'] }
      return { state: proceeding(nowMs, timing), effects: ['pass'] }
    case 'success':
    case 'failure':
      return onFinal(input, nowMs, timing)
    case 'cancel':
      return { state: state.cancelWanted ? state : unwanted(state, nowMs, timing), effects: NO_EFFECTS }
    case 'transportError':
      return { state: TERMINATED, effects: ['unreachable'] }
    case 'wake':
      if (nowMs >= state.giveUpAtMs) return { state: TERMINATED, effects: ['timeout'] }
      return retransmit(state, nowMs)
    default:
      return assertNever(input)
  }
}

function stepProceeding(state: Proceeding, input: InviteClientInput, nowMs: number, timing: Timing): Step {
  switch (input) {
    case 'trying':
      return { state, effects: ['pass'] }
    case 'provisional':
      return { state: state.cancelled ? state : proceeding(nowMs, timing), effects: ['pass'] }
    case 'success':
    case 'failure':
      return onFinal(input, nowMs, timing)
    case 'cancel':
      if (state.cancelled) return { state, effects: NO_EFFECTS }
      return { state: cancelled(nowMs, timing), effects: ['cancel'] }
    case 'transportError':
      return { state, effects: NO_EFFECTS }
    case 'wake':
      if (nowMs < state.giveUpAtMs) return { state, effects: NO_EFFECTS }
      if (state.cancelled) return { state: TERMINATED, effects: ['timeout'] }
      return { state: cancelled(nowMs, timing), effects: ['cancel'] }
    default:
      return assertNever(input)
  }
}

/** Timer A: the interval doubles without a cap. */
function retransmit(state: Calling, nowMs: number): Step {
  if (state.retransmitAtMs === undefined || nowMs < state.retransmitAtMs) return { state, effects: NO_EFFECTS }
  const intervalMs = state.intervalMs * 2
  return { state: { ...state, intervalMs, retransmitAtMs: nowMs + intervalMs }, effects: ['send'] }
}

/**
 * An INVITE that nobody wants any more and that has had no answer, so that no CANCEL may follow it yet. It is sent no more: a
 * server that wakes up would ring a callee who is talking over another trunk by then. What has left may lie in that server's
 * queue for longer than timer B, which is why its answers are awaited, to be cancelled or hung up, for as long as timer C.
 */
const unwanted = (state: Calling, nowMs: number, timing: Timing): InviteClientState => ({
  ...state,
  cancelWanted: true,
  retransmitAtMs: undefined,
  giveUpAtMs: nowMs + timing.timerCMs,
})

const proceeding = (nowMs: number, timing: Timing): InviteClientState => ({
  kind: 'proceeding',
  giveUpAtMs: nowMs + timing.timerCMs,
  cancelled: false,
})

const cancelled = (nowMs: number, timing: Timing): InviteClientState => ({
  kind: 'proceeding',
  giveUpAtMs: nowMs + exchangeMs(timing),
  cancelled: true,
})

function onFinal(input: 'success' | 'failure', nowMs: number, timing: Timing): Step {
  if (input === 'success') {
    return { state: { kind: 'accepted', untilMs: nowMs + exchangeMs(timing) }, effects: ['pass'] }
  }
  if (timing.reliable) return { state: TERMINATED, effects: ['ack', 'pass'] }
  return { state: { kind: 'completed', untilMs: nowMs + timing.timerDMs }, effects: ['ack', 'pass'] }
}

function expire(state: Extract<InviteClientState, { untilMs: number }>, input: InviteClientInput, nowMs: number): Step {
  const over = input === 'wake' && nowMs >= state.untilMs
  return { state: over ? TERMINATED : state, effects: NO_EFFECTS }
}

/** When the machine wants its next `wake`; undefined once it is over. */
export function inviteClientDeadlineMs(state: InviteClientState): number | undefined {
  switch (state.kind) {
    case 'calling':
      return earliest(state.retransmitAtMs, state.giveUpAtMs)
    case 'proceeding':
      return state.giveUpAtMs
    case 'completed':
    case 'accepted':
      return state.untilMs
    case 'terminated':
      return undefined
    default:
      return assertNever(state)
  }
}
