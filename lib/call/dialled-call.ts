import { assertNever } from '../core/assert-never.ts'
import type { EndCause } from '../observe/call-record.ts'
import { GIVEN_UP, type Refusal, TAKEN_FROM_US } from './agent-call.ts'
import { cancelAll, ringNext, stepRinging } from './dialled-ringing.ts'
import {
  type DialledCallEffect,
  type DialledCallInput,
  type DialledCallState,
  type DialledCallStep,
  type DialOrder,
  endDialled,
  type Held,
  isRung,
  rejectDialled,
  stayDialled,
  type TargetId,
} from './dialled-state.ts'

export const newDialledCall = (): DialledCallState => ({ kind: 'preparing' })

/** When the machine wants its next `wake`; undefined: not at all. */
export function dialledCallDeadlineMs(state: DialledCallState): number | undefined {
  if (state.kind !== 'ringing') return undefined
  const deadlines = state.open.flatMap(({ untilMs }) => untilMs ?? [])
  return deadlines.length === 0 ? undefined : Math.min(...deadlines)
}

/** One input to the call. What comes late, or means nothing to a state, leaves it as it is. */
export function stepDialledCall(
  state: DialledCallState,
  input: DialledCallInput,
  nowMs: number,
  order: DialOrder,
): DialledCallStep {
  // Two may answer at once: the second one's hunt has ended by then, and cannot hang them up any more.
  if (input.kind === 'answered' && !isRung(state, input.target) && !isTaken(state, input.target))
    return { state, effects: [{ kind: 'byeCallee', target: input.target, cause: 'cancelled' }] }
  if (input.kind === 'fenced' && state.kind !== 'ended' && state.kind !== 'handedOver') return drop(state)
  switch (state.kind) {
    case 'preparing':
      return stepPreparing(state, input, nowMs, order)
    case 'ringing':
      return stepRinging(state, input, nowMs, order)
    case 'connecting':
      return stepConnecting(state, input)
    case 'answering':
      return stepAnswering(state, input)
    case 'up':
      return stepUp(state, input, order)
    case 'handedOver':
    case 'ended':
      return stayDialled(state)
    default:
      return assertNever(state)
  }
}

const isTaken = (state: DialledCallState, target: TargetId): boolean => 'target' in state && state.target === target

function stepPreparing(
  state: DialledCallState,
  input: DialledCallInput,
  nowMs: number,
  order: DialOrder,
): DialledCallStep {
  switch (input.kind) {
    case 'agreed':
      return ringNext({ kind: 'ringing', open: [], next: 0, failures: [] }, nowMs, order)
    case 'refused':
      return endDialled(
        { by: 'system', sip: input.refusal.status, cause: input.refusal.cause },
        rejectDialled(input.refusal),
      )
    case 'cancelled':
      return endDialled({ by: 'caller', sip: 487, cause: 'cancelled' })
    case 'hangUp':
      return endDialled({ by: input.by, sip: GIVEN_UP.status, cause: input.cause }, rejectDialled(GIVEN_UP))
    case 'lost':
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' })
    default:
      return stayDialled(state)
  }
}

function stepConnecting(
  state: Extract<DialledCallState, { kind: 'connecting' }>,
  input: DialledCallInput,
): DialledCallStep {
  const { target } = state
  switch (input.kind) {
    case 'joined':
      return { state: { kind: 'answering', target, end: null }, effects: [{ kind: 'answer' }] }
    case 'disagreed':
      return endDialled(
        { by: 'system', sip: 500, cause: 'rejected' },
        byeCallee(target, 'rejected'),
        rejectDialled(UNJOINED),
      )
    case 'calleeBye':
      return endDialled({ by: 'callee', sip: 480, cause: 'normal' }, rejectDialled(LEFT))
    case 'calleeBroken':
      return endDialled({ by: 'system', sip: 500, cause: 'trunk-fault' }, rejectDialled(UNJOINED))
    case 'cancelled':
      return endDialled({ by: 'caller', sip: 487, cause: 'cancelled' }, byeCallee(target, 'cancelled'))
    case 'hangUp':
      return endDialled(
        { by: input.by, sip: GIVEN_UP.status, cause: input.cause },
        byeCallee(target, input.cause),
        rejectDialled(GIVEN_UP),
      )
    case 'lost':
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' })
    default:
      return stayDialled(state)
  }
}

