import type { TrunkConfig } from '../config/resolve.ts'
import { isAlive } from './alive.ts'
import { comeBack, fall, NEVER_FALLEN, passTime, type Recovery } from './recovery.ts'

export type ProbeConfig = TrunkConfig['probe']

/** One resolved target of a trunk, judged by its own answers to OPTIONS. Moments are monotonic milliseconds. */
export interface ProbeTarget {
  /** What the driver calls it, such as `udp:192.0.2.1:5060`. */
  readonly target: string
  /** False once so many probes in a row were missed, until it has recovered. */
  readonly answering: boolean
  /** Missed probes in a row, and good ones. */
  readonly misses: number
  readonly goods: number
  /** Whether a probe was ever good: a carrier that never answers OPTIONS proves nothing by its silence to calls. */
  readonly everGood: boolean
  readonly probe: Probe
  readonly recovery: Recovery
  /** Until when it asked to be left alone (503 with Retry-After); null: it did not. */
  readonly refusalEndsAtMs: number | null
  readonly lastGoodAtMs: number | null
  /** Round trip of the last good probe. */
  readonly rttMs: number | null
  /** Number of the last probe sent: an answer to an earlier one comes too late to count. */
  readonly serial: number
  readonly reason: string
}

export type Probe =
  | { readonly kind: 'off' }
  | { readonly kind: 'waiting'; readonly sendAtMs: number }
  | { readonly kind: 'sent'; readonly sentAtMs: number; readonly timesOutAtMs: number; readonly nextAtMs: number }

/**
 * A target that is new. First probes are spread over an interval by `random` (0 to 1), so that a node with many trunks
 * does not send them all at once. Where the trunk is down, a target that DNS brings up has to prove itself first.
 */
export function newTarget(
  target: string,
  proven: boolean,
  random: number,
  nowMs: number,
  config: ProbeConfig,
): ProbeTarget {
  return {
    target,
    answering: proven,
    misses: 0,
    goods: 0,
    everGood: false,
    probe: config.enabled
      ? { kind: 'waiting', sendAtMs: nowMs + Math.floor(random * config.intervalMs) }
      : { kind: 'off' },
    recovery: NEVER_FALLEN,
    refusalEndsAtMs: null,
    lastGoodAtMs: null,
    rttMs: null,
    serial: 0,
    reason: proven ? 'not probed yet' : 'not probed yet, while no other target answers',
  }
}

/** When the target wants to be woken; Infinity: never. */
export function targetDeadlineMs({ probe, recovery, refusalEndsAtMs }: ProbeTarget): number {
  const probeAtMs = probe.kind === 'off' ? Infinity : probe.kind === 'waiting' ? probe.sendAtMs : probe.timesOutAtMs
  return Math.min(probeAtMs, recovery.holdEndsAtMs ?? Infinity, refusalEndsAtMs ?? Infinity)
}

/** Whether it takes calls as far as probes tell. */
export const isUsable = ({ answering, refusalEndsAtMs }: ProbeTarget): boolean => answering && refusalEndsAtMs === null

/**
 * Lets time pass: ends what is over, counts a probe that timed out as missed, sends the one that is due. A sent probe
 * shows by its new serial.
 */
export function wakeTarget(target: ProbeTarget, random: number, nowMs: number, config: ProbeConfig): ProbeTarget {
  if (!config.enabled) return unprobed(target, random, nowMs, config)
  const refusalOver = target.refusalEndsAtMs !== null && target.refusalEndsAtMs <= nowMs
  const awake = settle(
    {
      ...target,
      probe: target.probe.kind === 'off' ? { kind: 'waiting', sendAtMs: nowMs } : target.probe,
      recovery: passTime(target.recovery, nowMs),
      refusalEndsAtMs: refusalOver ? null : target.refusalEndsAtMs,
    },
    nowMs,
    config,
  )
  const { probe } = awake
  if (probe.kind === 'sent' && probe.timesOutAtMs <= nowMs) {
    return miss(awake, `no answer within ${config.timeoutMs} ms`, nowMs, config)
  }
  if (probe.kind === 'waiting' && probe.sendAtMs <= nowMs) return send(awake, random, nowMs, config)
  return awake
}

/** A final answer to OPTIONS came over the network. One to an earlier probe changes nothing. */
export function onAnswer(
  target: ProbeTarget,
  answer: { readonly serial: number; readonly status: number; readonly retryAfterMs: number | null },
  nowMs: number,
  config: ProbeConfig,
): ProbeTarget {
  const { probe } = target
  if (probe.kind !== 'sent' || answer.serial !== target.serial) return target
  const judged = isAlive(answer.status, config.alive)
    ? good(target, probe, nowMs, config)
    : miss(target, `OPTIONS answered ${answer.status}`, nowMs, config)
  if (answer.status !== 503 || answer.retryAfterMs === null) return judged
  return refuse(judged, answer.retryAfterMs, nowMs, config)
}

