import {
  isUsable,
  newTarget,
  type ProbeConfig,
  type ProbeTarget,
  targetDeadlineMs,
  wakeTarget,
} from './probe-target.ts'
import type { ChannelVerdict } from './state.ts'

/**
 * The probe channel: OPTIONS to each resolved target of the trunk. The trunk is as good as its
 * best target, and `standby` at worst.
 */
export interface ProbeChannel {
  readonly targets: readonly ProbeTarget[]
}

export interface ProbeVerdict extends ChannelVerdict {
  /** It is out for no other reason than that it asked for a pause (503 with Retry-After). */
  readonly refusing: boolean
}

/** Targets of a trunk that are probed; more in DNS than this are left to the calls. */
export const MAX_TARGETS = 64

/** Spreads one random number over several targets, as evenly as can be: the golden ratio's fractional part. */
const GOLDEN = 0.618_033_988_749_895

export const NO_TARGETS: ProbeChannel = { targets: [] }

/** What the probes say. A trunk without targets has no evidence against it. */
export function judgeProbes({ targets }: ProbeChannel): ProbeVerdict {
  const best = targets.find(isUsable)
  if (best !== undefined) return { state: 'active', reason: best.reason, refusing: false }
  const [first] = targets
  if (first === undefined) return { state: 'active', reason: 'no targets to probe', refusing: false }
  const refusing = targets.find(({ answering }) => answering)
  if (refusing !== undefined) {
    return { state: 'standby', reason: `${refusing.target} refuses for a while: 503 with Retry-After`, refusing: true }
  }
  return { state: 'standby', reason: `${first.target}: ${first.reason}`, refusing: false }
}

/** Whether any probe has told anything yet. */
export const hasProbeEvidence = ({ targets }: ProbeChannel): boolean =>
  targets.some(({ misses, goods, refusalEndsAtMs }) => misses > 0 || goods > 0 || refusalEndsAtMs !== null)

/**
 * Whether probes allow a canary: some target has been good so many times in a row. Where probing is off, or no target
 * ever answered OPTIONS, they cannot tell, and the hold-down alone decides.
 */
export function probesAllowCanary({ targets }: ProbeChannel, config: ProbeConfig): boolean {
  if (!config.enabled || !targets.some(({ everGood }) => everGood)) return true
  return targets.some(({ goods }) => goods >= config.rises)
}

/** The targets as resolved now: known ones keep their state, the others are gone. Twice the same name is one target. */
export function setTargets(
  channel: ProbeChannel,
  names: readonly string[],
  random: number,
  nowMs: number,
  config: ProbeConfig,
): ProbeChannel {
  const known = new Map(channel.targets.map((target) => [target.target, target]))
  const isUp = judgeProbes(channel).state === 'active'
  const distinct = [...new Set(names)].slice(0, MAX_TARGETS)
  return {
    targets: distinct.map(
      (name, i) => known.get(name) ?? newTarget(name, isUp, (random + i * GOLDEN) % 1, nowMs, config),
    ),
  }
}

/** Applies `change` to the target of that name; one that is no longer there is nobody's. */
export function changeTarget(
  channel: ProbeChannel,
  name: string,
  change: (target: ProbeTarget) => ProbeTarget,
): ProbeChannel {
  return { targets: channel.targets.map((target) => (target.target === name ? change(target) : target)) }
}

/** Lets time pass for every target. */
export function wakeProbes(channel: ProbeChannel, random: number, nowMs: number, config: ProbeConfig): ProbeChannel {
  return {
    targets: channel.targets.map((target, i) => wakeTarget(target, (random + i * GOLDEN) % 1, nowMs, config)),
  }
}

/** When the channel wants to be woken; Infinity: never. */
export const probesDeadlineMs = ({ targets }: ProbeChannel): number =>
  Math.min(Infinity, ...targets.map(targetDeadlineMs))
