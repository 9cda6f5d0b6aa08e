import {
  type CallId,
  callId,
  type ErrandId,
  type NodeId,
  sessionId,
  type TenantId,
  type TrunkId,
} from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { newUlid } from '../ulid.ts'

export interface FirstRowFacts {
  readonly node: NodeId
  readonly direction: CallRow['direction']
  readonly parties: {
    readonly tenant: TenantId | null
    readonly trunk: TrunkId | null
    readonly from: string
    readonly to: string
  }
  readonly raw: CallRow['raw']
  /** Of the INVITE that came in; empty where ours has not left yet. */
  readonly sipCallId: string
  /** Of a call that is placed for an errand, which has fixed its id. */
  readonly as?: { readonly call: CallId; readonly errand: ErrandId } | undefined
}

/** A call that this node meets first: it gets its id, and a session of its own. */
export function firstRow({ node, direction, parties, raw, sipCallId, as }: FirstRowFacts): CallRow {
  const id = as?.call ?? callId(newUlid())
  const { tenant, trunk, from, to } = parties
  return {
    id,
    revision: 0,
    epoch: 0,
    tenant,
    direction,
    from,
    to,
    raw,
    node,
    trunk,
    state: direction === 'inbound' ? 'incoming' : 'ringing',
    startedAt: new Date(),
    answeredAt: null,
    endedAt: null,
    end: null,
    sip: { callId: sipCallId, sessionId: null },
    attestation: null,
    session: { id: sessionId(id), resumedFrom: null },
    agent: null,
    media: null,
    recording: null,
    errand: as?.errand ?? null,
  }
}
