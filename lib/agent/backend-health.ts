import type { Config } from '../config/resolve.ts'
import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import {
  deadlineMs,
  type EffectiveState,
  effectiveState,
  type HealthConfig,
  type HealthEvent,
  type HealthFigures,
  type HealthState,
  healthFigures,
  isCanaryDue,
  isRefusing,
  newHealth,
  stepHealth,
} from '../trunk/health.ts'
import type { Channel } from '../trunk/state.ts'
import type { BackendReport } from './backend-outcome.ts'

/**
 * The health of one server of agents: that of a trunk (lib/trunk/health.ts), which is probed by connections and sessions in place of
 * OPTIONS and judged by sessions in place of INVITEs. What is new is the account: a key, a quota or a model that the server refuses is no
 * fault of reach, but fails it at once. Times are monotonic milliseconds.
 */
export interface BackendHealth {
  readonly reach: HealthState
  /** What is wrong with the account; null: nothing that is known. */
  readonly account: string | null
}

/** Who decided: `account` is a kind of evidence of its own. */
export type BackendChannel = Exclude<Channel, 'media'> | 'account'

export type BackendVerdict = Omit<EffectiveState, 'channel'> & { readonly channel: BackendChannel | null }

/** What came of one probe. */
export type ProbeResult =
  | { readonly kind: 'good' }
  | { readonly kind: 'missed'; readonly reason: string }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | null }
  | { readonly kind: 'account'; readonly reason: string }

export type BackendEvent =
  /** To be fed at `backendDeadlineMs`. `random` is in [0, 1). */
  | { readonly kind: 'tick'; readonly random: number }
  | { readonly kind: 'probed'; readonly serial: number; readonly result: ProbeResult }
  /** A call goes out to it as its canary. */
  | { readonly kind: 'canary' }
  | ({ readonly kind: 'report' } & Omit<BackendReport, 'backend'>)

/** Probe it, and report with this serial. */
export interface BackendEffect {
  readonly kind: 'probe'
  readonly serial: number
}

/** Its one target: a name behind which DNS may have many addresses, of which the connection finds one that answers. */
const TARGET = 'server'
/** How long a backend that limits our rate is left alone where it does not say. */
const RATE_PAUSE_MS = 15_000
/** A session has no dialled number: every fault counts. */
const NUMBER = ''

/** Active, until something else is known; the first probe is due at once. */
export function newBackend(nowMs: number, config: HealthConfig): BackendHealth {
  const targets = { kind: 'targets', targets: [TARGET], random: 0 } as const
  return { reach: stepHealth(newHealth(nowMs), targets, nowMs, config).state, account: null }
}

/** What a trunk's machine goes by, from the config of backends. */
export const backendConfig = ({ probe, calls }: Config['backends'], isProbed: boolean): HealthConfig => ({
  probe: {
    enabled: isProbed,
    intervalMs: probe.intervalMs,
    jitter: probe.jitter,
    timeoutMs: probe.timeoutMs,
    fastIntervalMs: probe.fastIntervalMs,
    misses: probe.misses,
    rises: probe.rises,
    holdDownMs: probe.holdDownMs,
    holdDownMaxMs: probe.holdDownMaxMs,
    flapMemoryMs: probe.flapMemoryMs,
    alive: 'default',
    retryAfterMinMs: probe.rateLimitMinMs,
    retryAfterMaxMs: probe.rateLimitMaxMs,
  },
  calls: {
    windowMs: calls.windowMs,
    minAttempts: calls.minAttempts,
    faultRatio: calls.faultRatio,
    consecutive: calls.consecutive,
    transportFaults: calls.unreachable,
    minNumbers: 1,
    canary: calls.canary,
  },
  media: NO_MEDIA,
})

/** Sessions have no RTP. */
const NO_MEDIA: HealthConfig['media'] = { lossPercent: 100, calls: 1, bad: 1, clearAfterMs: 0 }

