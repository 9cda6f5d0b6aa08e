import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { EndCause } from '../observe/call-record.ts'
import type { HuntFailure } from '../trunk/hunt-failure.ts'
import { type CallEnd, type Refusal, TAKEN_FROM_US } from './agent-call.ts'
import { endOfHunt } from './hunt-end.ts'
import type { LineInput } from './line-input.ts'

/**
 * A call that we place between an agent and a callee: first the agent, so that nobody is rung up by a machine that cannot speak,
 * then the hunt over trunks (lib/trunk/hunt.ts), then one dialog on which we are the UAC. This machine holds when to hunt, start the agent
 * and hang up, and who ended it.
 */
export type OutgoingCallState =
  /** Media and agent are being opened. */
  | { readonly kind: 'preparing' }
  | { readonly kind: 'hunting' }
  /** The callee has answered and the SIP server has acknowledged it; media is being agreed on. */
  | { readonly kind: 'answered' }
  | { readonly kind: 'up'; readonly held: boolean }
  | { readonly kind: 'ended'; readonly end: CallEnd }

export type OutgoingCallInput =
  | LineInput
  /** The agent could speak at once. */
  | { readonly kind: 'prepared' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed'; readonly failure: HuntFailure }
  /** The callee's SDP is an answer to our offer. */
  | { readonly kind: 'agreed' }
  | { readonly kind: 'disagreed' }

export type OutgoingCallEffect =
  | { readonly kind: 'hunt' }
  /** Cancels what is out; a 200 that crosses the CANCEL is the hunt's to end. */
  | { readonly kind: 'giveUp' }
  | { readonly kind: 'accept' }
  | { readonly kind: 'start' }
  | { readonly kind: 'bye'; readonly cause: EndCause }
  /** The last effect of a call that is another node's: give media and agent back without a word on the wire, and leave the record alone. */
  | { readonly kind: 'drop' }
  /** The last effect of every other call, exactly once: give media and agent back and close the record. */
  | { readonly kind: 'release'; readonly end: CallEnd }

type OutgoingCallStep = Step<OutgoingCallState, OutgoingCallEffect>

export const newOutgoingCall = (): OutgoingCallState => ({ kind: 'preparing' })

/** One input to the call. What comes late, or means nothing to a state, leaves it as it is. */
export function stepOutgoingCall(state: OutgoingCallState, input: OutgoingCallInput): OutgoingCallStep {
  if (input.kind === 'fenced' && state.kind !== 'ended') return drop(state)
  switch (state.kind) {
    case 'preparing':
      return stepPreparing(state, input)
    case 'hunting':
      return stepHunting(state, input)
    case 'answered':
    case 'up':
      return stepDialog(state, input)
    case 'ended':
      return stay(state)
    default:
      return assertNever(state)
  }
}

function stepPreparing(state: OutgoingCallState, input: OutgoingCallInput): OutgoingCallStep {
  switch (input.kind) {
    case 'prepared':
      return { state: { kind: 'hunting' }, effects: [{ kind: 'hunt' }] }
    case 'refused':
      return end({ by: 'system', sip: null, cause: input.refusal.cause })
    case 'hangUp':
      return end({ by: input.by, sip: null, cause: input.cause })
    case 'lost':
      return end({ by: 'system', sip: null, cause: 'trunk-fault' })
    default:
      return stay(state)
  }
}

function stepHunting(state: OutgoingCallState, input: OutgoingCallInput): OutgoingCallStep {
  switch (input.kind) {
    case 'answered':
      return { state: { kind: 'answered' }, effects: [{ kind: 'accept' }] }
    case 'failed':
      return end(endOfHunt(input.failure))
    case 'hangUp':
      // Whoever gives up a call that rings has cancelled it; what our own parts did wrong keeps its name.
      return end({ by: input.by, sip: 487, cause: input.cause === 'normal' ? 'cancelled' : input.cause }, 'giveUp')
    case 'lost':
      return end({ by: 'system', sip: null, cause: 'trunk-fault' }, 'giveUp')
    default:
      return stay(state)
  }
}

/** The dialog exists: only a BYE ends it (RFC 3261 §15). */
function stepDialog(
  state: Extract<OutgoingCallState, { kind: 'answered' | 'up' }>,
  input: OutgoingCallInput,
): OutgoingCallStep {
  switch (input.kind) {
    case 'agreed':
      if (state.kind === 'up') return stay(state)
      return { state: { kind: 'up', held: false }, effects: [{ kind: 'start' }] }
    case 'disagreed':
      return end({ by: 'system', sip: null, cause: 'rejected' }, 'bye')
    case 'bye':
      return end({ by: 'callee', sip: null, cause: 'normal' })
    case 'lost':
      return end({ by: 'system', sip: null, cause: 'trunk-fault' })
    case 'hangUp':
      return end({ by: input.by, sip: null, cause: input.cause }, 'bye')
    case 'held':
    case 'retrieved':
      if (state.kind !== 'up') return stay(state)
      return { state: { kind: 'up', held: input.kind === 'held' }, effects: [] }
    default:
      return stay(state)
  }
}

const stay = (state: OutgoingCallState): OutgoingCallStep => ({ state, effects: [] })

/** What rings stops ringing all the same: nobody else can answer for it. */
function drop(state: OutgoingCallState): OutgoingCallStep {
  const cancel: OutgoingCallEffect[] = state.kind === 'hunting' ? [{ kind: 'giveUp' }] : []
  return { state: { kind: 'ended', end: TAKEN_FROM_US }, effects: [...cancel, { kind: 'drop' }] }
}

function end(callEnd: CallEnd, before?: 'giveUp' | 'bye'): OutgoingCallStep {
  const effects: OutgoingCallEffect[] = [{ kind: 'release', end: callEnd }]
  if (before === 'giveUp') effects.unshift({ kind: 'giveUp' })
  if (before === 'bye') effects.unshift({ kind: 'bye', cause: callEnd.cause })
  return { state: { kind: 'ended', end: callEnd }, effects }
}
