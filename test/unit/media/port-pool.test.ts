import assert from 'node:assert/strict'
import { PortPool } from '../../../lib/media/port-pool.ts'

describe('The pool of RTP ports', () => {
  it('holds the even ports of the range whose odd partner is in it, too', () => {
    const pool = new PortPool({ from: 20_001, to: 20_006 })
    assert.deepEqual([pool.take(), pool.take(), pool.take()], [20_002, 20_004, null])
  })

  it('gives the pair out that has rested longest', () => {
    const pool = new PortPool({ from: 20_000, to: 20_005 })
    const first = pool.take()
    assert.equal(first, 20_000)
    pool.give(20_000)
    assert.deepEqual([pool.take(), pool.take(), pool.take(), pool.take()], [20_002, 20_004, 20_000, null])
  })

  it('takes no pair back twice', () => {
    const pool = new PortPool({ from: 20_000, to: 20_003 })
    pool.take()
    pool.give(20_000)
    pool.give(20_000)
    pool.give(20_002)
    assert.equal(pool.available, 2)
  })

  it('does not grow over a hundred thousand calls', () => {
    const pool = new PortPool({ from: 20_000, to: 20_999 })
    for (let i = 0; i < 100_000; i++) pool.give(pool.take() ?? 0)
    assert.equal(pool.available, pool.size)
  })
})
