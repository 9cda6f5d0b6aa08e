import type { EventDraft } from '../observe/event.ts'
import type { SessionRow } from './record.ts'

/** What is told of a session that waits for a further call. The call whose leg was lost is named by whoever tells it. */
export const parkedEvent = ({ id: session, cause, resumableUntil }: SessionRow): EventDraft => ({
  event: 'session.parked',
  level: 'warn',
  session,
  cause,
  resumableUntil: resumableUntil?.toISOString(),
})
