import assert from 'node:assert/strict'
import { TellingBudget } from '../../../lib/route/telling-budget.ts'

describe('What may be told of the same', () => {
  it('is so many of each kind, and as many again once the window is over', () => {
    const budget = new TellingBudget(2, 1_000)
    const take = (kind: string, atMs: number): boolean => budget.take(kind, atMs)
    assert.deepEqual([take('late', 0), take('late', 10), take('late', 20)], [true, true, false])
    assert.equal(take('threw', 20), true)
    assert.deepEqual([take('late', 999), take('late', 1_000), take('late', 1_001)], [false, true, true])
    assert.equal(take('late', 1_999), false)
  })
})
