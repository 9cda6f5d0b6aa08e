import type { CallId, ErrandId, NodeId, SessionId, TenantId, TrunkId } from '../core/ids.ts'

/** Where a call stands, as its record says it. */
export type CallState = 'incoming' | 'ringing' | 'active' | 'held' | 'transferring' | 'ended'

/** Who brought the call to its end. */
export type EndedBy = 'caller' | 'callee' | 'agent' | 'operator' | 'system'

export type EndCause =
  | 'normal'
  | 'cancelled'
  | 'busy'
  | 'no-answer'
  | 'rejected'
  | 'redirected'
  | 'trunk-fault'
  | 'agent-fault'
  | 'media-timeout'
  | 'limit'
  | 'node-lost'
  | 'transferred'

/** One direction of a leg's audio. `in` is what the far end sent us. Jitter by RFC 3550 §6.4.1, MOS by ITU-T G.107. */
export interface StreamStats {
  readonly packets: number
  readonly lost: number
  readonly jitterMs: number
  readonly mos: number | null
}

export interface MediaRecord {
  readonly codec: string
  readonly srtp: boolean
  readonly in: StreamStats
  readonly out: StreamStats
}

export interface AgentRecord {
  readonly backend: string
  /** From the start of playout being allowed (the dialog is confirmed) to the first RTP packet with agent audio. */
  readonly firstAudioMs: number | null
  readonly turns: number
  readonly bargeIns: number
  readonly reconnects: number
  readonly tokens: number
}

/** Of a call that several agents were on, one after the other: the last one's backend, the first one's first word, all of the rest. */
export function mergeAgents(before: AgentRecord | null, then: AgentRecord | null): AgentRecord | null {
  if (before === null || then === null) return then ?? before
  return {
    backend: then.backend,
    firstAudioMs: before.firstAudioMs ?? then.firstAudioMs,
    turns: before.turns + then.turns,
    bargeIns: before.bargeIns + then.bargeIns,
    reconnects: before.reconnects + then.reconnects,
    tokens: before.tokens + then.tokens,
  }
}

/** One INVITE that we sent for a call. */
export interface AttemptRecord {
  readonly trunk: TrunkId | null
  readonly target: string
  readonly startedAt: Date
  /** The final SIP status, or null where none came. */
  readonly sip: number | null
  readonly reason: string | null
  /** Post-dial delay: INVITE to the first 18x or final response. */
  readonly pddMs: number | null
}

export type Speaker = 'caller' | 'agent' | 'tool'

export interface TurnRecord {
  readonly at: Date
  readonly who: Speaker
  readonly text: string
}

/**
 * The call itself without its lists: what one journal entry carries. Every entry is the whole row, and of two the one that
 * `supersedesRow` prefers stays, so that replaying entries twice, or in another order, changes nothing.
 */
export interface CallRow {
  readonly id: CallId
  /** Grows by one with every entry of this call. */
  readonly revision: number
  /** The owner's term that wrote the row; 0: the node that met the call. */
  readonly epoch: number
  readonly tenant: TenantId | null
  readonly direction: 'inbound' | 'outbound'
  /** E.164 where the number can be read as such, else as it came. */
  readonly from: string
  readonly to: string
  readonly raw: { readonly from: string; readonly to: string }
  readonly node: NodeId
  readonly trunk: TrunkId | null
  readonly state: CallState
  readonly startedAt: Date
  readonly answeredAt: Date | null
  readonly endedAt: Date | null
  readonly end: { readonly by: EndedBy; readonly sip: number | null; readonly cause: EndCause } | null
  readonly sip: {
    readonly callId: string
    /** Session-ID (RFC 7989) as the far end was told it: of our INVITE or its, and once the call is answered, of that. Null: none was told yet. */
    readonly sessionId: string | null
  }
  readonly attestation: string | null
  readonly session: { readonly id: SessionId; readonly resumedFrom: CallId | null }
  readonly agent: AgentRecord | null
  readonly media: MediaRecord | null
  readonly recording: string | null
  /** The errand that it was placed for. */
  readonly errand: ErrandId | null
}

/**
 * Whether one writing of a call's row takes the place of another: that of the later owner; of one owner an end before what
 * is not ended, and an end that somebody saw before `node-lost`, which says that nobody did; else the later revision. A survivor
 * closes the record of a dead node in that node's term, so an end in its journal counts when it returns. A total order;
 * write-call.sql has the same one.
 */
export function supersedesRow(row: RowOrder, stored: RowOrder): boolean {
  if (row.epoch !== stored.epoch) return row.epoch > stored.epoch
  if (endRank(row) !== endRank(stored)) return endRank(row) > endRank(stored)
  return row.revision > stored.revision
}

type RowOrder = Pick<CallRow, 'epoch' | 'state' | 'end' | 'revision'>

function endRank({ state, end }: RowOrder): number {
  if (state !== 'ended') return 0
  return end?.cause === 'node-lost' ? 1 : 2
}

/** A call as the API shows it. */
export interface CallRecord extends CallRow {
  readonly attempts: readonly AttemptRecord[]
  readonly transcript: readonly TurnRecord[]
}
