import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeTime, ulid } from 'ulid'
import { monthsFrom, ulidTime } from '../../../lib/store/ulid-range.ts'

describe('months as ranges of ULIDs', () => {
  it('begins as the ulid package has it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 48 - 1 }), (ms) => {
        assert.equal(ulidTime(new Date(ms)), ulid(ms).slice(0, 10))
        assert.equal(decodeTime(`${ulidTime(new Date(ms))}0000000000000000`), ms)
      }),
    )
  })

  it('follow each other without a gap, over the end of a year', () => {
    const months = monthsFrom(new Date('2026-11-30T23:59:59.999Z'), 2)
    assert.deepEqual(
      months.map(({ name }) => name),
      ['2026_11', '2026_12', '2027_01'],
    )
    assert.equal(months[0]?.untilId, months[1]?.fromId)
    assert.equal(months[1]?.until.toISOString(), '2027-01-01T00:00:00.000Z')
  })

  it('hold every id of their time and no other', () => {
    const [november] = monthsFrom(new Date('2026-11-10T00:00:00Z'), 0)
    assert.ok(november !== undefined)
    const inside = (iso: string): boolean => {
      const id = ulid(Date.parse(iso))
      return id >= november.fromId && id < november.untilId
    }
    assert.equal(inside('2026-11-01T00:00:00.000Z'), true)
    assert.equal(inside('2026-11-30T23:59:59.999Z'), true)
    assert.equal(inside('2026-10-31T23:59:59.999Z'), false)
    assert.equal(inside('2026-12-01T00:00:00.000Z'), false)
  })

  it('clamps times that a ULID cannot hold', () => {
    assert.equal(ulidTime(new Date(-1)), '0000000000')
    assert.equal(ulidTime(new Date(8.64e15)), '7ZZZZZZZZZ')
  })
})
