import type { CallId, NodeId, SessionId } from '../../lib/core/ids.ts'
import type {
  AttemptRecord,
  CallRecord,
  CallRow,
  CallState,
  EndCause,
  TurnRecord,
} from '../../lib/observe/call-record.ts'
import type { EventDraft, TandemEvent } from '../../lib/observe/event.ts'
import type { SipTrace } from '../../lib/observe/sip-trace.ts'
import type { SessionItem, SessionRow } from '../../lib/session/record.ts'

/**
 * The way of every record: appended to the disk journal at once (fsync in batches), written to Postgres behind. A call
 * never waits for it. Entries carry ids and revisions, so replaying them twice changes nothing.
 */
export interface Journal {
  /** Stamps id, time and node on an event, appends it, and gives it back for the log and the stream. */
  event(draft: EventDraft): TandemEvent
  /**
   * The whole row of a call; of two the one that `supersedesRow` prefers stays.
   *
   * @param claim of a call that was another node's: the epoch that the claim gave. The row counts only while nobody has claimed the call since
   */
  call(row: CallRow, claim?: number): void
  attempt(callId: CallId, ordinal: number, attempt: AttemptRecord): void
  turn(callId: CallId, ordinal: number, turn: TurnRecord): void
  /** The whole row of a session; the highest epoch wins, and of one epoch the newest revision. */
  session(row: SessionRow): void
  /** What the agent of a further call must know. */
  item(sessionId: SessionId, ordinal: number, item: SessionItem): void
  /** One SIP message of a call, as seen on the wire, for ladder and pcap. */
  sip(callId: CallId, ordinal: number, message: SipTrace): void
  /** Resolves when all that was appended so far is on disk. */
  synced(): Promise<void>
  /** Resolves when all that was appended so far is in Postgres; rejects after `timeoutMs`. */
  written(timeoutMs: number): Promise<void>
}

export type { SipTrace }

export interface CallQuery {
  readonly active?: boolean
  readonly tenant?: string
  readonly trunk?: string
  readonly from?: string
  readonly to?: string
  readonly cause?: EndCause
  readonly state?: CallState
  /** Calls of one conversation. */
  readonly session?: string
  /** 32 hexadecimal digits: calls with this UUID at one of their ends (RFC 7989). */
  readonly sipSessionId?: string
  readonly since?: Date
  readonly until?: Date
  readonly limit: number
  /** From a page before; opaque. */
  readonly cursor?: string
}

/** What the API reads. Newest first. */
export interface CallStore {
  calls(query: CallQuery): Promise<{ readonly calls: readonly CallRecord[]; readonly next: string | null }>
  call(id: CallId): Promise<CallRecord | null>
  events(callId: CallId): Promise<readonly TandemEvent[]>
  ladder(callId: CallId): Promise<readonly SipTrace[]>
  /** Events after the last one seen of each node, oldest first, at most `limit`. */
  eventsAfter(seen: ReadonlyMap<NodeId, number>, limit: number): Promise<readonly TandemEvent[]>
  /** Events of one node after that sequence number, in order, at most `limit`. */
  eventsOf(node: NodeId, after: number, limit: number): Promise<readonly TandemEvent[]>
  /** Sequence number of the last event of a node; null where it has none. */
  lastEventOf(node: NodeId): Promise<number | null>
}
