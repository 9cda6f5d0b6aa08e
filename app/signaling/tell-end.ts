import type { CallRow } from '../../lib/observe/call-record.ts'
import { audioOf } from '../../lib/trunk/call-audio.ts'
import type { CallsOptions } from './calls-options.ts'

/** What the end of a call is to the metrics, and to the health of the trunk that its record names. */
export function tellEnd(row: CallRow, { metrics, onAudio }: Pick<CallsOptions, 'metrics' | 'onAudio'>): void {
  const audio = audioOf(row)
  if (row.trunk !== null && audio !== null) onAudio(row.trunk, audio)
  if (row.end === null) return
  const answeredAtMs = row.answeredAt?.getTime()
  const talkedMs = answeredAtMs === undefined ? undefined : (row.endedAt?.getTime() ?? answeredAtMs) - answeredAtMs
  metrics.callEnded(row.end, talkedMs)
}
