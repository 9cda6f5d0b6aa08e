import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import { type Choice, chooseBest, type Outcome } from './proxy-best.ts'

/** Most destinations of one request, those that redirects add included (our policy). */
export const MAX_PROXY_TARGETS = 100

/** How a request is to be forked; it does not change. */
export interface ForkPlan {
  readonly invite: boolean
  readonly simultaneous: boolean
  readonly followRedirects: boolean
  readonly provisionalTimeoutMs: number | undefined
  readonly finalTimeoutMs: number | undefined
  /** Max-Breadth: over how many branches at a time the request may spread, at least 1 (RFC 5393 §5.3). */
  readonly breadth: number
}

/** One destination that was tried; its number is its place. */
export type Branch =
  /** Nothing heard yet, or a provisional response. */
  | {
      readonly kind: 'trying' | 'proceeding'
      readonly breadth: number
      readonly provisionalByMs: number | undefined
      readonly finalByMs: number | undefined
    }
  /**
   * Not wanted any more. A `silent` one has said nothing yet, can say nothing for long, and is not waited for. The 487 of an `overdue`
   * one is our doing, and tells its caller nothing: it counts as 408 (RFC 3261 §16.8).
   */
  | { readonly kind: 'cancelling'; readonly silent: boolean; readonly overdue: boolean }
  /** `redirected`: others are tried in its place. */
  | { readonly kind: 'ended'; readonly status: number; readonly received: boolean; readonly redirected: boolean }

/**
 * The response context of a proxied request (RFC 3261 §16.7).
 *
 *   searching ──2xx──▶ answered
 *      │ └─────all failed────▶ failed
 *      └──6xx, CANCEL──▶ stopping ──▶ answered or failed
 */
export interface ForkState {
  readonly phase: 'searching' | 'stopping' | 'answered' | 'failed'
  readonly cancelled: boolean
  readonly waiting: readonly string[]
  /** All that was ever to be tried: no URI is tried twice (RFC 3261 §16.5). */
  readonly known: ReadonlySet<string>
  readonly branches: readonly Branch[]
}

/**
 * `overdue`: timer C has cancelled a branch; `ended`: one will bring no response; `lost`: nobody upstream can be answered any more.
 */
export type ForkInput =
  | { readonly kind: 'provisional'; readonly branch: number; readonly status: number }
  | { readonly kind: 'final'; readonly branch: number; readonly status: number; readonly contacts: readonly string[] }
  | { readonly kind: 'overdue'; readonly branch: number }
  | { readonly kind: 'ended'; readonly branch: number; readonly why: 'timeout' | 'unreachable' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'wake' }

/**
 * `send` the request to a target; `cancel` what a branch has sent; `forward` the response just received; `report` it to the application;
 * `answer` upstream, once; `done`: the application hears no more, once.
 */
export type ForkEffect =
  | { readonly kind: 'send'; readonly branch: number; readonly target: string; readonly breadth: number }
  | { readonly kind: 'cancel'; readonly branch: number }
  | { readonly kind: 'forward' }
  | { readonly kind: 'report' }
  | { readonly kind: 'answer'; readonly choice: Choice }
  | { readonly kind: 'done' }

type ForkStep = Step<ForkState, ForkEffect>
type Live = Extract<Branch, { breadth: number }>

const isLive = (branch: Branch): branch is Live => branch.kind === 'trying' || branch.kind === 'proceeding'

/** Begins with the targets of the application; there has to be one. */
export function startFork(plan: ForkPlan, targets: readonly string[], nowMs: number): ForkStep {
  const known = new Set(targets)
  return proceed(plan, { phase: 'searching', cancelled: false, waiting: [...known], known, branches: [] }, [], nowMs)
}

