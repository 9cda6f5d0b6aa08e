import { ulid } from 'ulid'
import { callId, type NodeId, sessionId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { CallParties } from '../../lib/route/decide.ts'
import type { IncomingInvite } from './incoming-invite.ts'

/** The record of a call as it begins, with the id that it keeps. */
export function firstRow(node: NodeId, invite: IncomingInvite, decision: CallParties): CallRow {
  const id = callId(ulid())
  return {
    id,
    revision: 0,
    tenant: decision.tenant,
    direction: 'inbound',
    from: decision.from,
    to: decision.to,
    raw: { from: invite.header('From') ?? '', to: invite.facts.uri },
    node,
    trunk: decision.trunk,
    state: 'incoming',
    startedAt: new Date(),
    answeredAt: null,
    endedAt: null,
    end: null,
    sip: { callId: invite.sipCallId },
    attestation: null,
    session: { id: sessionId(id), resumedFrom: null },
    agent: null,
    media: null,
    recording: null,
  }
}
