/** How a channel that has fallen is held down before it may come back. */
export interface Recovery {
  /** Until when it stays down whatever it shows; null: no hold-down, or it is over. */
  readonly holdEndsAtMs: number | null
  /** Falls that are not forgotten; the hold-down doubles with each after the first. */
  readonly falls: number
  /** When it last came back; null while it is down, or where it never fell. */
  readonly backAtMs: number | null
}

export interface RecoveryConfig {
  readonly holdDownMs: number
  readonly holdDownMaxMs: number
  readonly flapMemoryMs: number
}

export const NEVER_FALLEN: Recovery = { holdEndsAtMs: null, falls: 0, backAtMs: null }

/** Doubling ends here, long after every sensible maximum: 2^30 times 30 s is a thousand years. */
const MAX_DOUBLINGS = 30

/** It fell, or failed its canary: held down, twice as long as the last time unless that is forgotten. */
export function fall(recovery: Recovery, nowMs: number, config: RecoveryConfig): Recovery {
  const forgotten = recovery.backAtMs !== null && nowMs - recovery.backAtMs >= config.flapMemoryMs
  const falls = (forgotten ? 0 : recovery.falls) + 1
  const holdMs = Math.min(config.holdDownMs * 2 ** Math.min(falls - 1, MAX_DOUBLINGS), config.holdDownMaxMs)
  return { holdEndsAtMs: holdMs > 0 ? nowMs + holdMs : null, falls, backAtMs: null }
}

/** It is back; its flaps are remembered until it has been stable for long enough. */
export function comeBack(recovery: Recovery, nowMs: number): Recovery {
  return { holdEndsAtMs: null, falls: recovery.falls, backAtMs: nowMs }
}

/** Takes note of the time: a hold-down that is over is gone. */
export function passTime(recovery: Recovery, nowMs: number): Recovery {
  const over = recovery.holdEndsAtMs !== null && recovery.holdEndsAtMs <= nowMs
  return over ? { ...recovery, holdEndsAtMs: null } : recovery
}
