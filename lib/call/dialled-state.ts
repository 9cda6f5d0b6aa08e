import type { Step } from '../core/step.ts'
import type { EndCause } from '../observe/call-record.ts'
import type { HuntFailure } from '../trunk/hunt-failure.ts'
import type { CallEnd, Refusal } from './agent-call.ts'
import type { DialFailure } from './best-failure.ts'
import type { LineInput } from './line-input.ts'

/**
 * A caller who is put through to a person: one leg on which we are the UAS, and one on which we are the UAC, each with its media, its
 * offers and its session timer to itself, so that what happens on one is never waited for on the other (RFC 7092 §3.2, a B2BUA that
 * terminates both). Each person is hunted for over trunks by a machine of its own (lib/trunk/hunt.ts), which also hangs up whoever answers
 * after they were given up. This machine holds whom to ring when, what the caller is told, and which side's end ends the other.
 *
 *   preparing ──▶ ringing ──▶ connecting ──▶ answering ──▶ up ──▶ ended
 */
export type DialledCallState =
  /** The caller's media is being opened. */
  | { readonly kind: 'preparing' }
  | Ringing
  /** Somebody has answered, and has their ACK; media is being agreed on and joined. The caller waits yet. */
  | { readonly kind: 'connecting'; readonly target: TargetId }
  /** Our 200 OK to the caller is on its way through the SIP server. What ends the call now waits for the dialog. */
  | { readonly kind: 'answering'; readonly target: TargetId; readonly end: CallEnd | null }
  /** Both have answered. `held`: who of them holds the other one. */
  | { readonly kind: 'up'; readonly target: TargetId; readonly confirmed: boolean; readonly held: Held }
  /** Who answered is lost, and the caller is with an agent: another call's from now on, on the same leg and dialog. */
  | { readonly kind: 'handedOver' }
  | { readonly kind: 'ended'; readonly end: CallEnd }

export interface Ringing {
  readonly kind: 'ringing'
  /** Who is being hunted for, and until when; null: the hunt ends by itself. */
  readonly open: readonly { readonly target: TargetId; readonly untilMs: number | null; readonly rings: boolean }[]
  /** Who comes next. */
  readonly next: TargetId
  readonly failures: readonly HuntFailure[]
}

export interface Held {
  readonly caller: boolean
  readonly callee: boolean
}

/** Counts the persons of a call from 0. */
export type TargetId = number

/** Whom to ring. */
export interface DialOrder {
  readonly mode: 'sequential' | 'parallel'
  /** How long each may be rung, in the order in which they are; null: until the hunt for them ends by itself. */
  readonly timeoutsMs: readonly (number | null)[]
  /** What the caller gets where who answered is lost: a BYE, or an agent. */
  readonly onLost: 'hangUp' | 'agent'
}

/** `held`, `retrieved` and `bye` are the caller's. */
export type DialledCallInput =
  | LineInput
  /** There is media that the caller and we can have. */
  | { readonly kind: 'agreed' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** CANCEL of the caller; the SIP server has answered it and the INVITE (RFC 3261 §9.2). */
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'rings'; readonly target: TargetId }
  | { readonly kind: 'failed'; readonly target: TargetId; readonly failure: HuntFailure }
  /** The SIP server has acknowledged a person's 200. */
  | { readonly kind: 'answered'; readonly target: TargetId }
  /** Their SDP is an answer to our offer, and they and the caller hear each other. */
  | { readonly kind: 'joined' }
  | { readonly kind: 'disagreed' }
  /** The SIP server has taken the 200 OK to the caller; the dialog exists. */
  | { readonly kind: 'accepted' }
  /** It has not: the transaction is gone. */
  | { readonly kind: 'unacceptable' }
  /** ACK of the caller. */
  | { readonly kind: 'acked' }
  /** The caller's dialog was given up by the SIP server, or its BYE says that something broke. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'calleeBye' }
  | { readonly kind: 'calleeBroken' }
  /** Nothing is heard of who answered any more. */
  | { readonly kind: 'calleeSilent' }
  | { readonly kind: 'calleeHeld'; readonly held: boolean }
  /** Somebody else has the place of who answered, who has asked for that; what is told of the callee is of them from now on. */
  | { readonly kind: 'succeeded' }
  /** Who answered has hung up, and nobody else could be had in their place. */
  | { readonly kind: 'stranded' }
  /** The deadline has come. */
  | { readonly kind: 'wake' }

export type DialledCallEffect =
  /** 180 to the caller: once a person. Early media is not passed on; the caller's own network makes the ringing (RFC 3960 §3.1). */
  | { readonly kind: 'ring' }
  | { readonly kind: 'dial'; readonly target: TargetId }
  /** Gives up the hunt for a person; a 200 that crosses the CANCEL is the hunt's to end. */
  | { readonly kind: 'cancel'; readonly target: TargetId }
  /** Takes the person's answer, and joins them with the caller. */
  | { readonly kind: 'connect'; readonly target: TargetId }
  | { readonly kind: 'answer' }
  | { readonly kind: 'reject'; readonly refusal: Refusal }
  /** Nobody was reached. */
  | { readonly kind: 'fail'; readonly failure: DialFailure }
  /** The caller's dialog is confirmed. */
  | { readonly kind: 'start' }
  /** Somebody holds, or nobody does any more. */
  | { readonly kind: 'hold'; readonly held: boolean }
  | { readonly kind: 'byeCaller'; readonly cause: EndCause }
  | { readonly kind: 'byeCallee'; readonly target: TargetId; readonly cause: EndCause }
  /** The last effect of a call whose caller gets an agent: leg, dialog and record go on. `held`: the caller holds us. */
  | { readonly kind: 'handOver'; readonly held: boolean }
  /** The last effect of a call that is another node's: give media back without a word on the wire, and leave the record alone. */
  | { readonly kind: 'drop' }
  /** The last effect of every other call, exactly once: give media back and close the record. */
  | { readonly kind: 'release'; readonly end: CallEnd }

export type DialledCallStep = Step<DialledCallState, DialledCallEffect>

export const isRung = (state: DialledCallState, target: TargetId): boolean =>
  state.kind === 'ringing' && state.open.some((each) => each.target === target)

export const stayDialled = (state: DialledCallState): DialledCallStep => ({ state, effects: [] })

export function endDialled(callEnd: CallEnd, ...before: DialledCallEffect[]): DialledCallStep {
  return { state: { kind: 'ended', end: callEnd }, effects: [...before, { kind: 'release', end: callEnd }] }
}

export const rejectDialled = (refusal: Refusal): DialledCallEffect => ({ kind: 'reject', refusal })
