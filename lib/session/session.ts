import type { CallId, NodeId, SessionId, TenantId, TrunkId } from '../core/ids.ts'
import type { EndCause } from '../observe/call-record.ts'
import type { SessionRow } from './record.ts'

/** What a tenant wants of sessions whose call has ended. */
export interface ResumePolicy {
  /** How long a parked session may be taken up; 0: never. */
  readonly windowMs: number
  /** `fault`: after ends that nobody wanted. `any`: after every end of a call that was answered. */
  readonly resumeOn: 'fault' | 'any'
}

export interface SessionFacts {
  readonly id: SessionId
  readonly tenant: TenantId
  /** E.164, or empty where nobody is to be known by it. */
  readonly caller: string
  readonly agent: string
  readonly callId: CallId
  readonly node: NodeId
  readonly trunk: TrunkId | null
  readonly variables: Readonly<Record<string, string>>
}

/** A session that begins with its first call. */
export const newSession = (facts: SessionFacts, beganAt: Date): SessionRow => ({
  ...facts,
  revision: 0,
  epoch: 0,
  state: 'live',
  beganAt,
  parkedAt: null,
  resumableUntil: null,
  cause: null,
})

/**
 * Ends that neither side wanted: the conversation was cut off, and whoever was in it will want to go on. The limit of a call that was
 * up is that of a drain: its node was stopped.
 */
const FAULTS: ReadonlySet<EndCause> = new Set(['trunk-fault', 'media-timeout', 'node-lost', 'agent-fault', 'limit'])

export const isFault = (cause: EndCause): boolean => FAULTS.has(cause)

/** Whether a session whose answered call ended so waits for a further call. Nobody resumes where nobody can be told apart. */
export const parks = (caller: string, cause: EndCause, { windowMs, resumeOn }: ResumePolicy): boolean =>
  caller !== '' && windowMs > 0 && (resumeOn === 'any' || isFault(cause))

/** The session after the end of its call: parked, or ended for good. One that is not live stays as it is. */
export function leaveCall(row: SessionRow, cause: EndCause, at: Date, policy: ResumePolicy): SessionRow {
  if (row.state !== 'live') return row
  const next = { ...row, revision: row.revision + 1, cause }
  if (!parks(row.caller, cause, policy)) return { ...next, state: 'ended' }
  return { ...next, state: 'parked', parkedAt: at, resumableUntil: new Date(at.getTime() + policy.windowMs) }
}

/** A parked session that nobody took up in time, or that has been given up. */
export const endSession = (row: SessionRow): SessionRow =>
  row.state === 'ended'
    ? row
    : { ...row, revision: row.revision + 1, state: 'ended', parkedAt: null, resumableUntil: null }
