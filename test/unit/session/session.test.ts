import assert from 'node:assert/strict'
import type { EndCause } from '../../../lib/observe/call-record.ts'
import { firstOrdinal, REVISIONS_A_TERM } from '../../../lib/session/record.ts'
import { endSession, leaveCall, newSession, parks, type ResumePolicy } from '../../../lib/session/session.ts'
import { at, sessionRow } from '../../helpers/records.ts'

const CALLER = '+12025550101'
const policy = (fields: Partial<ResumePolicy> = {}): ResumePolicy => ({
  windowMs: 900_000,
  resumeOn: 'fault',
  ...fields,
})

describe('whether a session waits for a further call', () => {
  const table: [why: string, cause: EndCause, want: boolean, policy?: Partial<ResumePolicy>, caller?: string][] = [
    ['the trunk died', 'trunk-fault', true],
    ['no media came any more', 'media-timeout', true],
    ['the node died', 'node-lost', true],
    ['no server of the agent could be had again', 'agent-fault', true],
    ['somebody hung up', 'normal', false],
    ['the node was stopped, at the end of its drain', 'limit', true],
    ['the call was transferred', 'transferred', false],
    ['somebody hung up, and the tenant resumes after that too', 'normal', true, { resumeOn: 'any' }],
    ['the tenant resumes nothing', 'trunk-fault', false, { windowMs: 0 }],
    ['the tenant resumes nothing, after whatever end', 'normal', false, { windowMs: 0, resumeOn: 'any' }],
    ['nobody knows who called', 'trunk-fault', false, {}, ''],
  ]
  for (const [why, cause, want, fields, caller = CALLER] of table) {
    it(`${want ? 'it does' : 'it does not'}: ${why}`, () => assert.equal(parks(caller, cause, policy(fields)), want))
  }
})

describe('a session', () => {
  it('is live from its first call on', () => {
    const { id, tenant, caller, agent, callId, node, trunk, variables } = sessionRow(1)
    const row = newSession({ id, tenant, caller, agent, callId, node, trunk, variables }, at(1))
    assert.deepEqual(row, sessionRow(1, { revision: 0 }))
  })

  it('can be resumed for the tenant’s window from the moment its leg was lost', () => {
    const parked = leaveCall(sessionRow(1, { revision: 7 }), 'trunk-fault', at(60_000), policy())
    assert.equal(parked.state, 'parked')
    assert.equal(parked.revision, 8)
    assert.equal(parked.cause, 'trunk-fault')
    assert.deepEqual([parked.parkedAt, parked.resumableUntil], [at(60_000), at(960_000)])
  })

  it('is over when its call ended as somebody wanted', () => {
    const over = leaveCall(sessionRow(1), 'normal', at(60_000), policy())
    assert.deepEqual([over.state, over.cause, over.parkedAt, over.resumableUntil], ['ended', 'normal', null, null])
  })

  it('is left once: what comes after changes nothing', () => {
    for (const cause of ['trunk-fault', 'normal'] as const) {
      const left = leaveCall(sessionRow(1), cause, at(1000), policy())
      assert.equal(leaveCall(left, 'node-lost', at(2000), policy()), left)
    }
    const over = endSession(leaveCall(sessionRow(1), 'trunk-fault', at(1000), policy()))
    assert.deepEqual([over.state, over.resumableUntil, over.cause], ['ended', null, 'trunk-fault'])
    assert.equal(endSession(over), over)
  })

  it('gives each owner ordinals that no other one has', () => {
    assert.deepEqual([0, 1, 999_999, 1_000_000, 3_000_042].map(firstOrdinal), [0, 0, 0, 1_000_000, 3_000_000])
    assert.ok(2_000 * REVISIONS_A_TERM < 2 ** 31, 'two thousand owners fit an integer of Postgres')
  })
})