/** The probe could not be sent, or a SIP server of ours gave it up: missed at once. */
export function onNoAnswer(
  target: ProbeTarget,
  failure: { readonly serial: number; readonly reason: string },
  nowMs: number,
  config: ProbeConfig,
): ProbeTarget {
  if (target.probe.kind !== 'sent' || failure.serial !== target.serial) return target
  return miss(target, failure.reason, nowMs, config)
}

/** The probe was not sent, as our own SIP server is away: that says nothing of the trunk, and the next one goes out in its turn. */
export function onUnsent(target: ProbeTarget, serial: number): ProbeTarget {
  const { probe } = target
  if (probe.kind !== 'sent' || serial !== target.serial) return target
  return { ...target, probe: { kind: 'waiting', sendAtMs: probe.nextAtMs } }
}

/**
 * A 503 with Retry-After: left alone for that long, within the limits of the config, probes included (RFC 3261
 * §21.5.4). A later one may shorten or lengthen it.
 */
export function refuse(target: ProbeTarget, retryAfterMs: number, nowMs: number, config: ProbeConfig): ProbeTarget {
  const askedMs = Number.isFinite(retryAfterMs) ? retryAfterMs : config.retryAfterMaxMs
  const heldMs = Math.min(Math.max(askedMs, config.retryAfterMinMs), config.retryAfterMaxMs)
  if (heldMs <= 0) return target
  const refusalEndsAtMs = nowMs + heldMs
  const { probe } = target
  return {
    ...target,
    refusalEndsAtMs,
    probe: probe.kind === 'waiting' ? { kind: 'waiting', sendAtMs: Math.max(probe.sendAtMs, refusalEndsAtMs) } : probe,
  }
}

function send(target: ProbeTarget, random: number, nowMs: number, config: ProbeConfig): ProbeTarget {
  // Send to send, and spread on both sides of the interval.
  const intervalMs = Math.round(config.intervalMs * (1 + config.jitter * (2 * random - 1)))
  return {
    ...target,
    serial: target.serial + 1,
    probe: { kind: 'sent', sentAtMs: nowMs, timesOutAtMs: nowMs + config.timeoutMs, nextAtMs: nowMs + intervalMs },
  }
}

function good(target: ProbeTarget, sent: Probe & { kind: 'sent' }, nowMs: number, config: ProbeConfig): ProbeTarget {
  const answered: ProbeTarget = {
    ...target,
    misses: 0,
    goods: target.goods + 1,
    everGood: true,
    lastGoodAtMs: nowMs,
    rttMs: nowMs - sent.sentAtMs,
    probe: { kind: 'waiting', sendAtMs: Math.max(nowMs, sent.nextAtMs, target.refusalEndsAtMs ?? 0) },
  }
  return settle(answered, nowMs, config)
}

function miss(target: ProbeTarget, why: string, nowMs: number, config: ProbeConfig): ProbeTarget {
  const misses = target.misses + 1
  const sendAtMs = Math.max(nowMs + config.fastIntervalMs, target.refusalEndsAtMs ?? 0)
  const missed: ProbeTarget = { ...target, misses, goods: 0, probe: { kind: 'waiting', sendAtMs } }
  if (!target.answering || misses < config.misses) return missed
  return {
    ...missed,
    answering: false,
    recovery: fall(target.recovery, nowMs, config),
    reason: `${misses} probes missed in a row: ${why}`,
  }
}

/** Back once it has answered often enough and the hold-down is over, whichever comes last. */
function settle(target: ProbeTarget, nowMs: number, config: ProbeConfig): ProbeTarget {
  if (target.answering || target.recovery.holdEndsAtMs !== null || target.goods < config.rises) return target
  return {
    ...target,
    answering: true,
    recovery: comeBack(target.recovery, nowMs),
    reason: `${target.goods} probes answered in a row`,
  }
}

/** Probing is switched off: what probes had found is void, and only a refusal still holds. */
function unprobed(target: ProbeTarget, random: number, nowMs: number, config: ProbeConfig): ProbeTarget {
  const over = target.refusalEndsAtMs !== null && target.refusalEndsAtMs <= nowMs
  const fresh = newTarget(target.target, true, random, nowMs, config)
  return { ...fresh, serial: target.serial, refusalEndsAtMs: over ? null : target.refusalEndsAtMs }
}