/** One input. What means nothing to the state, or to a branch, leaves it as it is. */
export function stepFork(plan: ForkPlan, state: ForkState, input: ForkInput, nowMs: number): ForkStep {
  switch (input.kind) {
    case 'provisional':
      return onProvisional(plan, state, input.branch, input.status)
    case 'final':
      if (input.status < 300) return onSuccess(plan, state, input.branch, input.status)
      return onFailure(plan, state, input, nowMs)
    case 'overdue':
      return onOverdue(plan, state, input.branch, nowMs)
    case 'ended':
      return onEnded(plan, state, input, nowMs)
    case 'cancel':
      if (isOver(state)) return { state, effects: [] }
      return proceed(plan, ...stop({ ...state, cancelled: true }), nowMs)
    case 'lost': {
      if (isOver(state)) return { state, effects: [] }
      const [stopped, effects] = stop(state)
      return { state: { ...stopped, phase: 'failed' }, effects: [...effects, { kind: 'done' }] }
    }
    case 'wake':
      return onWake(plan, state, nowMs)
    default:
      return assertNever(input)
  }
}

/** When the machine wants its next `wake`. */
export function forkDeadlineMs(state: ForkState): number | undefined {
  let earliestMs = Number.POSITIVE_INFINITY
  for (const branch of state.branches) earliestMs = Math.min(earliestMs, dueMs(branch))
  return Number.isFinite(earliestMs) ? earliestMs : undefined
}

const isOver = ({ phase }: ForkState): boolean => phase === 'answered' || phase === 'failed'

const dueMs = (branch: Branch): number =>
  isLive(branch) ? Math.min(branch.provisionalByMs ?? Infinity, branch.finalByMs ?? Infinity) : Infinity

const withBranch = (state: ForkState, at: number, branch: Branch): ForkState => ({
  ...state,
  branches: state.branches.with(at, branch),
})

function onProvisional(plan: ForkPlan, state: ForkState, at: number, status: number): ForkStep {
  const branch = state.branches[at]
  if (branch === undefined || !isLive(branch)) return { state, effects: [] }
  const next = withBranch(state, at, { ...branch, kind: 'proceeding', provisionalByMs: undefined })
  // A 100 is of one hop, and other requests have no other provisional responses (RFC 3261 §16.7 item 5, RFC 4320 §4.1).
  return { state: next, effects: plan.invite && status > 100 ? [{ kind: 'forward' }] : [] }
}

/** Every 2xx to an INVITE goes up, whenever it comes and as often: each makes a dialog of its own (RFC 3261 §16.7 item 5). */
function onSuccess(plan: ForkPlan, state: ForkState, at: number, status: number): ForkStep {
  if (state.branches[at] === undefined) return { state, effects: [] }
  const ended = withBranch(state, at, { kind: 'ended', status, received: true, redirected: false })
  if (isOver(state)) return { state: ended, effects: plan.invite ? [{ kind: 'forward' }] : [] }
  const [stopped, cancels] = stop(ended)
  return {
    state: { ...stopped, phase: 'answered' },
    effects: [{ kind: 'report' }, { kind: 'forward' }, { kind: 'done' }, ...cancels],
  }
}

function onFailure(
  plan: ForkPlan,
  state: ForkState,
  input: Extract<ForkInput, { kind: 'final' }>,
  nowMs: number,
): ForkStep {
  const { branch: at, status, contacts } = input
  const branch = state.branches[at]
  if (branch === undefined || branch.kind === 'ended') return { state, effects: [] }
  const follows = plan.followRedirects && status < 400 && state.phase === 'searching' && isLive(branch)
  const added = follows ? newTargets(state, contacts) : []
  const redirected = added.length > 0
  const wasOverdue = branch.kind === 'cancelling' && branch.overdue && status === 487
  const ended = withBranch(
    { ...state, waiting: [...added, ...state.waiting], known: new Set([...state.known, ...added]) },
    at,
    wasOverdue ? OVERDUE : { kind: 'ended', status, received: true, redirected },
  )
  if (isOver(state)) return { state: ended, effects: [] }
  // A 6xx speaks for the callee everywhere (§16.7 item 5). A challenge is answered by the caller, who begins with the same destination.
  const isChallenge = status === 401 || status === 407
  const [next, cancels] = status >= 600 || (isChallenge && !plan.simultaneous) ? stop(ended) : [ended, []]
  return proceed(plan, next, [{ kind: 'report' }, ...cancels], nowMs)
}

const OVERDUE: Branch = { kind: 'ended', status: 408, received: false, redirected: false }

