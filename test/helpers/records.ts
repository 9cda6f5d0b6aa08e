import { CallRecorder } from '../../app/signaling/call-recorder.ts'
import { callId, nodeId, sessionId, tenantId, trunkId } from '../../lib/core/ids.ts'
import type { AttemptRecord, CallRow, TurnRecord } from '../../lib/observe/call-record.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { SipTrace } from '../../lib/observe/sip-trace.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { ulidTime } from '../../lib/store/ulid-range.ts'

/** A time of the tests, so many milliseconds after their beginning. */
export const at = (ms: number): Date => new Date(Date.UTC(2026, 10, 22, 12) + ms)

/** The id of the n-th call of the tests, begun at `startedAt`. */
export const callIdOf = (n: number, startedAt: Date = at(n)) =>
  callId(ulidTime(startedAt) + String(n).padStart(16, '0'))

/** An inbound call in state `incoming`, unless said otherwise. */
export function callRow(n: number, fields: Partial<CallRow> = {}): CallRow {
  const startedAt = fields.startedAt ?? at(n)
  return {
    id: callIdOf(n, startedAt),
    revision: 1,
    epoch: 0,
    tenant: tenantId('clinic'),
    direction: 'inbound',
    from: '+12025550101',
    to: '+12025550100',
    raw: { from: '"A" <sip:+12025550101@192.0.2.1>', to: '<sip:+12025550100@192.0.2.2>' },
    node: nodeId('east-1'),
    trunk: trunkId('alpha'),
    state: 'incoming',
    startedAt,
    answeredAt: null,
    endedAt: null,
    end: null,
    sip: { callId: `call-${n}@192.0.2.1`, sessionId: null },
    attestation: null,
    session: { id: sessionId(callIdOf(n, startedAt)), resumedFrom: null },
    agent: null,
    media: null,
    recording: null,
    errand: null,
    ...fields,
  }
}

/** The fields of a call that its caller has ended. */
export const ended = (revision: number, endedAt: Date): Partial<CallRow> => ({
  revision,
  state: 'ended',
  endedAt,
  end: { by: 'caller', sip: null, cause: 'normal' },
})

export const attempt = (fields: Partial<AttemptRecord> = {}): AttemptRecord => ({
  trunk: trunkId('alpha'),
  target: 'sip:192.0.2.11:5080',
  startedAt: at(10),
  sip: 200,
  reason: 'OK',
  pddMs: 120.5,
  ...fields,
})

export const turn = (text: string, ms = 20): TurnRecord => ({ at: at(ms), who: 'agent', text })

export const trace = (message: string, ms = 5): SipTrace => ({
  at: at(ms),
  direction: 'in',
  protocol: 'udp',
  local: '192.0.2.2:5060',
  remote: '192.0.2.1:5060',
  message,
})

/** A live session on the n-th call of the tests, its first. */
export function sessionRow(n: number, fields: Partial<SessionRow> = {}): SessionRow {
  return {
    id: sessionId(callIdOf(n)),
    revision: 1,
    epoch: 0,
    tenant: tenantId('clinic'),
    caller: '+12025550101',
    agent: 'intake',
    state: 'live',
    callId: callIdOf(n),
    node: nodeId('east-1'),
    trunk: trunkId('alpha'),
    beganAt: at(n),
    parkedAt: null,
    resumableUntil: null,
    cause: null,
    variables: { called: '+12025550100' },
    ...fields,
  }
}

/** A recorder of a call that keeps no journal; its events go to `emit`. */
export function recorderOf(row: CallRow, emit: EmitEvent): CallRecorder {
  const nothing = (): void => undefined
  const journal = { call: nothing, attempt: nothing, turn: nothing, sip: nothing, session: nothing, item: nothing }
  const rest = {
    event: () => {
      throw new Error('events go another way')
    },
    synced: async () => undefined,
    written: async () => undefined,
  }
  return CallRecorder.begin({ ...journal, ...rest }, emit, row)
}
