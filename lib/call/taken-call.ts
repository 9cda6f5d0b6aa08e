import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { EndCause } from '../observe/call-record.ts'
import { type CallEnd, TAKEN_FROM_US } from './agent-call.ts'
import type { LineInput } from './line-input.ts'

/**
 * A live call whose owner has died, as the node has it that takes it over: the dialog is imported, a re-INVITE tells the far end where its
 * partner is now (RFC 3261 §14.1), and from its ACK on this is a call like any other. Until then nothing is on record here: who asked for the
 * take-over hears that the call was refused, and closes it.
 */
export type TakenCallState =
  /** Media, agent and dialog are being opened. A hang-up of ours that comes now waits for the dialog. */
  | { readonly kind: 'preparing'; readonly hangUp: CallEnd | null }
  /** The re-INVITE is out. */
  | { readonly kind: 'offering'; readonly isLast: boolean }
  /** The far end had an offer of its own on the way: both wait, each for another time. */
  | { readonly kind: 'pausing' }
  /** The far end has answered, and has its ACK; media is being agreed on. */
  | { readonly kind: 'agreeing' }
  | { readonly kind: 'up'; readonly held: boolean }
  | { readonly kind: 'refused' }
  | { readonly kind: 'ended'; readonly end: CallEnd }

export type TakenCallInput =
  | LineInput
  /** The dialog is ours, and there is an offer to make. */
  | { readonly kind: 'prepared' }
  | { readonly kind: 'unprepared'; readonly why: string }
  /** The re-INVITE got a 2xx. */
  | { readonly kind: 'accepted' }
  /** The re-INVITE got 491. */
  | { readonly kind: 'glare' }
  /** The re-INVITE got any other final answer, or none in time. */
  | { readonly kind: 'declined'; readonly why: string }
  /** The pause after a 491 is over. */
  | { readonly kind: 'paused' }
  /** The answer is one to our offer; `held`: it puts us on hold. */
  | { readonly kind: 'agreed'; readonly held: boolean }
  | { readonly kind: 'disagreed'; readonly why: string }

export type TakenCallEffect =
  | { readonly kind: 'offer' }
  /** Until both ends may offer again (RFC 3261 §14.1). */
  | { readonly kind: 'pause' }
  | { readonly kind: 'accept' }
  /** The call is this node's from now on: the agent goes on. */
  | { readonly kind: 'start' }
  | { readonly kind: 'bye'; readonly cause: EndCause }
  /** The last effect of a call that was not taken over: give media and agent back, and leave the record alone. */
  | { readonly kind: 'refuse'; readonly why: string }
  /** The last effect of a call that is a further node's: give media and agent back without a word on the wire, and leave the record alone. */
  | { readonly kind: 'drop' }
  /** The last effect of one that was taken over: give media and agent back and close the record. */
  | { readonly kind: 'release'; readonly end: CallEnd }

type TakenCallStep = Step<TakenCallState, TakenCallEffect>

/** Who is at the far end: `caller` of a call that came in, `callee` of one that we placed. */
export type FarEnd = 'caller' | 'callee'

export const newTakenCall = (): TakenCallState => ({ kind: 'preparing', hangUp: null })

/** One input to the call. What comes late, or means nothing to a state, leaves it as it is. */
export function stepTakenCall(state: TakenCallState, input: TakenCallInput, far: FarEnd): TakenCallStep {
  if (input.kind === 'fenced' && state.kind !== 'refused' && state.kind !== 'ended') {
    return { state: { kind: 'ended', end: TAKEN_FROM_US }, effects: [{ kind: 'drop' }] }
  }
  switch (state.kind) {
    case 'preparing':
      return stepPreparing(state, input)
    case 'offering':
    case 'pausing':
    case 'agreeing':
      return stepOffering(state, input, far)
    case 'up':
      return stepUp(state, input, far)
    case 'refused':
    case 'ended':
      return stay(state)
    default:
      return assertNever(state)
  }
}

