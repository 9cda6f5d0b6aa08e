import { assertNever } from '../core/assert-never.ts'
import type { CountsAs } from './attempt-verdict.ts'
import { type CallsConfig, type CallsWindow, countOutcome, tally, withNumber } from './calls-window.ts'
import type { ProbeConfig } from './probe-target.ts'
import { comeBack, fall, NEVER_FALLEN, passTime, type Recovery } from './recovery.ts'
import type { ChannelVerdict } from './state.ts'

/**
 * The calls channel: outcomes of INVITEs on the trunk. It fails the trunk, and only
 * canaries bring it back: good probes merely let them begin.
 */
export interface CallsChannel {
  readonly window: CallsWindow
  readonly row: Row
  readonly phase: Phase
  readonly recovery: Recovery
  readonly reason: string
}

/**
 * - `carrying`: it takes calls.
 * - `held`: failed, and held down.
 * - `canary`: failed, and tried with one call at a time. `waitingSinceAtMs`: since when it has waited for the next one.
 *   `patienceEndsAtMs`: one is under way, and its place is given up then if nobody reports how it ended.
 */
export type Phase =
  | { readonly kind: 'carrying' }
  | { readonly kind: 'held' }
  | {
      readonly kind: 'canary'
      readonly successes: number
      readonly waitingSinceAtMs: number
      readonly patienceEndsAtMs: number | null
    }

/** Faults since the last attempt that was none, however long ago: a trunk with few calls falls as surely. */
export interface Row {
  readonly faults: number
  /** Stand apart, as they count only once enough numbers have seen them. */
  readonly noProgress: number
  readonly noProgressNumbers: readonly string[]
  /** Transport errors and `noReply`s since anything else happened. */
  readonly silent: number
}

/** What counts against the trunk; `account` and `nothing` say nothing of it, and `fine` is also a busy callee. */
type CallFault = Extract<CountsAs, 'fault' | 'unreachable' | 'noProgress'>

/** How long a canary's place is kept for an outcome that nobody reports: longer than any hunt and ringing. */
export const CANARY_PATIENCE_MS = 120_000

const EMPTY_ROW: Row = { faults: 0, noProgress: 0, noProgressNumbers: [], silent: 0 }

export const NO_CALLS: CallsChannel = {
  window: [],
  row: EMPTY_ROW,
  phase: { kind: 'carrying' },
  recovery: NEVER_FALLEN,
  reason: 'no calls yet',
}

export interface CallsRules {
  readonly probe: ProbeConfig
  readonly calls: CallsConfig
}

export function judgeCalls({ phase, reason }: CallsChannel): ChannelVerdict {
  return { state: phase.kind === 'carrying' ? 'active' : 'failed', reason }
}

/**
 * Whether calls have told anything lately that others should go by. Faults that are too few to fail the trunk speak
 * neither against it nor for it. A trunk that has waited in vain for a canary call for a whole window says no more: a node
 * without calls would hold its word against the trunk for ever.
 */
export function hasCallsEvidence(channel: CallsChannel, nowMs: number, config: CallsConfig): boolean {
  const { phase, recovery, window } = channel
  const isRecent = (atMs: number): boolean => nowMs - atMs < config.windowMs
  switch (phase.kind) {
    case 'held':
      return true
    case 'canary':
      return phase.patienceEndsAtMs !== null || isRecent(phase.waitingSinceAtMs)
    case 'carrying': {
      if (recovery.backAtMs !== null && isRecent(recovery.backAtMs)) return true
      const { attempts, faults } = tally(window, nowMs, config)
      return attempts > faults
    }
    default:
      return assertNever(phase)
  }
}

/** How one INVITE on the trunk ended, as its health sees it. */
export interface AttemptOutcome {
  readonly outcome: CountsAs
  /** What was dialled; only a fingerprint of it is kept. */
  readonly number: string
  /** From the INVITE to its outcome. */
  readonly tookMs: number
  /** It was the canary. */
  readonly canary: boolean
}

/** An attempt on the trunk has its outcome. */
export function onOutcome(
  channel: CallsChannel,
  attempt: AttemptOutcome,
  nowMs: number,
  rules: CallsRules,
): CallsChannel {
  const { outcome, canary } = attempt
  const { backAtMs } = channel.recovery
  // It left before the trunk had recovered, and tells of what the trunk was then.
  if (backAtMs !== null && nowMs - attempt.tookMs < backAtMs) return channel
  const counted = isEvidence(outcome)
    ? count(channel, outcome, fingerprint(attempt.number), nowMs, rules.calls)
    : channel
  switch (channel.phase.kind) {
    case 'carrying':
      return isFault(outcome) ? fallIfDue(counted, nowMs, rules) : counted
    case 'held':
      // An attempt that was under way when the trunk failed, or one for want of any other trunk.
      return counted
    case 'canary':
      return canary ? onCanaryOutcome(counted, channel.phase, outcome, nowMs, rules) : counted
    default:
      return assertNever(channel.phase)
  }
}

/** Somebody knows that it cannot go well: it fails at once, whatever was counted. Where it is held down already, nothing changes. */
export function condemn(channel: CallsChannel, reason: string, nowMs: number, rules: CallsRules): CallsChannel {
  return channel.phase.kind === 'held' ? channel : down(channel, reason, nowMs, rules)
}

