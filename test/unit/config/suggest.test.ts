import assert from 'node:assert/strict'
import fc from 'fast-check'
import { editDistance, nearest } from '../../../lib/config/suggest.ts'

describe('a suggestion', () => {
  const KEYS = ['listen', 'unknown', 'workers', 'retryAfter', 'engine']
  it('is the nearest word: a letter lost, doubled, replaced or swapped, or other capitals', () => {
    for (const [wrong, right] of [
      ['lsten', 'listen'],
      ['lissten', 'listen'],
      ['unknwon', 'unknown'],
      ['wrokers', 'workers'],
      ['retryafter', 'retryAfter'],
    ] as const) {
      assert.equal(nearest(wrong, KEYS), right)
    }
  })
  it('is not made where nothing is near', () => {
    assert.equal(nearest('trunks', KEYS), null)
    assert.equal(nearest('x'.repeat(10_000), KEYS), null)
    assert.equal(nearest('', []), null)
  })
  it('rests on a distance that is symmetric and zero only for the same word', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        assert.equal(editDistance(a, b), editDistance(b, a))
        assert.equal(editDistance(a, b) === 0, a === b)
      }),
    )
  })
})