/** Whoever answered may hang up, or be hung up, before the caller’s dialog exists: from then on `end` says so, and they are gone. */
function stepAnswering(
  state: Extract<DialledCallState, { kind: 'answering' }>,
  input: DialledCallInput,
): DialledCallStep {
  const { target } = state
  const bye = (cause: EndCause): DialledCallEffect[] => (state.end === null ? [byeCallee(target, cause)] : [])
  switch (input.kind) {
    case 'accepted':
      if (state.end !== null) return endDialled(state.end, { kind: 'byeCaller', cause: state.end.cause })
      return { state: { kind: 'up', target, confirmed: false, held: { caller: false, callee: false } }, effects: [] }
    case 'unacceptable':
    case 'cancelled':
      // The CANCEL came before our 200 OK: the SIP server has ended the INVITE with 487 (RFC 3261 §9.2).
      return endDialled({ by: 'caller', sip: 487, cause: 'cancelled' }, ...bye('cancelled'))
    case 'calleeBye':
      return { state: { ...state, end: state.end ?? { by: 'callee', sip: null, cause: 'normal' } }, effects: [] }
    case 'calleeBroken':
      return { state: { ...state, end: state.end ?? { by: 'system', sip: null, cause: 'trunk-fault' } }, effects: [] }
    case 'hangUp': {
      const { by, cause } = input
      return { state: { ...state, end: state.end ?? { by, sip: null, cause } }, effects: bye(cause) }
    }
    case 'lost':
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' })
    default:
      return stayDialled(state)
  }
}

type Up = Extract<DialledCallState, { kind: 'up' }>

/** Both dialogs exist: only a BYE ends each (RFC 3261 §15), and the end of one is the end of the other. */
function stepUp(state: Up, input: DialledCallInput, order: DialOrder): DialledCallStep {
  const { target, held } = state
  switch (input.kind) {
    case 'acked':
      if (state.confirmed) return stayDialled(state)
      return { state: { ...state, confirmed: true }, effects: [{ kind: 'start' }] }
    case 'bye':
      return endDialled({ by: 'caller', sip: null, cause: 'normal' }, byeCallee(target, 'normal'))
    case 'calleeBye':
      return endDialled({ by: 'callee', sip: null, cause: 'normal' }, { kind: 'byeCaller', cause: 'normal' })
    case 'broken':
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' }, byeCallee(target, 'trunk-fault'))
    case 'calleeBroken':
      if (canReturn(state, order)) return handOver(state)
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' }, { kind: 'byeCaller', cause: 'trunk-fault' })
    case 'calleeSilent':
      if (canReturn(state, order)) return handOver(state, byeCallee(target, 'media-timeout'))
      return stepUp(state, { kind: 'hangUp', by: 'system', cause: 'media-timeout' }, order)
    case 'hangUp': {
      const { by, cause } = input
      return endDialled({ by, sip: null, cause }, { kind: 'byeCaller', cause }, byeCallee(target, cause))
    }
    case 'lost':
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' })
    case 'held':
    case 'retrieved':
      return hold(state, { ...held, caller: input.kind === 'held' })
    case 'calleeHeld':
      return hold(state, { ...held, callee: input.held })
    case 'succeeded':
      return hold(state, { ...held, callee: false })
    case 'stranded':
      return canReturn(state, order) ? handOver(state) : stepUp(state, { kind: 'calleeBye' }, order)
    default:
      return stayDialled(state)
  }
}

/** An agent can take the caller once the caller's dialog is confirmed. */
const canReturn = ({ confirmed }: Up, { onLost }: DialOrder): boolean => confirmed && onLost === 'agent'

const handOver = ({ held }: Up, ...before: DialledCallEffect[]): DialledCallStep => ({
  state: { kind: 'handedOver' },
  effects: [...before, { kind: 'handOver', held: held.caller }],
})

function hold(state: Up, held: Held): DialledCallStep {
  const [was, is] = [state.held.caller || state.held.callee, held.caller || held.callee]
  return { state: { ...state, held }, effects: was === is ? [] : [{ kind: 'hold', held: is }] }
}

/** Whoever answered has no media that we could join with the caller's: this call has failed, and nobody else is rung after an answer. */
const UNJOINED: Refusal = {
  status: 500,
  reason: 'Server Internal Error',
  temporary: false,
  cause: 'rejected',
  warning: null,
  detail: 'answered, and could not be put through',
}

const LEFT: Refusal = {
  status: 480,
  reason: 'Temporarily Unavailable',
  temporary: false,
  cause: 'normal',
  warning: null,
  detail: 'hung up before the caller was put through',
}

const byeCallee = (target: TargetId, cause: EndCause): DialledCallEffect => ({ kind: 'byeCallee', target, cause })

/** An INVITE that has no answer yet gets one all the same, and whoever is rung is rung no more: nobody else can say so. */
function drop(state: DialledCallState): DialledCallStep {
  const waits = state.kind === 'preparing' || state.kind === 'ringing' || state.kind === 'connecting'
  const effects: DialledCallEffect[] = [
    ...(state.kind === 'ringing' ? cancelAll(state) : []),
    ...(waits ? [rejectDialled(GIVEN_UP)] : []),
    { kind: 'drop' },
  ]
  return { state: { kind: 'ended', end: TAKEN_FROM_US }, effects }
}
