import type { SessionState } from './session-state.ts'
import type { AgentSpec } from './spec.ts'

/** What a caller hears while the agent is away. */
export interface Comfort {
  /** Since when the line has nothing to say; null while it has. Monotonic. */
  readonly drySinceMs: number | null
  readonly sounding: boolean
}

export const NO_COMFORT: Comfort = { drySinceMs: null, sounding: false }

/** A person is being rung: the agent may say something yet before the caller is given a sound. */
const TRANSFER_MS = 2_000

/**
 * After how long without a word the caller is given a sound, in milliseconds; null: never. They wait for an agent that was lost, until it is
 * heard again, where it owes a word; or for a person who is being rung.
 */
export function comfortAfterMs(
  { phase, started, gap, transfer }: SessionState,
  spec: Pick<AgentSpec, 'comfortAfterMs'>,
): number | null {
  if (!started || phase === 'closed') return null
  if (gap !== null && !gap.planned) return spec.comfortAfterMs
  return transfer === null ? null : TRANSFER_MS
}

/**
 * One frame of the packet clock. Comfort sound begins `afterMs` after the queue has run dry, and ends where it is wanted no more.
 * @param afterMs null: none is wanted
 * @param queuedMs agent's audio that waits to be sent
 */
export function stepComfort(
  { drySinceMs, sounding }: Comfort,
  afterMs: number | null,
  queuedMs: number,
  nowMs: number,
): Comfort {
  if (afterMs === null) return NO_COMFORT
  if (sounding) return { drySinceMs, sounding }
  if (queuedMs > 0) return NO_COMFORT
  const since = drySinceMs ?? nowMs
  return { drySinceMs: since, sounding: nowMs - since >= afterMs }
}
