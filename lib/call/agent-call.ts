import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { EndCause, EndedBy } from '../observe/call-record.ts'
import type { LineInput } from './line-input.ts'

/**
 * A call between a carrier's caller and an agent: one leg on which we are the UAS. The SIP server below runs the
 * transactions (RFC 3261 §17) and repeats the 2xx until its ACK; this machine holds what is left: when to ring, answer, refuse, start
 * the agent and hang up, and who ended it.
 */
export type AgentCallState =
  /** Media and agent are being opened; the caller hears ringing from the moment that media is agreed. */
  | { readonly kind: 'preparing'; readonly ringing: boolean }
  /** The 200 OK is on its way through the SIP server. A hang-up of ours that comes now waits for the dialog. */
  | { readonly kind: 'answering'; readonly hangUp: CallEnd | null }
  /** 200 OK sent, ACK awaited. */
  | { readonly kind: 'answered' }
  /** Confirmed dialog: caller and agent talk. */
  | { readonly kind: 'up'; readonly held: boolean }
  | { readonly kind: 'ended'; readonly end: CallEnd }

export interface CallEnd {
  readonly by: EndedBy
  /** The final status of the INVITE where the call was never up, else null. */
  readonly sip: number | null
  readonly cause: EndCause
}

export interface Refusal {
  readonly status: number
  readonly reason: string
  /** The carrier may try again soon, here or elsewhere: Retry-After (RFC 3261 §20.33) goes along. */
  readonly temporary: boolean
  readonly cause: EndCause
  /** RFC 3261 §20.43; null: no Warning. */
  readonly warning: number | null
  /** For Warning and the record. */
  readonly detail: string
}

export type AgentCallInput =
  | LineInput
  /** There is media that both sides can have. */
  | { readonly kind: 'agreed' }
  /** Media is agreed and the agent could speak at once. */
  | { readonly kind: 'prepared' }
  /** Media or agent cannot take the call. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** CANCEL of the INVITE; the SIP server has answered it and the INVITE (RFC 3261 §9.2). */
  | { readonly kind: 'cancelled' }
  /** The SIP server has taken the 200 OK; the dialog exists. */
  | { readonly kind: 'accepted' }
  /** It has not: the transaction is gone. */
  | { readonly kind: 'unacceptable' }
  | { readonly kind: 'acked' }
  /**
   * The SIP server gave the dialog up by itself: no ACK within 64·T1 (RFC 3261 §13.3.1.4), no refresh (RFC 4028 §10). Or the far end's BYE
   * says that something broke (RFC 3326).
   */
  | { readonly kind: 'broken' }

export type AgentCallEffect =
  | { readonly kind: 'ring' }
  | { readonly kind: 'answer' }
  | { readonly kind: 'reject'; readonly refusal: Refusal }
  /** The dialog is confirmed: the agent may speak. */
  | { readonly kind: 'start' }
  | { readonly kind: 'bye'; readonly cause: EndCause }
  /** The last effect of a call that is another node's: give media and agent back without a word on the wire, and leave the record alone. */
  | { readonly kind: 'drop' }
  /** The last effect of every other call, exactly once: give media and agent back and close the record. */
  | { readonly kind: 'release'; readonly end: CallEnd }

type AgentCallStep = Step<AgentCallState, AgentCallEffect>

/** A new INVITE that is to be bridged. It does not ring yet: many carriers look no further once they have heard a 180. */
export const newAgentCall = (): AgentCallStep => ({ state: { kind: 'preparing', ringing: false }, effects: [] })

export function stepAgentCall(state: AgentCallState, input: AgentCallInput): AgentCallStep {
  if (input.kind === 'lost' && state.kind !== 'ended') return end({ by: 'system', sip: null, cause: 'trunk-fault' })
  if (input.kind === 'fenced' && state.kind !== 'ended') return drop(state)
  switch (state.kind) {
    case 'preparing':
      return stepPreparing(state, input)
    case 'answering':
      return stepAnswering(state, input)
    case 'answered':
      if (input.kind === 'acked') return { state: { kind: 'up', held: false }, effects: [{ kind: 'start' }] }
      return stepDialog(state, input)
    case 'up':
      return stepDialog(state, input)
    case 'ended':
      return stay(state)
    default:
      return assertNever(state)
  }
}

