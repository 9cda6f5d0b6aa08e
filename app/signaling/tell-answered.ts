import type { CallRow } from '../../lib/observe/call-record.ts'
import type { LineParts } from './line-call.ts'

/**
 * The far end of a call is on the line: for its record, the metrics and whoever listens.
 *
 * @param told what else there is to tell
 * @param change what else of the record is other from now on
 */
export function tellAnswered(
  { recorder, metrics, recording }: Pick<LineParts, 'recorder' | 'metrics' | 'recording'>,
  told: Readonly<Record<string, unknown>>,
  change: Partial<Pick<CallRow, 'sip'>> = {},
): void {
  const answeredAt = new Date()
  recorder.update({ state: 'active', answeredAt, recording: recording?.name ?? null, ...change })
  metrics.callAnswered(answeredAt.getTime() - recorder.row.startedAt.getTime())
  recorder.event({ event: 'call.answered', ...told })
}
