import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import { type Attempt, type AttemptId, clampRetryAfter, type HuntTarget, type HuntTrunk } from './attempt.ts'
import { type AttemptEnd, judgeAttempt, type Verdict } from './attempt-verdict.ts'
import { failureOf, type HuntFailure } from './hunt-failure.ts'
import { redirectTargets } from './redirect.ts'

/**
 * One outbound call that tries its trunks one after the other, until one rings, answers, or says what no other trunk would say
 * better. The SIP server below runs the transactions: it repeats the INVITE, holds a CANCEL back until a 1xx (RFC 3261 §9.1) and
 * acknowledges finals. Attempts that were given up live on as `abandoned` until their final comes, so that a late 200 gets its BYE.
 *
 *   resolving ──▶ sending ──▶ calling ──100──▶ proceeding ──18x──▶ ringing ──▶ answered
 *       ▲             └───────────┴── next target, next trunk ──┘      └──▶ failed
 *       └──────────────────────────────────────────┘
 */
export type HuntState =
  /** The addresses of a trunk are being looked up. */
  | (Hunting & { readonly kind: 'resolving'; readonly untilMs: number })
  /** The offer of the attempt is being made; the INVITE has not left yet. */
  | (Hunting & { readonly kind: 'sending' })
  /** The INVITE is out, and nothing has come back. */
  | (Hunting & { readonly kind: 'calling'; readonly untilMs: number })
  /** The next hop has it: 100, or another 1xx that is no 18x. */
  | (Hunting & { readonly kind: 'proceeding'; readonly untilMs: number })
  /** Nothing is hunted any more: this attempt is the call. */
  | (Hunting & { readonly kind: 'ringing'; readonly untilMs: number })
  | { readonly kind: 'answered'; readonly attempt: AttemptId; readonly abandoned: readonly AttemptId[] }
  | { readonly kind: 'failed'; readonly failure: HuntFailure; readonly abandoned: readonly AttemptId[] }

interface Hunting {
  /** The attempt under way, or being prepared. */
  readonly attempt: Attempt
  /** Further targets of its trunk, and trunks after it. */
  readonly targets: readonly (HuntTarget & { readonly depth: number })[]
  readonly trunks: readonly HuntTrunk[]
  /** Every request-URI that an INVITE of this trunk went to, so that 3xx make no loop. */
  readonly visited: readonly string[]
  readonly otherOfferMade: boolean
  /** No trunk is tried after this; from the first 18x on it means nothing. */
  readonly budgetUntilMs: number
  readonly abandoned: readonly AttemptId[]
}

export type HuntInput =
  /** The addresses of the trunk, the best first; none: the name cannot be resolved. */
  | { readonly kind: 'resolved'; readonly attempt: AttemptId; readonly targets: readonly HuntTarget[] }
  /** The INVITE has left. */
  | { readonly kind: 'sent'; readonly attempt: AttemptId }
  /** It could not be made, or its answer cannot be used: nothing that another trunk would mend. */
  | { readonly kind: 'broken'; readonly attempt: AttemptId }
  | { readonly kind: 'provisional'; readonly attempt: AttemptId; readonly status: number }
  | {
      readonly kind: 'final'
      readonly attempt: AttemptId
      /** 300 to 699. */
      readonly status: number
      /** The Contacts of a 3xx. */
      readonly contact: string
      /** Retry-After, where the trunk itself sent it. */
      readonly retryAfterS: number | null
    }
  /** No connection, or none any more. */
  | { readonly kind: 'transport'; readonly attempt: AttemptId }
  /** A 2xx that is no call, and is ended already. */
  | { readonly kind: 'unusable'; readonly attempt: AttemptId }
  /** The trunk is at one of its limits: nothing was sent. */
  | { readonly kind: 'full'; readonly attempt: AttemptId }
  /** 200 OK; the SIP server has acknowledged it. */
  | { readonly kind: 'answered'; readonly attempt: AttemptId }
  /** Whoever asked for the call gives it up. */
  | { readonly kind: 'cancel' }
  /** The deadline has come. */
  | { readonly kind: 'wake' }

