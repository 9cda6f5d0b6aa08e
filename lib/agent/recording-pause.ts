import { PAUSE_RECORDING, RESUME_RECORDING } from '../tool/names.ts'
import type { History } from './history.ts'

/**
 * Whether a conversation that goes on, on another node or in a further call, had its recording paused: it stays so there until the agent, who was
 * told what it did, resumes it.
 */
export function isRecordingPaused(history: History): boolean {
  const last = history.findLast(
    (item) => item.kind === 'toolCall' && (item.name === PAUSE_RECORDING || item.name === RESUME_RECORDING),
  )
  return last?.kind === 'toolCall' && last.name === PAUSE_RECORDING
}
