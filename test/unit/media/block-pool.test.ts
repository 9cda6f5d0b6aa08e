import assert from 'node:assert/strict'
import { BlockPool } from '../../../lib/media/block-pool.ts'

describe('The block pool', () => {
  it('gives out what was given back before it makes new blocks', () => {
    const pool = new BlockPool(160, 4)
    const block = pool.take()
    assert.equal(block.length, 160)
    pool.give(block)
    assert.equal(pool.take(), block)
    assert.notEqual(pool.take(), block)
  })

  it('keeps no more free blocks than its limit', () => {
    const pool = new BlockPool(160, 4)
    for (let i = 0; i <= 4; i++) pool.give(new Uint8Array(160))
    assert.equal(pool.free, 4)
  })
})