export type HuntEffect =
  | { readonly kind: 'resolve'; readonly attempt: AttemptId; readonly trunk: HuntTrunk }
  | { readonly kind: 'invite'; readonly attempt: Attempt }
  | { readonly kind: 'cancel'; readonly attempt: AttemptId }
  /** Ends the dialog of a 200 that came too late. */
  | { readonly kind: 'bye'; readonly attempt: AttemptId }
  /** The first 18x, and every one after it. */
  | { readonly kind: 'ringing'; readonly attempt: AttemptId; readonly status: number }
  /** Once an attempt: for the record and the health of its trunk. */
  | {
      readonly kind: 'ended'
      readonly attempt: Attempt
      readonly end: AttemptEnd
      readonly verdict: Verdict
      /** How long the trunk asked to be left alone, clamped; null where it did not. */
      readonly retryAfterMs: number | null
    }
  /** The last effect of a hunt is one of these two, but for what abandoned attempts still need. */
  | { readonly kind: 'answered'; readonly attempt: AttemptId }
  | { readonly kind: 'failed'; readonly failure: HuntFailure }

export type HuntStep = Step<HuntState, HuntEffect>

type Live = Extract<HuntState, Hunting>

/** Begins with the first trunk. */
export function startHunt(trunks: readonly HuntTrunk[], nowMs: number): HuntStep {
  const [first, ...rest] = trunks
  if (first === undefined) return fail([], null, null)
  const budgetUntilMs = nowMs + first.policy.huntBudgetMs
  return resolveTrunk({ budgetUntilMs, otherOfferMade: false, abandoned: [] }, first, rest, 0, nowMs)
}

/** When the machine wants its next `wake`; undefined once it is over. */
export function huntDeadlineMs(state: HuntState): number | undefined {
  switch (state.kind) {
    case 'sending':
      return state.budgetUntilMs
    case 'resolving':
    case 'calling':
    case 'proceeding':
      return Math.min(state.untilMs, state.budgetUntilMs)
    case 'ringing':
      return state.untilMs
    case 'answered':
    case 'failed':
      return undefined
    default:
      return assertNever(state)
  }
}

/** Nothing more can come of it: the hunt is over and every attempt has had its final. */
export const isHuntSettled = (state: HuntState): boolean =>
  (state.kind === 'answered' || state.kind === 'failed') && state.abandoned.length === 0

/** One input to a hunt. What comes late, twice, or for an attempt that is over moves nothing. */
export function stepHunt(state: HuntState, input: HuntInput, nowMs: number): HuntStep {
  if ('attempt' in input && state.abandoned.includes(input.attempt)) return stepAbandoned(state, input)
  if (state.kind === 'answered' || state.kind === 'failed') return stay(state)
  if ('attempt' in input && input.attempt !== state.attempt.id) return stay(state)
  switch (input.kind) {
    case 'resolved':
      return state.kind === 'resolving' ? onResolved(state, input.targets, nowMs) : stay(state)
    case 'sent':
      return state.kind === 'sending' ? onSent(state, nowMs) : stay(state)
    case 'broken':
      return endAttempt(state, { kind: 'local' }, nowMs)
    case 'provisional':
      return isOnItsWay(state) ? onProvisional(state, input.status, nowMs) : stay(state)
    case 'answered':
      return isOnItsWay(state) ? onAnswered(state) : stay(state)
    case 'unusable':
      return isOnItsWay(state) ? endAttempt(state, { kind: 'unusable' }, nowMs) : stay(state)
    case 'full':
      return state.kind === 'resolving' ? endAttempt(state, { kind: 'full' }, nowMs) : stay(state)
    case 'final':
      return isOnItsWay(state) ? onFinal(state, input, nowMs) : stay(state)
    case 'transport':
      return endAttempt(state, { kind: 'transport', ringing: state.kind === 'ringing' }, nowMs)
    case 'cancel':
      return abandon(state, { kind: 'cancelled' }, nowMs)
    case 'wake':
      return onWake(state, nowMs)
    default:
      return assertNever(input)
  }
}

/** A late message of an attempt that was given up: a 200 is ended by BYE, anything final lets it go. */
function stepAbandoned(state: HuntState, input: Extract<HuntInput, { attempt: AttemptId }>): HuntStep {
  if (input.kind === 'provisional' || input.kind === 'sent' || input.kind === 'resolved') return stay(state)
  const abandoned = state.abandoned.filter((id) => id !== input.attempt)
  const effects: HuntEffect[] = input.kind === 'answered' ? [{ kind: 'bye', attempt: input.attempt }] : []
  return { state: { ...state, abandoned }, effects }
}

