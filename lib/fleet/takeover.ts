import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'

export interface TakeoverConfig {
  /** How long a heartbeat holds. */
  readonly leaseMs: number
  /** For so long without a break the shared state must have answered. */
  readonly settleMs: number
  /** Direct OPTIONS in a row that the owner must miss. */
  readonly ownerProbes: number
  /** From one of them to the next, at least. */
  readonly probeEveryMs: number
}

/** How far it is proved that a node is dead. */
export type Proof =
  /** It heartbeats. */
  | { readonly kind: 'alive' }
  /** Its lease is out. It is looked into from then on. */
  | { readonly kind: 'silent'; readonly fromMs: number }
  /** It is asked which calls it has, and in which terms; whether it has said goodbye too. */
  | { readonly kind: 'noting' }
  | {
      readonly kind: 'proving'
      readonly notedAtMs: number
      readonly misses: number
      /** The OPTIONS that is under way; null: none. */
      readonly probeSentAtMs: number | null
      readonly nextProbeAtMs: number
      /** The shared state was read once more after the calls had been noted, and the lease was out still. */
      readonly isConfirmed: boolean
    }
  /** Its calls are being taken. */
  | { readonly kind: 'taking' }
  /** Nothing is left to do: its calls are taken, or it went on purpose. */
  | { readonly kind: 'done' }

export interface TakeoverState {
  readonly proof: Proof
  /** Since when the shared state has answered without a break; null: it does not. */
  readonly answeringSinceMs: number | null
  readonly seenAtMs: number
}

export type TakeoverInput =
  /** Several times a second. */
  | { readonly kind: 'tick' }
  /** The shared state was read; the reading began then, and the node's heartbeat is there or not. */
  | { readonly kind: 'read'; readonly sentAtMs: number; readonly isThere: boolean }
  /** The shared state has not answered. */
  | { readonly kind: 'broken' }
  /** Its calls and their terms are known. */
  | { readonly kind: 'noted' }
  /** They could not be asked for. */
  | { readonly kind: 'unnoted' }
  /** It went on purpose. */
  | { readonly kind: 'goodbye' }
  /** What came of the OPTIONS that was sent then. */
  | { readonly kind: 'probed'; readonly sentAtMs: number; readonly answered: boolean }
  /** Its calls have been taken, as far as they were there to take. */
  | { readonly kind: 'taken' }
  /** They could not be taken. */
  | { readonly kind: 'untaken' }

/**
 * `note`: reads in PostgreSQL which calls the node has, each with the term of its owner. `probe`: sends an OPTIONS to it. `take`: takes what was
 * noted last, each call only if its owner's term is still the one noted.
 */
export type TakeoverEffect = 'note' | 'probe' | 'take'

/** A node that has been seen in the shared state, in a reading that ended now. */
export const startTakeover = (nowMs: number): TakeoverState => ({
  proof: { kind: 'alive' },
  answeringSinceMs: nowMs,
  seenAtMs: nowMs,
})

/**
 * A survivor's side of a lease, for one other node: takes its calls only where the shared state has answered
 * for `settleMs` without a break, the lease has run out, the node missed `ownerProbes` direct OPTIONS after that, and said no goodbye.
 *
 * The calls are noted before the proof begins, and taken only as noted: an owner that comes back draws a new term for each of its calls
 * (lease.ts), so a survivor that stood still between proof and deed takes nothing.
 */
export function stepTakeover(
  before: TakeoverState,
  input: TakeoverInput,
  nowMs: number,
  config: TakeoverConfig,
): Step<TakeoverState, TakeoverEffect> {
  const state = afterGap(before, nowMs, config)
  switch (input.kind) {
    case 'tick':
      return proceed(state, nowMs, config)
    case 'read':
      return proceed(read(state, input, nowMs), nowMs, config)
    case 'broken':
      return stay({ ...state, answeringSinceMs: null, proof: again(state.proof, nowMs) })
    case 'noted':
      return proceed(state.proof.kind === 'noting' ? { ...state, proof: proving(nowMs) } : state, nowMs, config)
    case 'unnoted':
      return stay(state.proof.kind === 'noting' ? { ...state, proof: later(nowMs, config) } : state)
    case 'goodbye':
      return stay(state.proof.kind === 'alive' ? state : { ...state, proof: { kind: 'done' } })
    case 'probed':
      return proceed(probed(state, input, nowMs, config), nowMs, config)
    case 'taken':
      return stay(state.proof.kind === 'taking' ? { ...state, proof: { kind: 'done' } } : state)
    case 'untaken':
      return stay(state.proof.kind === 'taking' ? { ...state, proof: later(nowMs, config) } : state)
    default:
      return assertNever(input)
  }
}

