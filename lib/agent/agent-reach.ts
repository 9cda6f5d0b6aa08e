/** Probes in a row that found no server of the agent listening, and calls in a row that could not get through to it. */
const CLOSED_PROBES = 2
const FAILED_CALLS = 3

/** How long calls are kept away after the last one that failed, doubled with each further one. */
const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 60_000

/** Whether the servers of an agent can be reached, as far as this node has seen. */
export interface AgentReach {
  readonly closedProbes: number
  readonly failedCalls: number
  /** Until then no call tries it. */
  readonly pausedUntilMs: number
}

/**
 * `open`, `closed`: a probe could connect to at least one of its servers, or to none. `ready`, `unreachable`: a call got an agent that
 * could speak, or no answer from any of its servers.
 */
export type ReachEvidence = 'open' | 'closed' | 'ready' | 'unreachable'

export const NEW_REACH: AgentReach = { closedProbes: 0, failedCalls: 0, pausedUntilMs: 0 }

/**
 * A probe shows only that somebody listens, so it does not clear what calls have found: after a pause a call tries again. Calls that
 * were under way when the pause began say nothing new.
 */
export function stepReach(reach: AgentReach, evidence: ReachEvidence, nowMs: number): AgentReach {
  switch (evidence) {
    case 'ready':
      return NEW_REACH
    case 'open':
      return { ...reach, closedProbes: 0 }
    case 'closed':
      return { ...reach, closedProbes: reach.closedProbes + 1 }
    case 'unreachable': {
      if (isAway(reach, nowMs)) return reach
      const failedCalls = reach.failedCalls + 1
      if (failedCalls < FAILED_CALLS) return { ...reach, failedCalls }
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (failedCalls - FAILED_CALLS), LONGEST_PAUSE_MS)
      return { ...reach, failedCalls, pausedUntilMs: nowMs + pauseMs }
    }
  }
}

/** Whether a call for the agent would come to nothing. */
export const isAway = ({ closedProbes, pausedUntilMs }: AgentReach, nowMs: number): boolean =>
  closedProbes >= CLOSED_PROBES || nowMs < pausedUntilMs
