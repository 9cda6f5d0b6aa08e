import assert from 'node:assert/strict'
import fc from 'fast-check'
import { supersedesRow } from '../../../lib/observe/call-record.ts'

const row = fc.record({
  epoch: fc.nat(2),
  revision: fc.nat(3),
  state: fc.constantFrom('active' as const, 'ended' as const),
  end: fc.constantFrom(
    null,
    { by: 'system' as const, sip: null, cause: 'node-lost' as const },
    {
      by: 'caller' as const,
      sip: null,
      cause: 'normal' as const,
    },
  ),
})

describe('which of two writings of a call stays', () => {
  it('is one order: whatever comes first, and however often, the same row is left', () => {
    fc.assert(
      fc.property(row, row, row, (a, b, c) => {
        assert.equal(supersedesRow(a, a), false)
        assert.equal(supersedesRow(a, b) && supersedesRow(b, a), false)
        if (supersedesRow(a, b) && supersedesRow(b, c)) assert.equal(supersedesRow(a, c), true)
      }),
    )
  })

  it('is an end that somebody saw before one that nobody did, within one term', () => {
    const lost = {
      epoch: 0,
      revision: 9,
      state: 'ended',
      end: { by: 'system', sip: null, cause: 'node-lost' },
    } as const
    const heard = { epoch: 0, revision: 3, state: 'ended', end: { by: 'caller', sip: null, cause: 'normal' } } as const
    assert.equal(supersedesRow(heard, lost), true)
    assert.equal(supersedesRow({ ...heard, end: null, state: 'active', revision: 99 }, lost), false)
    assert.equal(supersedesRow({ ...lost, epoch: 1, state: 'active', end: null }, heard), true)
  })
})
