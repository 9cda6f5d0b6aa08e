import assert from 'node:assert/strict'
import { BLOCK_BYTES, BlockPool, MAX_FREE_BLOCKS } from '../../../lib/media/block-pool.ts'

describe('The block pool', () => {
  it('gives out what was given back before it makes new blocks', () => {
    const pool = new BlockPool()
    const block = pool.take()
    assert.equal(block.length, BLOCK_BYTES)
    pool.give(block)
    assert.equal(pool.take(), block)
    assert.notEqual(pool.take(), block)
  })

  it('keeps no more free blocks than its limit', () => {
    const pool = new BlockPool()
    const block = new Uint8Array(BLOCK_BYTES)
    for (let i = 0; i <= MAX_FREE_BLOCKS; i++) pool.give(block)
    assert.equal(pool.free, MAX_FREE_BLOCKS)
  })
})
