import { judgeAttempt } from '../trunk/attempt-verdict.ts'
import { failureOf, type HuntFailure } from '../trunk/hunt-failure.ts'
import { GIVEN_UP } from './agent-call.ts'
import { bestFailure } from './best-failure.ts'
import {
  type DialledCallEffect,
  type DialledCallInput,
  type DialledCallStep,
  type DialOrder,
  endDialled,
  isRung,
  type Ringing,
  rejectDialled,
  stayDialled,
  type TargetId,
} from './dialled-state.ts'

/** One input while persons are rung. */
export function stepRinging(state: Ringing, input: DialledCallInput, nowMs: number, order: DialOrder): DialledCallStep {
  switch (input.kind) {
    case 'rings':
      return onRings(state, input.target)
    case 'failed':
      return isRung(state, input.target)
        ? onFailed(state, input.target, input.failure, nowMs, order)
        : stayDialled(state)
    case 'answered':
      return {
        state: { kind: 'connecting', target: input.target },
        effects: [...cancelAll(state, input.target), { kind: 'connect', target: input.target }],
      }
    case 'wake':
      return onWake(state, nowMs, order)
    case 'cancelled':
      return endDialled({ by: 'caller', sip: 487, cause: 'cancelled' }, ...cancelAll(state))
    case 'hangUp':
      return endDialled(
        { by: input.by, sip: GIVEN_UP.status, cause: input.cause },
        ...cancelAll(state),
        rejectDialled(GIVEN_UP),
      )
    case 'lost':
      return endDialled({ by: 'system', sip: null, cause: 'trunk-fault' }, ...cancelAll(state))
    default:
      return stayDialled(state)
  }
}

function onRings(state: Ringing, target: TargetId): DialledCallStep {
  if (!state.open.some((each) => each.target === target && !each.rings)) return stayDialled(state)
  const open = state.open.map((each) => (each.target === target ? { ...each, rings: true } : each))
  return { state: { ...state, open }, effects: [{ kind: 'ring' }] }
}

function onFailed(
  state: Ringing,
  target: TargetId,
  failure: HuntFailure,
  nowMs: number,
  order: DialOrder,
): DialledCallStep {
  const open = state.open.filter((each) => each.target !== target)
  const next: Ringing = { ...state, open, failures: [...state.failures, failure] }
  // A 6xx speaks for the person everywhere: nobody else is rung (RFC 3261 §16.7 item 5).
  return failure.status >= 600 ? giveUp(next) : ringNext(next, nowMs, order)
}

/** Those whose time is over are given up, and count as persons that did not answer. */
function onWake(state: Ringing, nowMs: number, order: DialOrder): DialledCallStep {
  let step: DialledCallStep = stayDialled(state)
  for (const { target, untilMs } of state.open) {
    if (untilMs === null || untilMs > nowMs || step.state.kind !== 'ringing') continue
    const { state: next, effects } = onFailed(step.state, target, NOT_IN_TIME, nowMs, order)
    step = { state: next, effects: [...step.effects, { kind: 'cancel', target }, ...effects] }
  }
  return step
}

/** Rings whoever is to be rung now; where nobody is left, the caller is told of the best failure. */
export function ringNext(state: Ringing, nowMs: number, { mode, timeoutsMs }: DialOrder): DialledCallStep {
  const [open, effects] = [[...state.open], [] as DialledCallEffect[]]
  let { next } = state
  while (next < timeoutsMs.length && (mode === 'parallel' || open.length === 0)) {
    const timeoutMs = timeoutsMs[next] ?? null
    open.push({ target: next, untilMs: timeoutMs === null ? null : nowMs + timeoutMs, rings: false })
    effects.push({ kind: 'dial', target: next })
    next += 1
  }
  if (open.length === 0) return giveUp(state)
  return { state: { ...state, open, next }, effects }
}

function giveUp(state: Ringing): DialledCallStep {
  const failure = bestFailure(state.failures)
  return endDialled(failure.end, ...cancelAll(state), { kind: 'fail', failure })
}

/** Gives up the hunts that are under way. @param but one that is not given up */
export const cancelAll = ({ open }: Ringing, but?: TargetId): DialledCallEffect[] =>
  open.flatMap(({ target }) => (target === but ? [] : [{ kind: 'cancel' as const, target }]))

/** A person who was rung for as long as they may be, and did not answer. */
const NOT_IN_TIME: HuntFailure = failureOf(
  { kind: 'ringTimeout' },
  judgeAttempt({ kind: 'ringTimeout' }, { hunt480: false }),
)
