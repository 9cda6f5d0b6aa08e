import type { TrunkConfig } from '../config/resolve.ts'
import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import {
  type AttemptOutcome,
  type CallsChannel,
  callsDeadlineMs,
  condemn,
  hasCallsEvidence,
  judgeCalls,
  NO_CALLS,
  onCanaryPlaced,
  onOutcome,
  wakeCalls,
} from './calls-channel.ts'
import { tally } from './calls-window.ts'
import {
  type CallAudio,
  hasMediaEvidence,
  judgeMedia,
  type MediaChannel,
  mediaDeadlineMs,
  NO_AUDIO,
  onCallAudio,
  wakeMedia,
} from './media-channel.ts'
import { hasExpired, type Override, type OverrideOrder, placeOverride } from './operator.ts'
import {
  changeTarget,
  hasProbeEvidence,
  judgeProbes,
  NO_TARGETS,
  type ProbeChannel,
  probesAllowCanary,
  probesDeadlineMs,
  setTargets,
  wakeProbes,
} from './probe-channel.ts'
import { onAnswer, onNoAnswer, onUnsent, refuse } from './probe-target.ts'
import { type Channel, type EvidenceChannel, isAtLeast, type TrunkState } from './state.ts'

/**
 * The health of one trunk: four channels of evidence that never clear each other, as one pure
 * machine. It says when to probe, what the trunk is good for, and why. Times are monotonic milliseconds of this process.
 *
 *     let health = thaw(stored, nowMs) ?? newHealth(nowMs) // stored-health.ts
 *     const feed = (event: HealthEvent) => {
 *       const { state, effects } = stepHealth(health, event, clock.nowMs(), trunk) // trunk: its TrunkConfig
 *       health = state
 *       for (const effect of effects) perform(effect) // `probe`: send OPTIONS; `changed`: event trunk.state, store, publish
 *       wheel.wakeAt(deadlineMs(health), () => feed({ kind: 'tick', random: random() }))
 *     }
 *     feed({ kind: 'targets', targets: ['udp:192.0.2.1:5060'], random: random() })
 *     feed({ kind: 'answered', target, serial, status: 200, retryAfterMs: null }) // serial: that of the `probe` effect
 *     feed({ kind: 'attempt', outcome: judgeAttempt(end, trunk).countsAs, number: dialled, tookMs, canary: false })
 *     feed({ kind: 'override', order: { state: 'failed', actor: 'ops', reason: 'maintenance', forMs: 600_000 } })
 *     effectiveState(health) // { state: 'failed', sinceAtMs, reason: 'maintenance', channel: 'operator' }
 *     await store.put(trunk.id, freeze(health, clock.nowMs())) // durations instead of moments: survives a restart
 *
 * Which trunk a call takes, canaries included, is decided over a group of them in selection.ts.
 */
export interface HealthState {
  readonly probe: ProbeChannel
  readonly calls: CallsChannel
  readonly media: MediaChannel
  readonly operator: Override | null
  readonly effective: EffectiveState
}

export interface EffectiveState {
  readonly state: TrunkState
  /** Since when, monotonic. In the past of this process where the state was stored. */
  readonly sinceAtMs: number
  readonly reason: string
  /** Who brought it about. Null: nothing has happened yet. */
  readonly channel: Channel | null
}

/** What the machine goes by, all of it from the trunk's configuration. */
export type HealthConfig = Pick<TrunkConfig, 'probe' | 'calls' | 'media'>

export type HealthEvent =
  /** The trunk's targets as DNS has them now. Where DNS does not answer, the last ones stay. `random` is in [0, 1). */
  | { readonly kind: 'targets'; readonly targets: readonly string[]; readonly random: number }
  /** Time has passed; to be fed at `deadlineMs`, and after a change of the config. `random` is in [0, 1). */
  | { readonly kind: 'tick'; readonly random: number }
  /** A final answer to OPTIONS came over the network. `serial` is that of the effect. */
  | {
      readonly kind: 'answered'
      readonly target: string
      readonly serial: number
      readonly status: number
      /** From the Retry-After header (RFC 3261 §20.33); null where there is none. */
      readonly retryAfterMs: number | null
    }
  /** OPTIONS could not be sent, or our own SIP server reports 408 or 503 for want of an answer. */
  | { readonly kind: 'unanswered'; readonly target: string; readonly serial: number; readonly reason: string }
  /** Our own SIP server is away. */
  | { readonly kind: 'unsent'; readonly target: string; readonly serial: number }
  /** An INVITE got a 503 with Retry-After from one of the trunk's own addresses; nobody else's is to be believed. */
  | { readonly kind: 'refused'; readonly target: string; readonly retryAfterMs: number }
  /** A call was placed as the trunk's canary, after `isCanaryDue` said so and the fleet agreed. */
  | { readonly kind: 'canary' }
  /** An attempt on the trunk has its outcome. */
  | ({ readonly kind: 'attempt' } & AttemptOutcome)
  /** It would refuse every call, for a reason that is known: it fails at once, and comes back by canaries. */
  | { readonly kind: 'condemned'; readonly reason: string }
  /** The audio of a call on the trunk has been judged. */
  | { readonly kind: 'audio'; readonly audio: CallAudio }
  /** An operator decides, or lifts what was decided. */
  | { readonly kind: 'override'; readonly order: OverrideOrder }
  | { readonly kind: 'auto' }

