import assert from 'node:assert/strict'
import { trunkId } from '../../../lib/core/ids.ts'
import { describeSubject, parseSubject, subjectKey } from '../../../lib/fleet/override-subject.ts'

describe('what an operator speaks of', () => {
  it('is stored by a key that tells trunks and agents apart, also where both have the same name', () => {
    const trunk = trunkId('intake')
    for (const subject of [trunk, { agent: 'intake' }, { agent: 'intake/0' }] as const) {
      assert.deepEqual(parseSubject(subjectKey(subject)), subject)
    }
    assert.equal(subjectKey(trunk), 'intake')
    assert.notEqual(subjectKey({ agent: 'intake' }), subjectKey(trunk))
  })

  it('is named by its kind in events and in the audit', () => {
    assert.deepEqual(describeSubject(trunkId('alpha')), { id: 'alpha', kind: 'trunk', fields: { trunk: 'alpha' } })
    assert.deepEqual(describeSubject({ agent: 'a/1' }), { id: 'a/1', kind: 'agent', fields: { agent: 'a/1' } })
  })
})