function stepPreparing(state: Extract<TakenCallState, { kind: 'preparing' }>, input: TakenCallInput): TakenCallStep {
  switch (input.kind) {
    case 'prepared':
      if (state.hangUp !== null) return end(state.hangUp, 'bye')
      return { state: { kind: 'offering', isLast: false }, effects: [{ kind: 'offer' }] }
    case 'unprepared':
      return refuse(input.why)
    case 'lost':
      return refuse('the SIP server was lost')
    case 'hangUp':
      if (input.by === 'system') return refuse(`this node gives it up: ${input.cause}`)
      return { state: { ...state, hangUp: { by: input.by, sip: null, cause: input.cause } }, effects: [] }
    default:
      return stay(state)
  }
}

/** There is a dialog: whatever comes to nothing is ended by a BYE, so that the far end is not left alone in it. */
function stepOffering(
  state: Extract<TakenCallState, { kind: 'offering' | 'pausing' | 'agreeing' }>,
  input: TakenCallInput,
  far: FarEnd,
): TakenCallStep {
  switch (input.kind) {
    case 'accepted':
      if (state.kind !== 'offering') return stay(state)
      return { state: { kind: 'agreeing' }, effects: [{ kind: 'accept' }] }
    case 'glare':
      if (state.kind !== 'offering') return stay(state)
      if (state.isLast) return refuse('491 again', 'bye')
      return { state: { kind: 'pausing' }, effects: [{ kind: 'pause' }] }
    case 'paused':
      if (state.kind !== 'pausing') return stay(state)
      return { state: { kind: 'offering', isLast: true }, effects: [{ kind: 'offer' }] }
    case 'agreed':
      if (state.kind !== 'agreeing') return stay(state)
      return { state: { kind: 'up', held: input.held }, effects: [{ kind: 'start' }] }
    case 'declined':
      return state.kind === 'offering' ? refuse(input.why, 'bye') : stay(state)
    case 'disagreed':
      return state.kind === 'agreeing' ? refuse(input.why, 'bye') : stay(state)
    case 'bye':
      return end({ by: far, sip: null, cause: 'normal' })
    case 'lost':
      return refuse('the SIP server was lost')
    case 'hangUp':
      // Our own fault is no end of the conversation: it is parked, as that of any call that could not be taken over.
      if (input.by === 'system') return refuse(`this node gives it up: ${input.cause}`, 'bye')
      return end({ by: input.by, sip: null, cause: input.cause }, 'bye')
    default:
      return stay(state)
  }
}

/** Only a BYE ends it (RFC 3261 §15). */
function stepUp(state: Extract<TakenCallState, { kind: 'up' }>, input: TakenCallInput, far: FarEnd): TakenCallStep {
  switch (input.kind) {
    case 'bye':
      return end({ by: far, sip: null, cause: 'normal' })
    case 'lost':
      return end({ by: 'system', sip: null, cause: 'trunk-fault' })
    case 'hangUp':
      return end({ by: input.by, sip: null, cause: input.cause }, 'bye')
    case 'disagreed':
      return end({ by: 'system', sip: null, cause: 'rejected' }, 'bye')
    case 'held':
    case 'retrieved':
      return { state: { ...state, held: input.kind === 'held' }, effects: [] }
    default:
      return stay(state)
  }
}

const stay = (state: TakenCallState): TakenCallStep => ({ state, effects: [] })

function refuse(why: string, before?: 'bye'): TakenCallStep {
  const effects: TakenCallEffect[] = [{ kind: 'refuse', why }]
  if (before === 'bye') effects.unshift({ kind: 'bye', cause: 'node-lost' })
  return { state: { kind: 'refused' }, effects }
}

function end(callEnd: CallEnd, before?: 'bye'): TakenCallStep {
  const effects: TakenCallEffect[] = [{ kind: 'release', end: callEnd }]
  if (before === 'bye') effects.unshift({ kind: 'bye', cause: callEnd.cause })
  return { state: { kind: 'ended', end: callEnd }, effects }
}
