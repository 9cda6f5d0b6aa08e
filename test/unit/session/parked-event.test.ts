import assert from 'node:assert/strict'
import { parkedEvent } from '../../../lib/session/parked-event.ts'
import { leaveCall } from '../../../lib/session/session.ts'
import { at, sessionRow } from '../../helpers/records.ts'

describe('what is told of a parked session', () => {
  it('says which it is, why it waits, and until when', () => {
    const row = leaveCall(sessionRow(1), 'trunk-fault', at(0), { windowMs: 60_000, resumeOn: 'fault' })
    assert.deepEqual(parkedEvent(row), {
      event: 'session.parked',
      level: 'warn',
      session: row.id,
      cause: 'trunk-fault',
      resumableUntil: at(60_000).toISOString(),
    })
  })
})