function stepPreparing(state: Extract<AgentCallState, { kind: 'preparing' }>, input: AgentCallInput): AgentCallStep {
  switch (input.kind) {
    case 'agreed':
      return state.ringing ? stay(state) : { state: { kind: 'preparing', ringing: true }, effects: [{ kind: 'ring' }] }
    case 'prepared':
      return { state: { kind: 'answering', hangUp: null }, effects: [{ kind: 'answer' }] }
    case 'refused':
      return end(
        { by: 'system', sip: input.refusal.status, cause: input.refusal.cause },
        { kind: 'reject', refusal: input.refusal },
      )
    case 'cancelled':
      return end({ by: 'caller', sip: 487, cause: 'cancelled' })
    case 'hangUp':
      return end({ by: input.by, sip: GIVEN_UP.status, cause: input.cause }, { kind: 'reject', refusal: GIVEN_UP })
    default:
      return stay(state)
  }
}

function stepAnswering(state: Extract<AgentCallState, { kind: 'answering' }>, input: AgentCallInput): AgentCallStep {
  switch (input.kind) {
    case 'accepted':
      if (state.hangUp !== null) return end(state.hangUp, { kind: 'bye', cause: state.hangUp.cause })
      return { state: { kind: 'answered' }, effects: [] }
    case 'hangUp':
      return { state: { ...state, hangUp: { by: input.by, sip: null, cause: input.cause } }, effects: [] }
    case 'unacceptable':
    case 'cancelled':
      // The CANCEL came before our 200 OK: the SIP server has ended the INVITE with 487 (RFC 3261 §9.2).
      return end({ by: 'caller', sip: 487, cause: 'cancelled' })
    case 'bye':
      return end({ by: 'caller', sip: null, cause: 'normal' })
    default:
      return stay(state)
  }
}

/** The dialog exists: only a BYE ends it (RFC 3261 §15). */
function stepDialog(state: Extract<AgentCallState, { kind: 'answered' | 'up' }>, input: AgentCallInput): AgentCallStep {
  switch (input.kind) {
    case 'bye':
      return end({ by: 'caller', sip: null, cause: 'normal' })
    case 'broken':
      return end({ by: 'system', sip: null, cause: 'trunk-fault' })
    case 'hangUp':
      return end({ by: input.by, sip: null, cause: input.cause }, { kind: 'bye', cause: input.cause })
    case 'held':
    case 'retrieved':
      if (state.kind !== 'up') return stay(state)
      return { state: { kind: 'up', held: input.kind === 'held' }, effects: [] }
    default:
      return stay(state)
  }
}

/** The answer to an INVITE that one of our own ends before it was answered: 480 would stop the carrier's hunt, 503 lets it go on. */
export const GIVEN_UP: Refusal = {
  status: 503,
  reason: 'Service Unavailable',
  temporary: true,
  cause: 'normal',
  warning: null,
  detail: 'ended before it was answered',
}

const stay = (state: AgentCallState): AgentCallStep => ({ state, effects: [] })

/** An INVITE that has no answer yet gets one all the same: nobody else can give it. */
function drop(state: AgentCallState): AgentCallStep {
  const answer: AgentCallEffect[] = state.kind === 'preparing' ? [{ kind: 'reject', refusal: GIVEN_UP }] : []
  return { state: { kind: 'ended', end: TAKEN_FROM_US }, effects: [...answer, { kind: 'drop' }] }
}

/** How a call has ended for a node that has lost it to another one. */
export const TAKEN_FROM_US: CallEnd = { by: 'system', sip: null, cause: 'node-lost' }

function end(callEnd: CallEnd, ...before: AgentCallEffect[]): AgentCallStep {
  return { state: { kind: 'ended', end: callEnd }, effects: [...before, { kind: 'release', end: callEnd }] }
}