export type HealthEffect =
  /** Send OPTIONS to the target over the path that calls take, and report with this serial. */
  | { readonly kind: 'probe'; readonly target: string; readonly serial: number }
  /** The effective state is another one. */
  | {
      readonly kind: 'changed'
      readonly from: TrunkState
      readonly to: TrunkState
      readonly channel: Channel
      readonly reason: string
    }
  /** An override ran out; for the audit. */
  | { readonly kind: 'overrideExpired'; readonly override: Override }
  /** The trunk may be tried with canary calls from now on. */
  | { readonly kind: 'canaryDue' }

/** A trunk that nothing is known of: active. */
export function newHealth(nowMs: number): HealthState {
  return {
    probe: NO_TARGETS,
    calls: NO_CALLS,
    media: NO_AUDIO,
    operator: null,
    effective: { state: 'active', sinceAtMs: nowMs, reason: 'no evidence yet', channel: null },
  }
}

/** One event, and the time that has passed until it. Events may come late, twice, or in any order. */
export function stepHealth(
  state: HealthState,
  event: HealthEvent,
  nowMs: number,
  config: HealthConfig,
): Step<HealthState, HealthEffect> {
  const heard = hear(state, event, nowMs, config)
  const expired = heard.operator !== null && hasExpired(heard.operator, nowMs) ? heard.operator : null
  const random = event.kind === 'tick' || event.kind === 'targets' ? event.random : 0.5
  // Only a tick sends probes: then each goes out at its own, jittered moment.
  const probe = event.kind === 'tick' ? wakeProbes(heard.probe, random, nowMs, config.probe) : heard.probe
  const evidence: HealthState = {
    ...heard,
    probe,
    calls: wakeCalls(heard.calls, probesAllowCanary(probe, config.probe), nowMs),
    media: wakeMedia(heard.media, nowMs),
    operator: expired === null ? heard.operator : null,
  }
  const next: HealthState = { ...evidence, effective: judge(state, evidence, nowMs) }
  return { state: next, effects: effectsOf(state, next, expired) }
}

/** When the machine wants its next `tick`; Infinity: never. After that tick it is later. */
export function deadlineMs({ probe, calls, media, operator }: HealthState): number {
  return Math.min(
    probesDeadlineMs(probe),
    callsDeadlineMs(calls),
    mediaDeadlineMs(media),
    operator?.expiresAtMs ?? Infinity,
  )
}

/** What the trunk is good for on this node: the operator's word, else the worst that any channel says. */
export const effectiveState = ({ effective }: HealthState): EffectiveState => effective

/**
 * Whether the next call may be the trunk's canary: calls had failed it, its hold-down is over, probes are good, and no
 * canary is under way. Never against an operator.
 */
export function isCanaryDue({ calls, probe, operator }: HealthState, config: HealthConfig): boolean {
  if (operator !== null || calls.phase.kind !== 'canary') return false
  return calls.phase.patienceEndsAtMs === null && probesAllowCanary(probe, config.probe)
}

/** Whether the trunk is out only because it asked for a pause: it is the first to be asked if nothing else is left. */
export function isRefusing({ probe, calls, media, operator }: HealthState): boolean {
  const others = [judgeCalls(calls), judgeMedia(media)]
  return operator === null && others.every(({ state }) => state === 'active') && judgeProbes(probe).refusing
}

/** Probes and calls of the trunk in figures, for listings. */
export interface HealthFigures {
  /** `misses`: those in a row of the best target. `rttMs`: its last round trip. */
  readonly probe: { readonly lastGoodAtMs: number | null; readonly rttMs: number | null; readonly misses: number }
  /** Of the window. */
  readonly calls: { readonly attempts: number; readonly faults: number }
}

