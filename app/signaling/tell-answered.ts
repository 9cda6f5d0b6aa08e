import type { LineParts } from './line-call.ts'

/**
 * The far end of a call is on the line: for its record, the metrics and whoever listens.
 *
 * @param told what there is to tell, with the Session-ID that the far end has
 * @param callId of its dialog, where the record has another
 */
export function tellAnswered(
  { recorder, metrics, recording }: Pick<LineParts, 'recorder' | 'metrics' | 'recording'>,
  told: Readonly<Record<string, unknown>> & { readonly sipSessionId: string },
  callId = recorder.row.sip.callId,
): void {
  const answeredAt = new Date()
  const sip = { callId, sessionId: told.sipSessionId }
  recorder.update({ state: 'active', answeredAt, recording: recording?.name ?? null, sip })
  metrics.callAnswered(answeredAt.getTime() - recorder.row.startedAt.getTime())
  recorder.event({ event: 'call.answered', ...told })
}