/** Where a redirect leads that has not been tried (RFC 3261 §16.5). */
function newTargets(state: ForkState, contacts: readonly string[]): string[] {
  const fresh = [...new Set(contacts)].filter((uri) => !state.known.has(uri))
  return fresh.slice(0, MAX_PROXY_TARGETS - state.known.size)
}

function onEnded(
  plan: ForkPlan,
  state: ForkState,
  { branch: at, why }: Extract<ForkInput, { kind: 'ended' }>,
  nowMs: number,
): ForkStep {
  const branch = state.branches[at]
  if (branch === undefined || branch.kind === 'ended') return { state, effects: [] }
  const status = why === 'timeout' || !isLive(branch) ? 408 : 503
  const next = withBranch(state, at, { kind: 'ended', status, received: false, redirected: false })
  return isOver(state) ? { state: next, effects: [] } : proceed(plan, next, [], nowMs)
}

/** The CANCEL has gone out already. Who is next need not wait for its answer. */
function onOverdue(plan: ForkPlan, state: ForkState, at: number, nowMs: number): ForkStep {
  const branch = state.branches[at]
  if (branch === undefined || !isLive(branch)) return { state, effects: [] }
  return proceed(plan, withBranch(state, at, cancelling(branch, true)), [], nowMs)
}

function onWake(plan: ForkPlan, state: ForkState, nowMs: number): ForkStep {
  const effects: ForkEffect[] = []
  const branches = state.branches.map((branch, at) => {
    if (!isLive(branch) || dueMs(branch) > nowMs) return branch
    effects.push({ kind: 'cancel', branch: at })
    return cancelling(branch, true)
  })
  return effects.length === 0 ? { state, effects } : proceed(plan, { ...state, branches }, effects, nowMs)
}

const cancelling = (branch: Live, overdue: boolean): Branch => ({
  kind: 'cancelling',
  silent: branch.kind === 'trying',
  overdue,
})

/** Tries nobody else, and cancels whom it has. */
function stop(state: ForkState): [ForkState, ForkEffect[]] {
  const effects: ForkEffect[] = []
  const branches = state.branches.map((branch, at) => {
    if (!isLive(branch)) return branch
    effects.push({ kind: 'cancel', branch: at })
    return cancelling(branch, false)
  })
  return [{ ...state, phase: 'stopping', waiting: [], branches }, effects]
}

/** Tries whom it may try now; answers when there is nobody left to wait for. */
function proceed(plan: ForkPlan, state: ForkState, before: readonly ForkEffect[], nowMs: number): ForkStep {
  const effects = [...before]
  const branches = [...state.branches]
  const live = branches.filter(isLive)
  const free = plan.breadth - live.reduce((sum, { breadth }) => sum + breadth, 0)
  const room = plan.simultaneous ? free : live.length === 0 ? 1 : 0
  const count = Math.min(room, state.waiting.length)
  const breadth = plan.simultaneous ? Math.floor(free / Math.max(count, 1)) : plan.breadth
  for (const target of state.waiting.slice(0, count)) {
    effects.push({ kind: 'send', branch: branches.length, target, breadth })
    branches.push({
      kind: 'trying',
      breadth,
      provisionalByMs: after(nowMs, plan.provisionalTimeoutMs),
      finalByMs: after(nowMs, plan.finalTimeoutMs),
    })
  }
  const next: ForkState = { ...state, waiting: state.waiting.slice(count), branches }
  if (branches.some((branch) => isLive(branch) || (branch.kind === 'cancelling' && !branch.silent))) {
    return { state: next, effects }
  }
  const choice = chooseBest(outcomes(branches), plan.invite, state.cancelled)
  return { state: { ...next, phase: 'failed' }, effects: [...effects, { kind: 'answer', choice }, { kind: 'done' }] }
}

const after = (nowMs: number, delayMs: number | undefined): number | undefined =>
  delayMs === undefined ? undefined : nowMs + delayMs

function outcomes(branches: readonly Branch[]): Outcome[] {
  return branches.flatMap((one, branch): Outcome[] => {
    if (one.kind === 'ended') return one.redirected ? [] : [{ branch, status: one.status, received: one.received }]
    return [{ branch, status: 408, received: false }]
  })
}
