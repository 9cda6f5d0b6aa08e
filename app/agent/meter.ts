import { DelayHistogram } from '../../lib/agent/delay-histogram.ts'
import type { SessionFault } from '../../lib/agent/session-state.ts'

/** Things that should not happen: what the session counts, and what is met before it. */
export type AgentFault = SessionFault | 'malformedEvent' | 'droppedAudio' | 'internalError'

/** What the agents of one worker have met, for its metrics. */
export interface AgentMeter {
  readonly faults: Record<AgentFault, number>
  /** From a frame's arrival to its batch on the WebSocket, for the last frame of each batch. */
  readonly appendDelay: DelayHistogram
}

export const newAgentMeter = (): AgentMeter => ({
  faults: {
    serverError: 0,
    lateAudio: 0,
    overflow: 0,
    badAudio: 0,
    tooManyCalls: 0,
    requestDropped: 0,
    malformedEvent: 0,
    droppedAudio: 0,
    internalError: 0,
  },
  appendDelay: new DelayHistogram(),
})
