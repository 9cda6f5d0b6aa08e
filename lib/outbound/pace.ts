/** When the next of many calls may be placed. Times are milliseconds of one clock. */
export interface Pace {
  readonly intervalMs: number
  readonly nextAtMs: number
}

/** Calls a second, evenly: no burst, also after a while without any. */
export const newPace = (cps: number, nowMs: number): Pace => ({ intervalMs: 1_000 / cps, nextAtMs: nowMs })

/** Takes the next turn: when it is, and what is left. */
export function takeTurn(pace: Pace, nowMs: number): { readonly atMs: number; readonly pace: Pace } {
  const atMs = Math.max(pace.nextAtMs, nowMs)
  return { atMs, pace: { ...pace, nextAtMs: atMs + pace.intervalMs } }
}

/** Nobody before then: the other side is busy. */
export const holdUntil = (pace: Pace, atMs: number): Pace => ({ ...pace, nextAtMs: Math.max(pace.nextAtMs, atMs) })

const FIRST_BACKOFF_MS = 1_000
const MAX_BACKOFF_MS = 30_000

/**
 * How long to wait before asking again what was refused `tries` times: as long as the other side says, else twice as long each time.
 *
 * @param random from 0 up to 1
 */
export function backOffMs(tries: number, retryAfterMs: number | null, random: number): number {
  const doubled = Math.min(FIRST_BACKOFF_MS * 2 ** (tries - 1), MAX_BACKOFF_MS)
  return Math.min(retryAfterMs ?? doubled, MAX_BACKOFF_MS) * (1 + random / 4)
}