/** A call has been placed on the trunk as its canary. */
export function onCanaryPlaced(channel: CallsChannel, nowMs: number): CallsChannel {
  const { phase } = channel
  if (phase.kind !== 'canary') return channel
  return { ...channel, phase: { ...phase, patienceEndsAtMs: nowMs + CANARY_PATIENCE_MS } }
}

/** Lets time pass. `mayTry`: probes allow a canary (`probesAllowCanary`). */
export function wakeCalls(channel: CallsChannel, mayTry: boolean, nowMs: number): CallsChannel {
  const recovery = passTime(channel.recovery, nowMs)
  const { phase } = channel
  if (phase.kind === 'held' && recovery.holdEndsAtMs === null && mayTry) {
    const phase = { kind: 'canary', successes: 0, waitingSinceAtMs: nowMs, patienceEndsAtMs: null } as const
    return { ...channel, recovery, phase }
  }
  if (phase.kind === 'canary' && phase.patienceEndsAtMs !== null && phase.patienceEndsAtMs <= nowMs) {
    return { ...channel, recovery, phase: { ...phase, patienceEndsAtMs: null } }
  }
  return recovery === channel.recovery ? channel : { ...channel, recovery }
}

/** When the channel wants to be woken; Infinity: never. */
export function callsDeadlineMs({ phase, recovery }: CallsChannel): number {
  const patienceEndsAtMs = phase.kind === 'canary' ? phase.patienceEndsAtMs : null
  return Math.min(recovery.holdEndsAtMs ?? Infinity, patienceEndsAtMs ?? Infinity)
}

function count(
  channel: CallsChannel,
  outcome: 'fine' | CallFault,
  number: string,
  nowMs: number,
  config: CallsConfig,
): CallsChannel {
  const kind = outcome === 'unreachable' ? 'fault' : outcome
  const window = countOutcome(channel.window, kind, number, nowMs, config)
  const { row } = channel
  switch (outcome) {
    case 'fine':
      return { ...channel, window, row: EMPTY_ROW }
    case 'unreachable':
      return { ...channel, window, row: { ...row, faults: row.faults + 1, silent: row.silent + 1 } }
    case 'fault':
      return { ...channel, window, row: { ...row, faults: row.faults + 1, silent: 0 } }
    case 'noProgress': {
      const noProgressNumbers = withNumber(row.noProgressNumbers, number, config.minNumbers)
      return { ...channel, window, row: { ...row, noProgress: row.noProgress + 1, noProgressNumbers, silent: 0 } }
    }
    default:
      return assertNever(outcome)
  }
}

function fallIfDue(channel: CallsChannel, nowMs: number, rules: CallsRules): CallsChannel {
  const reason = whyFailed(channel, nowMs, rules.calls)
  return reason === undefined ? channel : down(channel, reason, nowMs, rules)
}

function whyFailed({ row, window }: CallsChannel, nowMs: number, config: CallsConfig): string | undefined {
  if (row.silent >= config.transportFaults) return `${row.silent} calls in a row found it unreachable`
  const stalled = row.noProgressNumbers.length >= config.minNumbers ? row.noProgress : 0
  const inARow = row.faults + stalled
  if (inARow >= config.consecutive) return `${inARow} faults in a row`
  const { attempts, faults, faultNumbers } = tally(window, nowMs, config)
  // The numbers of the faults, not of all attempts: one bad list among good calls must not fail a shared trunk.
  const isBroad = attempts >= config.minAttempts && faultNumbers >= config.minNumbers
  return isBroad && faults > 0 && faults >= attempts * config.faultRatio
    ? `${faults} of ${attempts} calls at fault`
    : undefined
}

function onCanaryOutcome(
  channel: CallsChannel,
  phase: Extract<Phase, { kind: 'canary' }>,
  outcome: CountsAs,
  nowMs: number,
  rules: CallsRules,
): CallsChannel {
  if (!isEvidence(outcome)) return { ...channel, phase: { ...phase, patienceEndsAtMs: null } }
  if (isFault(outcome)) return down(channel, `canary failed: ${outcome}`, nowMs, rules)
  const successes = phase.successes + 1
  if (successes < rules.calls.canary) {
    return { ...channel, phase: { kind: 'canary', successes, waitingSinceAtMs: nowMs, patienceEndsAtMs: null } }
  }
  return {
    window: [],
    row: EMPTY_ROW,
    phase: { kind: 'carrying' },
    recovery: comeBack(channel.recovery, nowMs),
    reason: `${successes} canary calls succeeded`,
  }
}

const down = (channel: CallsChannel, reason: string, nowMs: number, { probe }: CallsRules): CallsChannel => ({
  ...channel,
  row: EMPTY_ROW,
  phase: { kind: 'held' },
  recovery: fall(channel.recovery, nowMs, probe),
  reason,
})

const isFault = (outcome: CountsAs): outcome is CallFault =>
  outcome === 'fault' || outcome === 'unreachable' || outcome === 'noProgress'

const isEvidence = (outcome: CountsAs): outcome is 'fine' | CallFault => outcome === 'fine' || isFault(outcome)

/** FNV-1a in 32 bits: tells numbers apart, and keeps them out of what is stored. */
function fingerprint(number: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < number.length; i++) hash = Math.imul(hash ^ number.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}
