import type { TenantId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { parks, type ResumePolicy } from '../../lib/session/session.ts'
import type { DeadCall, SessionStore } from '../store/session-store.ts'
import type { CallerIndex } from './caller-index.ts'

export interface ParkParts {
  readonly sessions: Pick<SessionStore, 'read' | 'park'>
  readonly index: Pick<CallerIndex, 'set'>
  /** What a tenant wants of its sessions. */
  readonly policyOf: (tenant: TenantId) => ResumePolicy
}

/**
 * Parks the session of a call whose owner is gone, or ends it where it is not to be resumed, and tells the shared state who can be
 * resumed now. Gives the row as it is then; null where the session is not that call's any more, or was never on record.
 *
 * @param at when the leg was lost: the last thing that is on record about it
 */
export async function parkDead(
  { sessions, index, policyOf }: ParkParts,
  dead: DeadCall,
  cause: EndCause,
  at: Date,
): Promise<SessionRow | null> {
  const found = await sessions.read(dead.session)
  if (found === null) return null
  const policy = policyOf(found.tenant)
  const until = parks(found.caller, cause, policy) ? new Date(at.getTime() + policy.windowMs) : null
  const row = await sessions.park(dead, cause, at, until)
  if (row !== null) index.set(row)
  return row
}
