import type { Selectable } from 'kysely'
import { callId, errandId, nodeId, sessionId, tenantId, trunkId } from '../../lib/core/ids.ts'
import type { AttemptRecord, CallRow, TurnRecord } from '../../lib/observe/call-record.ts'
import type { CallsTable, Database } from './postgres.ts'

/** A row of `calls` as the record that was written. */
export function toCallRow(row: Selectable<CallsTable>): CallRow {
  const { ended_by: by, end_cause: cause } = row
  return {
    id: callId(row.id),
    revision: row.revision,
    epoch: row.epoch,
    tenant: row.tenant === null ? null : tenantId(row.tenant),
    direction: row.direction,
    from: row.from_number,
    to: row.to_number,
    raw: row.raw,
    node: nodeId(row.node),
    trunk: row.trunk === null ? null : trunkId(row.trunk),
    state: row.state,
    startedAt: row.started_at,
    answeredAt: row.answered_at,
    endedAt: row.ended_at,
    end: by === null || cause === null ? null : { by, sip: row.end_sip, cause },
    sip: { callId: row.sip_call_id, sessionId: row.sip_session_id },
    attestation: row.attestation,
    session: {
      id: sessionId(row.session_id),
      resumedFrom: row.resumed_from === null ? null : callId(row.resumed_from),
    },
    agent: row.agent,
    media: row.media,
    recording: row.recording,
    errand: row.errand === null ? null : errandId(row.errand),
  }
}

export const toAttempt = (row: Selectable<Database['attempts']>): AttemptRecord => ({
  trunk: row.trunk === null ? null : trunkId(row.trunk),
  target: row.target,
  startedAt: row.started_at,
  sip: row.sip,
  reason: row.reason,
  pddMs: row.pdd_ms,
})

export const toTurn = (row: Selectable<Database['turns']>): TurnRecord => ({ at: row.at, who: row.who, text: row.text })
