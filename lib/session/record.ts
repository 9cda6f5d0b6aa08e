import type { PastItem } from '../agent/past.ts'
import type { CallId, NodeId, SessionId, TenantId, TrunkId } from '../core/ids.ts'
import type { EndCause } from '../observe/call-record.ts'

/** `live`: a call is on it. `parked`: its leg was lost, and a further call may take it up. `ended`: none ever will. */
export type SessionState = 'live' | 'parked' | 'ended'

/**
 * A conversation with an agent, as its record says it. Every entry is the whole row. The highest epoch wins, and of one epoch the
 * highest revision.
 */
export interface SessionRow {
  readonly id: SessionId
  /** Grows by one with every entry of one owner; each owner's begin at a further multiple of `REVISIONS_A_TERM`. */
  readonly revision: number
  /** Which term of ownership wrote it; 0: that of the node that met its first call. */
  readonly epoch: number
  readonly tenant: TenantId
  /** The person's number in E.164, by which a further call is known as theirs; empty: nobody's, and never taken up. */
  readonly caller: string
  /** The agent's name. */
  readonly agent: string
  readonly state: SessionState
  /** The call that it is on, or was on last. */
  readonly callId: CallId
  readonly node: NodeId
  readonly trunk: TrunkId | null
  readonly beganAt: Date
  /** When the last leg was lost; null unless it is parked. */
  readonly parkedAt: Date | null
  /** Until when a call may take it up; null unless it is parked. */
  readonly resumableUntil: Date | null
  /** Why the last leg ended; null while it is live. */
  readonly cause: EndCause | null
  /** Facts about the call that the agent was told. */
  readonly variables: Readonly<Record<string, string>>
}

/** One thing of a session's conversation, and the call in which it was said. */
export interface SessionItem {
  readonly callId: CallId
  readonly item: PastItem
}

/** Revisions of a row, and ordinals of items, attempts, turns and messages, that one owner has at most: no two ever write the same one. */
export const REVISIONS_A_TERM = 1_000_000

/** The first ordinal of the items of the owner that wrote this revision. */
export const firstOrdinal = (revision: number): number => Math.floor(revision / REVISIONS_A_TERM) * REVISIONS_A_TERM