function onResolved(state: Live, found: readonly HuntTarget[], nowMs: number): HuntStep {
  const [first, ...rest] = found
  if (first === undefined) return endAttempt(state, { kind: 'transport', ringing: false }, nowMs)
  const targets = rest.map((target) => ({ ...target, depth: 0 }))
  return send({ ...state, targets }, { ...state.attempt, target: first })
}

function onSent(state: Live, nowMs: number): HuntStep {
  const { noReplyMs, noProgressMs } = state.attempt.trunk.policy
  if (noReplyMs !== null) return stay({ ...state, kind: 'calling', untilMs: nowMs + noReplyMs })
  return stay({ ...state, kind: 'proceeding', untilMs: nowMs + noProgressMs })
}

function onProvisional(state: Live, status: number, nowMs: number): HuntStep {
  const { noProgressMs, ringTimeoutMs } = state.attempt.trunk.policy
  if (status >= 180 && status < 190) {
    const untilMs = state.kind === 'ringing' ? state.untilMs : nowMs + ringTimeoutMs
    return {
      state: { ...state, kind: 'ringing', untilMs },
      effects: [{ kind: 'ringing', attempt: state.attempt.id, status }],
    }
  }
  // Every 100 after the first says no more than it did.
  if (state.kind === 'ringing' || state.kind === 'proceeding') return stay(state)
  return stay({ ...state, kind: 'proceeding', untilMs: nowMs + noProgressMs })
}

function onAnswered(state: Live): HuntStep {
  const { attempt, abandoned } = state
  const ended = endedEffect(attempt, { kind: 'answered' })
  return {
    state: { kind: 'answered', attempt: attempt.id, abandoned },
    effects: [ended, { kind: 'answered', attempt: attempt.id }],
  }
}

function onFinal(state: Live, input: Extract<HuntInput, { kind: 'final' }>, nowMs: number): HuntStep {
  const { attempt } = state
  const end: AttemptEnd = { kind: 'response', status: input.status, ringing: state.kind === 'ringing' }
  const isOwn = attempt.depth === 0 && input.status === 503
  return endAttempt(state, end, nowMs, {
    contact: input.contact,
    retryAfterMs: isOwn ? clampRetryAfter(input.retryAfterS, attempt.trunk.policy) : null,
  })
}

/** Our own deadlines: what has not come is given up, and what is out is cancelled first. */
function onWake(state: Live, nowMs: number): HuntStep {
  switch (state.kind) {
    case 'resolving':
      if (nowMs >= state.untilMs) return endAttempt(state, { kind: 'transport', ringing: false }, nowMs)
      break
    case 'calling':
      if (nowMs >= state.untilMs) return abandon(state, { kind: 'noReply' }, nowMs)
      break
    case 'proceeding':
      if (nowMs >= state.untilMs) return abandon(state, { kind: 'noProgress' }, nowMs)
      break
    case 'ringing':
      return nowMs >= state.untilMs ? abandon(state, { kind: 'ringTimeout' }, nowMs) : stay(state)
    case 'sending':
      break
    default:
      return assertNever(state)
  }
  return nowMs >= state.budgetUntilMs ? abandon(state, { kind: 'budget' }, nowMs) : stay(state)
}

/** Ends the attempt from our side. What has left, or is about to, is cancelled and remembered until its final comes. */
function abandon(state: Live, end: AttemptEnd, nowMs: number): HuntStep {
  if (state.kind === 'resolving') return endAttempt(state, end, nowMs)
  const { id } = state.attempt
  const { state: next, effects } = endAttempt({ ...state, abandoned: [...state.abandoned, id] }, end, nowMs)
  return { state: next, effects: [{ kind: 'cancel', attempt: id }, ...effects] }
}

interface FinalDetails {
  readonly contact: string
  readonly retryAfterMs: number | null
}

/** The attempt is over: what its verdict says comes next. */
function endAttempt(state: Live, end: AttemptEnd, nowMs: number, details?: FinalDetails): HuntStep {
  const ended = endedEffect(state.attempt, end, details?.retryAfterMs)
  const { state: next, effects } = goOn(state, ended.end, ended.verdict, nowMs, details?.contact ?? '')
  return { state: next, effects: [ended, ...effects] }
}

