import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { ReferNotify } from '../sip/refer-notify.ts'
import { type AttemptEnd, judgeAttempt } from '../trunk/attempt-verdict.ts'
import { failureOf } from '../trunk/hunt-failure.ts'
import { huntFailureWords } from './hunt-failure-words.ts'

/**
 * The far end of a call is asked to call somebody else itself, and to leave us when it has reached them (RFC 3515, RFC 5589 §6). Nothing changes
 * for it before that: the agent talks on. Where it does not do it, the call is handed on over a leg of ours (transfer.ts). A REFER
 * cannot be taken back, so who was asked may still do it long after we have given it up.
 */
export type ReferralState =
  /** The REFER is out. */
  | { readonly kind: 'asking'; readonly untilMs: number }
  /** It was accepted, and nothing was heard of it yet. */
  | { readonly kind: 'accepted'; readonly untilMs: number }
  /** The far end calls them. */
  | { readonly kind: 'calling'; readonly ringing: boolean; readonly untilMs: number }
  /** It has said that it will not tell us more, and not how it went: it leaves, or it does not. */
  | { readonly kind: 'untold'; readonly untilMs: number }
  /** What is to become of the call was decided without it. */
  | { readonly kind: 'givenUp' }
  | { readonly kind: 'over' }

export type ReferralInput =
  /** 2xx to the REFER. */
  | { readonly kind: 'accepted' }
  /** Any other final answer, or the REFER could not be sent. */
  | { readonly kind: 'refused'; readonly why: string }
  | ({ readonly kind: 'notified' } & ReferNotify)
  | { readonly kind: 'callEnded' }
  | { readonly kind: 'wake' }

export type ReferralEffect =
  /** The far end talks to them: nothing is left of the call for us but to hang up. */
  | { readonly kind: 'arrived' }
  /** They cannot be had, whoever calls them: the agent is told. */
  | { readonly kind: 'fail'; readonly problem: string }
  /** It is tried over a leg of ours. */
  | { readonly kind: 'fallBack'; readonly why: string }

type ReferralStep = Step<ReferralState, ReferralEffect>

/** How long the answer to a REFER may take, in ms: it is one of the next machine, not of a person. */
const ASK_MS = 4_000

/** How long the first NOTIFY may take, which is to come at once (RFC 3515 §2.4.4). */
const FIRST_NOTIFY_MS = 5_000

/** How long the far end's BYE may take where its last NOTIFY did not say how it went. */
const BYE_MS = 4_000

export const newReferral = (nowMs: number): ReferralState => ({ kind: 'asking', untilMs: nowMs + ASK_MS })

/** When the referral is to be woken; undefined: never. */
export const referralDeadlineMs = (state: ReferralState): number | undefined =>
  'untilMs' in state ? state.untilMs : undefined

/**
 * One input to a referral. What comes late, or means nothing to a state, leaves it as it is.
 *
 * @param ringMs how long they may ring, from the far end's word that it calls them
 */
export function stepReferral(state: ReferralState, input: ReferralInput, nowMs: number, ringMs: number): ReferralStep {
  if (state.kind === 'over') return stay(state)
  switch (input.kind) {
    case 'accepted':
      return state.kind === 'asking' ? stay({ kind: 'accepted', untilMs: nowMs + FIRST_NOTIFY_MS }) : stay(state)
    case 'refused':
      // Where a NOTIFY has come it was accepted, and only the 202 is lost.
      return state.kind === 'asking' ? fallBack(GIVEN_UP, input.why) : stay(state)
    case 'notified':
      return stepNotified(state, input, nowMs, ringMs)
    case 'callEnded':
      return state.kind === 'givenUp'
        ? stay(OVER)
        : { state: OVER, effects: [{ kind: 'fail', problem: leftWhile(state) }] }
    case 'wake':
      return stepWake(state, nowMs)
    default:
      return assertNever(input)
  }
}

type Open = Exclude<ReferralState, { kind: 'over' }>

/** A NOTIFY says that the REFER was accepted, also where it overtakes the 202 (RFC 3515 §2.4.4). */
function stepNotified(
  state: Open,
  { status, reason, isOver }: ReferNotify,
  nowMs: number,
  ringMs: number,
): ReferralStep {
  if (status !== null && status >= 200 && status < 300) return { state: OVER, effects: [{ kind: 'arrived' }] }
  if (state.kind === 'givenUp') return stay(isOver ? OVER : state)
  const rang = state.kind === 'calling' && state.ringing
  if (status !== null && status >= 300) return failed(OVER, { kind: 'response', status, ringing: rang }, reason)
  if (isOver) return stay({ kind: 'untold', untilMs: nowMs + BYE_MS })
  if (state.kind === 'untold') return stay(state)
  const untilMs = state.kind === 'calling' ? state.untilMs : nowMs + ringMs
  return stay({ kind: 'calling', ringing: rang || (status ?? 0) > 100, untilMs })
}

function stepWake(state: Open, nowMs: number): ReferralStep {
  if (state.kind === 'givenUp' || nowMs < state.untilMs) return stay(state)
  switch (state.kind) {
    case 'asking':
      return fallBack(GIVEN_UP, 'no answer to the REFER')
    case 'accepted':
      return fallBack(GIVEN_UP, 'it was accepted, and nothing was heard of it')
    case 'calling':
      // They have rung for as long as they may, in all likelihood: to ring them once more, over a leg of ours, would be another call.
      return failed(GIVEN_UP, { kind: 'ringTimeout' })
    case 'untold':
      return fallBack(OVER, 'the far end does not say what came of it')
    default:
      return assertNever(state)
  }
}

/** What was wrong on the way there may be better on our way; what is about the person is the same on any. */
function failed(state: ReferralState, end: AttemptEnd, reason = ''): ReferralStep {
  const verdict = judgeAttempt(end, { hunt480: false })
  const words = end.kind === 'response' ? `${end.status} ${reason}`.trim() : end.kind
  if (verdict.next !== 'stop') return fallBack(state, `the far end got ${words}`)
  return { state, effects: [{ kind: 'fail', problem: huntFailureWords(failureOf(end, verdict)) }] }
}

/** What the agent is told where the call ends meanwhile: nobody knows whether the person was reached. */
const leftWhile = ({ kind }: Open): string =>
  kind === 'asking' ? 'the call ended before' : 'the call ended before the far end said what came of it'

const OVER: ReferralState = { kind: 'over' }

const GIVEN_UP: ReferralState = { kind: 'givenUp' }

const stay = (state: ReferralState): ReferralStep => ({ state, effects: [] })

const fallBack = (state: ReferralState, why: string): ReferralStep => ({ state, effects: [{ kind: 'fallBack', why }] })