/** One event, and the time that has passed until it. Events may come late, twice, or in any order. */
export function stepBackend(
  state: BackendHealth,
  event: BackendEvent,
  nowMs: number,
  config: HealthConfig,
): Step<BackendHealth, BackendEffect> {
  const effects: BackendEffect[] = []
  let { reach } = state
  for (const heard of eventsOf(event)) {
    const step = stepHealth(reach, heard, nowMs, config)
    reach = step.state
    for (const effect of step.effects) {
      if (effect.kind === 'probe') effects.push({ kind: 'probe', serial: effect.serial })
    }
  }
  const account = accountFault(event) ?? state.account
  return { state: { reach, account: reach.calls.phase.kind === 'carrying' ? null : account }, effects }
}

/** What the event is to the machine of a trunk. */
function eventsOf(event: BackendEvent): readonly HealthEvent[] {
  switch (event.kind) {
    case 'tick':
    case 'canary':
      return [event]
    case 'probed':
      return probeEvents(event.serial, event.result)
    case 'report': {
      const { outcome, reason, retryAfterMs, tookMs, canary } = event
      const attempt = { kind: 'attempt', number: NUMBER, tookMs, canary } as const
      if (outcome === 'limited') return [{ ...attempt, outcome: 'nothing' }, pause(retryAfterMs)]
      if (outcome === 'account') return [{ kind: 'condemned', reason }]
      return [{ ...attempt, outcome }]
    }
    default:
      return assertNever(event)
  }
}

function probeEvents(serial: number, result: ProbeResult): readonly HealthEvent[] {
  const answered = { kind: 'answered', target: TARGET, serial, status: 200, retryAfterMs: null } as const
  const missed = (reason: string): HealthEvent => ({ kind: 'unanswered', target: TARGET, serial, reason })
  switch (result.kind) {
    case 'good':
      return [answered]
    case 'missed':
      return [missed(result.reason)]
    case 'limited':
      return [answered, pause(result.retryAfterMs)]
    // No canary is to meet it before a session has been let in.
    case 'account':
      return [missed(result.reason), { kind: 'condemned', reason: result.reason }]
    default:
      return assertNever(result)
  }
}

const pause = (retryAfterMs: number | null): HealthEvent => ({
  kind: 'refused',
  target: TARGET,
  retryAfterMs: retryAfterMs ?? RATE_PAUSE_MS,
})

function accountFault(event: BackendEvent): string | null {
  if (event.kind === 'report' && event.outcome === 'account') return event.reason
  return event.kind === 'probed' && event.result.kind === 'account' ? event.result.reason : null
}

/** When the machine wants its next `tick`; Infinity: never. */
export const backendDeadlineMs = ({ reach }: BackendHealth): number => deadlineMs(reach)

/** What evidence makes of it. */
export function backendVerdict({ reach, account }: BackendHealth): BackendVerdict {
  const { channel, ...rest } = effectiveState(reach)
  if (channel === 'media') return { ...rest, channel: null }
  if (isRefusing(reach)) return { ...rest, reason: 'it limits our rate for a while', channel }
  return { ...rest, channel: channel === 'calls' && account !== null ? 'account' : channel }
}

/** Whether the next call may try it, as its canary. */
export const isTryDue = ({ reach }: BackendHealth, config: HealthConfig): boolean => isCanaryDue(reach, config)

/** Whether it is out only because it limits our rate. */
export const isLimited = ({ reach }: BackendHealth): boolean => isRefusing(reach)

/** Whether a connection alone would prove too little: something has been against it, and only a session tells. */
export function isInDoubt({ reach: { probe, calls } }: BackendHealth): boolean {
  const [target] = probe.targets
  return calls.phase.kind !== 'carrying' || target?.answering === false || (target?.misses ?? 0) > 0
}

/**
 * Whether a call would come to nothing there, as far as is known now: its probes go unanswered, or calls have failed it and the last
 * probe says the same. Where it is not probed a call has to try.
 */
export function isOut({ reach: { probe, calls } }: BackendHealth, config: HealthConfig): boolean {
  const [target] = probe.targets
  if (!config.probe.enabled || target === undefined) return false
  return target.misses >= config.probe.misses || (calls.phase.kind !== 'carrying' && target.misses > 0)
}

/** Probes and sessions of it in figures. */
export const backendFigures = ({ reach }: BackendHealth, nowMs: number, config: HealthConfig): HealthFigures =>
  healthFigures(reach, nowMs, config)
