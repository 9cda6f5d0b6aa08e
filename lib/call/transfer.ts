import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { EndCause } from '../observe/call-record.ts'

/**
 * A call is handed from its agent to a person: a second leg is rung over the trunks of the tenant's group, and joined with the first one. The agent
 * stays with the caller until then, and where it comes to nothing: the caller is never left in silence. Attended: the agent tells the
 * person first who is calling, on the second leg, and only who accepts is joined.
 */
export type TransferState =
  /** Media for the person is being opened. */
  | { readonly kind: 'opening' }
  | { readonly kind: 'ringing' }
  /** The person has answered, and has the ACK; media is being agreed on. */
  | { readonly kind: 'agreeing' }
  /** The agent and the person talk. */
  | { readonly kind: 'briefing' }
  | { readonly kind: 'joining' }
  /** Caller and person talk. */
  | { readonly kind: 'joined' }
  | { readonly kind: 'over' }

export type TransferInput =
  | { readonly kind: 'opened' }
  | { readonly kind: 'answered' }
  /** The person's SDP is an answer to our offer. */
  | { readonly kind: 'agreed' }
  /** The person takes the call, or not, as the agent that has briefed them says. */
  | { readonly kind: 'accepted' }
  | { readonly kind: 'declined'; readonly why: string }
  | { readonly kind: 'joined' }
  /** It cannot go on, and not because of the person: media or agent failed, nobody could be reached, or it took too long. */
  | { readonly kind: 'failed'; readonly why: string }
  /** BYE of the person. */
  | { readonly kind: 'bye' }
  /** The person's leg is gone without a word of theirs: dialog or audio. */
  | { readonly kind: 'lost'; readonly why: string }
  /** The call that is handed on is over. */
  | { readonly kind: 'callEnded'; readonly cause: EndCause }

export type TransferEffect =
  | { readonly kind: 'hunt' }
  /** Cancels what is out; a 200 that crosses the CANCEL is the hunt's to end. */
  | { readonly kind: 'giveUp' }
  | { readonly kind: 'accept' }
  | { readonly kind: 'brief' }
  | { readonly kind: 'join' }
  | { readonly kind: 'bye'; readonly cause: EndCause }
  /** What came of it, exactly once, to the agent; a failure is on record with it. */
  | { readonly kind: 'tell'; readonly problem: string | null }
  /** Both talk, on record: only now is a BYE of the person the end of the call. */
  | { readonly kind: 'announce' }
  /** The person has hung up on the caller: the call is over. */
  | { readonly kind: 'end' }
  /** The caller has lost the person: the agent talks to them again. */
  | { readonly kind: 'back'; readonly why: string }
  /** The last effect, exactly once: gives media and trunk back. */
  | { readonly kind: 'release' }

type TransferStep = Step<TransferState, TransferEffect>

export const newTransfer = (): TransferState => ({ kind: 'opening' })

/** One input to a transfer. What comes late, or means nothing to a state, leaves it as it is. */
export function stepTransfer(state: TransferState, input: TransferInput, attended: boolean): TransferStep {
  if (state.kind === 'over') return stay(state)
  if (input.kind === 'callEnded') return over(endOfCall(state, input.cause))
  switch (state.kind) {
    case 'opening':
      if (input.kind === 'opened') return go({ kind: 'ringing' }, { kind: 'hunt' })
      return input.kind === 'failed' ? fail(input.why) : stay(state)
    case 'ringing':
      if (input.kind === 'answered') return go({ kind: 'agreeing' }, { kind: 'accept' })
      return input.kind === 'failed' ? fail(input.why) : stay(state)
    case 'agreeing':
      if (input.kind !== 'agreed') return stepAnswered(state, input)
      return attended ? go({ kind: 'briefing' }, { kind: 'brief' }) : JOIN
    case 'briefing':
      if (input.kind === 'accepted') return JOIN
      if (input.kind === 'declined') return fail(input.why, 'normal')
      return stepAnswered(state, input)
    case 'joining':
      if (input.kind === 'joined') return go({ kind: 'joined' }, { kind: 'announce' })
      if (input.kind === 'bye') return over([{ kind: 'back', why: 'they hung up as they were put through' }])
      return stepJoined(state, input)
    case 'joined':
      return input.kind === 'bye' ? over([{ kind: 'end' }]) : stepJoined(state, input)
    default:
      return assertNever(state)
  }
}

/** There is a dialog with the person, and the caller is with the agent yet. */
function stepAnswered(state: TransferState, input: TransferInput): TransferStep {
  switch (input.kind) {
    case 'failed':
      return fail(input.why, 'agent-fault')
    case 'bye':
      return fail('they answered, and hung up before they were put through')
    case 'lost':
      return fail(input.why, 'trunk-fault')
    default:
      return stay(state)
  }
}

/** The agent has been told that it is over for them. */
function stepJoined(state: TransferState, input: TransferInput): TransferStep {
  if (input.kind !== 'lost' && input.kind !== 'failed') return stay(state)
  return over([
    { kind: 'bye', cause: 'trunk-fault' },
    { kind: 'back', why: input.why },
  ])
}

function endOfCall(state: Exclude<TransferState, { kind: 'over' }>, cause: EndCause): TransferEffect[] {
  const told: TransferEffect = { kind: 'tell', problem: 'the call ended before' }
  switch (state.kind) {
    case 'opening':
      return [told]
    case 'ringing':
      return [{ kind: 'giveUp' }, told]
    case 'joining':
    case 'joined':
      return [{ kind: 'bye', cause }]
    default:
      return [{ kind: 'bye', cause }, told]
  }
}

/** The agent is told first: with the joining, its part is over. */
const JOIN: TransferStep = { state: { kind: 'joining' }, effects: [{ kind: 'tell', problem: null }, { kind: 'join' }] }

const stay = (state: TransferState): TransferStep => ({ state, effects: [] })

const go = (state: TransferState, effect: TransferEffect): TransferStep => ({ state, effects: [effect] })

const over = (effects: readonly TransferEffect[]): TransferStep => ({
  state: { kind: 'over' },
  effects: [...effects, { kind: 'release' }],
})

/** @param bye why the person's leg is ended; absent: there is none, or they have ended it */
const fail = (problem: string, bye?: EndCause): TransferStep =>
  over([...(bye === undefined ? [] : [{ kind: 'bye', cause: bye } as const]), { kind: 'tell', problem }])