function goOn(state: Live, end: AttemptEnd, verdict: Verdict, nowMs: number, contact: string): HuntStep {
  const { attempt, targets, trunks, abandoned } = state
  const over = (): HuntStep => fail(abandoned, end, verdict)
  if (nowMs >= state.budgetUntilMs) return over()
  switch (verdict.next) {
    case 'stop':
      return over()
    case 'codec':
      if (state.otherOfferMade) return over()
      return send({ ...state, otherOfferMade: true }, { ...attempt, id: attempt.id + 1, offer: 'other' })
    case 'redirect': {
      const found = followRedirect(state, contact)
      return found.length === 0 ? over() : nextTarget(state, [...found, ...targets], over, nowMs)
    }
    case 'target':
      return nextTarget(state, targets, over, nowMs)
    case 'trunk':
      // One silent address is not the whole trunk: where no other trunk is left, its other addresses are.
      if (trunks.length === 0 && end.kind === 'noReply') return nextTarget(state, targets, over, nowMs)
      return nextTrunk(state, trunks, over, nowMs)
    default:
      return assertNever(verdict.next)
  }
}

function nextTarget(state: Live, targets: Live['targets'], over: () => HuntStep, nowMs: number): HuntStep {
  const [first, ...rest] = targets
  if (first === undefined) return nextTrunk(state, state.trunks, over, nowMs)
  const { depth, ...target } = first
  return send(
    { ...state, targets: rest },
    { ...state.attempt, id: state.attempt.id + 1, target, depth, offer: 'usual' },
  )
}

function nextTrunk(state: Live, trunks: readonly HuntTrunk[], over: () => HuntStep, nowMs: number): HuntStep {
  const [first, ...rest] = trunks
  return first === undefined ? over() : resolveTrunk(state, first, rest, state.attempt.id + 1, nowMs)
}

function followRedirect({ attempt, visited }: Live, contact: string): Live['targets'] {
  const { allowedHosts, maxRedirects } = attempt.trunk.policy
  if (attempt.depth >= maxRedirects) return []
  const depth = attempt.depth + 1
  return redirectTargets(contact, allowedHosts, visited).map((uri) => ({ uri, server: null, probed: null, depth }))
}

const UNRESOLVED: HuntTarget = { uri: '', server: null, probed: null }

function resolveTrunk(
  { budgetUntilMs, otherOfferMade, abandoned }: Pick<Hunting, 'budgetUntilMs' | 'otherOfferMade' | 'abandoned'>,
  trunk: HuntTrunk,
  trunks: readonly HuntTrunk[],
  id: AttemptId,
  nowMs: number,
): HuntStep {
  const { noReplyMs, noProgressMs } = trunk.policy
  const attempt: Attempt = { id, trunk, target: UNRESOLVED, offer: 'usual', depth: 0 }
  const untilMs = nowMs + (noReplyMs ?? noProgressMs)
  const hunting: Hunting = { attempt, targets: [], trunks, visited: [], otherOfferMade, budgetUntilMs, abandoned }
  return { state: { ...hunting, kind: 'resolving', untilMs }, effects: [{ kind: 'resolve', attempt: id, trunk }] }
}

function send(state: Hunting, attempt: Attempt): HuntStep {
  const { targets, trunks, otherOfferMade, budgetUntilMs, abandoned } = state
  const visited = [...state.visited, attempt.target.uri]
  const hunting: Hunting = { attempt, targets, trunks, visited, otherOfferMade, budgetUntilMs, abandoned }
  return { state: { ...hunting, kind: 'sending' }, effects: [{ kind: 'invite', attempt }] }
}

/** The SIP server has the INVITE. Its answer may overtake the word that it was sent. */
const isOnItsWay = (state: Live): boolean => state.kind !== 'resolving'

function endedEffect(attempt: Attempt, end: AttemptEnd, retryAfterMs: number | null = null) {
  return { kind: 'ended', attempt, end, verdict: judgeAttempt(end, attempt.trunk.policy), retryAfterMs } as const
}

const fail = (abandoned: readonly AttemptId[], end: AttemptEnd | null, verdict: Verdict | null): HuntStep => {
  const failure = failureOf(end, verdict)
  return { state: { kind: 'failed', failure, abandoned }, effects: [{ kind: 'failed', failure }] }
}

const stay = (state: HuntState): HuntStep => ({ state, effects: [] })