export function healthFigures({ probe, calls }: HealthState, nowMs: number, config: HealthConfig): HealthFigures {
  const [best] = probe.targets.toSorted((a, b) => a.misses - b.misses || (b.lastGoodAtMs ?? 0) - (a.lastGoodAtMs ?? 0))
  const { attempts, faults } = tally(calls.window, nowMs, config.calls)
  return {
    probe: { lastGoodAtMs: best?.lastGoodAtMs ?? null, rttMs: best?.rttMs ?? null, misses: best?.misses ?? 0 },
    calls: { attempts, faults },
  }
}

/** What each channel says that has any evidence: what a node publishes of a trunk (lib/fleet/verdict.ts). */
export function channelStates(
  { probe, calls, media }: HealthState,
  nowMs: number,
  config: HealthConfig,
): Readonly<Partial<Record<EvidenceChannel, TrunkState>>> {
  return {
    ...(hasProbeEvidence(probe) && { probe: judgeProbes(probe).state }),
    ...(hasCallsEvidence(calls, nowMs, config.calls) && { calls: judgeCalls(calls).state }),
    ...(hasMediaEvidence(media, nowMs, config.media) && { media: judgeMedia(media).state }),
  }
}

function hear(state: HealthState, event: HealthEvent, nowMs: number, config: HealthConfig): HealthState {
  const { probe, calls, media } = state
  switch (event.kind) {
    case 'tick':
      return state
    case 'targets':
      return { ...state, probe: setTargets(probe, event.targets, event.random, nowMs, config.probe) }
    case 'answered':
      return { ...state, probe: changeTarget(probe, event.target, (one) => onAnswer(one, event, nowMs, config.probe)) }
    case 'unsent':
      return { ...state, probe: changeTarget(probe, event.target, (one) => onUnsent(one, event.serial)) }
    case 'unanswered':
      return {
        ...state,
        probe: changeTarget(probe, event.target, (one) => onNoAnswer(one, event, nowMs, config.probe)),
      }
    case 'refused':
      return {
        ...state,
        probe: changeTarget(probe, event.target, (one) => refuse(one, event.retryAfterMs, nowMs, config.probe)),
      }
    case 'canary':
      return { ...state, calls: onCanaryPlaced(calls, nowMs) }
    case 'attempt':
      return { ...state, calls: onOutcome(calls, event, nowMs, config) }
    case 'condemned':
      return { ...state, calls: condemn(calls, event.reason, nowMs, config) }
    case 'audio':
      return { ...state, media: onCallAudio(media, event.audio, nowMs, config.media) }
    case 'override':
      return { ...state, operator: placeOverride(event.order, nowMs) }
    case 'auto':
      return { ...state, operator: null }
    default:
      return assertNever(event)
  }
}

/** Operator first; then the worst, and of several the one that calls, the strongest evidence, have found. */
function judge(before: HealthState, { probe, calls, media, operator }: HealthState, nowMs: number): EffectiveState {
  const was = before.effective
  const since = (state: TrunkState): number => (state === was.state ? was.sinceAtMs : nowMs)
  if (operator !== null) {
    return { state: operator.state, sinceAtMs: since(operator.state), reason: operator.reason, channel: 'operator' }
  }
  const verdicts = [
    { channel: 'calls', ...judgeCalls(calls) },
    { channel: 'probe', ...judgeProbes(probe) },
    { channel: 'media', ...judgeMedia(media) },
  ] as const
  const worst = verdicts.reduce((a, b) => (isAtLeast(a.state, b.state) ? a : b))
  if (worst.state !== 'active') {
    return { state: worst.state, sinceAtMs: since(worst.state), reason: worst.reason, channel: worst.channel }
  }
  if (was.state === 'active' && was.channel !== 'operator') return was
  // Active again: the channel that had been against it says why.
  const cleared = verdicts.find(({ channel }) => channel === was.channel)
  const reason = cleared?.reason ?? 'override lifted'
  return { state: 'active', sinceAtMs: since('active'), reason, channel: was.channel }
}

function effectsOf(before: HealthState, after: HealthState, expired: Override | null): readonly HealthEffect[] {
  const effects: HealthEffect[] = []
  const serials = new Map(before.probe.targets.map(({ target, serial }) => [target, serial]))
  for (const { target, serial } of after.probe.targets) {
    if (serial > (serials.get(target) ?? 0)) effects.push({ kind: 'probe', target, serial })
  }
  if (expired !== null) effects.push({ kind: 'overrideExpired', override: expired })
  if (before.calls.phase.kind === 'held' && after.calls.phase.kind === 'canary') effects.push({ kind: 'canaryDue' })
  const { state: from } = before.effective
  const { state: to, channel, reason } = after.effective
  if (from !== to && channel !== null) effects.push({ kind: 'changed', from, to, channel, reason })
  return effects
}
