import type { SessionState } from './session-state.ts'

/** What a caller hears while the agent is away. */
export interface Comfort {
  /** Since when the line has nothing to say; null while it has. Monotonic. */
  readonly drySinceMs: number | null
  readonly sounding: boolean
}

export const NO_COMFORT: Comfort = { drySinceMs: null, sounding: false }

/** Whether the caller waits for an agent that was lost: until it is heard again, where it owes a word. */
export const wantsComfort = ({ phase, started, gap }: SessionState): boolean =>
  started && phase !== 'closed' && gap !== null && !gap.planned

/**
 * One frame of the packet clock. Comfort sound begins `afterMs` after the queue has run dry and ends with the gap.
 * @param queuedMs agent's audio that waits to be sent
 */
export function stepComfort(
  { drySinceMs, sounding }: Comfort,
  wanted: boolean,
  queuedMs: number,
  nowMs: number,
  afterMs: number,
): Comfort {
  if (!wanted) return NO_COMFORT
  if (sounding) return { drySinceMs, sounding }
  if (queuedMs > 0) return NO_COMFORT
  const since = drySinceMs ?? nowMs
  return { drySinceMs: since, sounding: nowMs - since >= afterMs }
}
