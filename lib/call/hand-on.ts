import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { EndCause, EndedBy } from '../observe/call-record.ts'
import type { CallEnd } from './agent-call.ts'

/**
 * The far end of a call with an agent has asked by REFER (RFC 3515, RFC 5589 §6) for the agent to go on to somebody else, who is rung by a call of
 * its own. It hears by NOTIFYs what comes of it, and has the agent until the other one answers; then the first call ends, and the conversation is the
 * second one's. Who hangs up before, as many phones do, leaves the conversation to the call that rings.
 */
export type HandOnState =
  | { readonly kind: 'ringing'; readonly rang: boolean; readonly isAlone: boolean }
  | { readonly kind: 'over' }

export type HandOnInput =
  /** 18x of the other one. */
  | { readonly kind: 'rings' }
  /** They have answered, and there is audio that both sides can have. */
  | { readonly kind: 'answered' }
  /** They cannot be had. `status`: what a SIP caller of theirs would hear. */
  | { readonly kind: 'failed'; readonly status: number }
  /** The first call is over. */
  | { readonly kind: 'lineEnded'; readonly end: CallEnd }

export type HandOnEffect =
  /** What the far end is told. A final status is the last of it. */
  | { readonly kind: 'notify'; readonly status: number }
  /** The conversation goes to the second call when the first one ends. */
  | { readonly kind: 'bequeath' }
  /** The first call is to end, once the far end has been told. */
  | { readonly kind: 'leave' }
  /** The second call is wanted no more. */
  | { readonly kind: 'giveUp'; readonly by: EndedBy; readonly cause: EndCause }

type HandOnStep = Step<HandOnState, HandOnEffect>

/** How often one conversation is handed on: two PBXs that send an agent to each other go on for ever otherwise. */
export const MAX_HAND_ONS = 5

/** It was accepted, and is begun: RFC 3515 §2.4.4 wants a NOTIFY at once. */
export const newHandOn = (): HandOnStep => ({
  state: { kind: 'ringing', rang: false, isAlone: false },
  effects: [{ kind: 'notify', status: 100 }],
})

/** One input. What comes late, or means nothing to a state, leaves it as it is. */
export function stepHandOn(state: HandOnState, input: HandOnInput): HandOnStep {
  if (state.kind === 'over') return { state, effects: [] }
  const { rang, isAlone } = state
  switch (input.kind) {
    case 'rings':
      return { state: { ...state, rang: true }, effects: rang || isAlone ? [] : [{ kind: 'notify', status: 180 }] }
    case 'answered':
      return over(isAlone ? [] : [{ kind: 'bequeath' }, { kind: 'notify', status: 200 }, { kind: 'leave' }])
    case 'failed':
      return over(isAlone ? [] : [{ kind: 'notify', status: input.status }])
    case 'lineEnded': {
      if (isAlone) return { state, effects: [] }
      const { by, cause } = input.end
      if (isLeft(input.end)) return { state: { ...state, isAlone: true }, effects: [{ kind: 'bequeath' }] }
      return over([{ kind: 'giveUp', by, cause }])
    }
    default:
      return assertNever(input)
  }
}

/** Causes of an end that is the line's alone: whoever was asked for is wanted yet. */
const LINE_LOST: ReadonlySet<EndCause> = new Set(['trunk-fault', 'media-timeout'])

/** The far end has hung up or is lost, where neither agent nor operator nor this node wanted an end. */
const isLeft = ({ by, cause }: CallEnd): boolean => by === 'caller' || by === 'callee' || LINE_LOST.has(cause)

const over = (effects: readonly HandOnEffect[]): HandOnStep => ({ state: { kind: 'over' }, effects })