const stay = (state: TakeoverState): Step<TakeoverState, TakeoverEffect> => ({ state, effects: [] })

const proving = (nowMs: number): Proof => ({
  kind: 'proving',
  notedAtMs: nowMs,
  misses: 0,
  probeSentAtMs: null,
  nextProbeAtMs: nowMs,
  isConfirmed: false,
})

/** Nothing is proved; it is not asked again and again, whoever answers at once. */
const later = (nowMs: number, { probeEveryMs }: TakeoverConfig): Proof => ({
  kind: 'silent',
  fromMs: nowMs + probeEveryMs,
})

/** What has been proved so far counts no more. */
const again = (proof: Proof, fromMs: number): Proof =>
  proof.kind === 'noting' || proof.kind === 'proving' ? { kind: 'silent', fromMs } : proof

/** This process stood still: answers may have come that it did not read in time, and what it knows of the shared state is old. */
function afterGap(state: TakeoverState, nowMs: number, { leaseMs, probeEveryMs }: TakeoverConfig): TakeoverState {
  const gapMs = nowMs - state.seenAtMs
  const seen = { ...state, seenAtMs: nowMs }
  if (gapMs > leaseMs) return { ...seen, answeringSinceMs: null, proof: again(state.proof, nowMs) }
  return gapMs > probeEveryMs ? { ...seen, proof: again(state.proof, nowMs) } : seen
}

function read(
  state: TakeoverState,
  { sentAtMs, isThere }: Extract<TakeoverInput, { kind: 'read' }>,
  nowMs: number,
): TakeoverState {
  const { proof } = state
  const answering = { ...state, answeringSinceMs: state.answeringSinceMs ?? nowMs }
  if (isThere) return { ...answering, proof: { kind: 'alive' } }
  if (proof.kind === 'alive') return { ...answering, proof: { kind: 'silent', fromMs: nowMs } }
  if (proof.kind === 'proving' && sentAtMs >= proof.notedAtMs)
    return { ...answering, proof: { ...proof, isConfirmed: true } }
  return answering
}

function probed(
  state: TakeoverState,
  { sentAtMs, answered }: Extract<TakeoverInput, { kind: 'probed' }>,
  nowMs: number,
  config: TakeoverConfig,
): TakeoverState {
  const { proof } = state
  if (proof.kind !== 'proving') return state
  // It lives, and is only cut off from the shared state: its calls are its own, and what was noted may be old by the next silence.
  if (answered) return { ...state, proof: later(nowMs, config) }
  if (proof.probeSentAtMs !== sentAtMs) return state
  return { ...state, proof: { ...proof, misses: proof.misses + 1, probeSentAtMs: null } }
}

/** Does what is due now. */
function proceed(state: TakeoverState, nowMs: number, config: TakeoverConfig): Step<TakeoverState, TakeoverEffect> {
  const { proof, answeringSinceMs } = state
  const isSettled = answeringSinceMs !== null && nowMs - answeringSinceMs >= config.settleMs
  if (!isSettled) return stay(state)
  if (proof.kind === 'silent' && nowMs < proof.fromMs) return stay(state)
  if (proof.kind === 'silent') return { state: { ...state, proof: { kind: 'noting' } }, effects: ['note'] }
  if (proof.kind !== 'proving') return stay(state)
  const { misses, isConfirmed, probeSentAtMs, nextProbeAtMs } = proof
  if (misses >= config.ownerProbes) {
    return isConfirmed ? { state: { ...state, proof: { kind: 'taking' } }, effects: ['take'] } : stay(state)
  }
  if (probeSentAtMs !== null || nowMs < nextProbeAtMs) return stay(state)
  const sent: Proof = { ...proof, probeSentAtMs: nowMs, nextProbeAtMs: nowMs + config.probeEveryMs }
  return { state: { ...state, proof: sent }, effects: ['probe'] }
}
