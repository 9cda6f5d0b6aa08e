import assert from 'node:assert/strict'
import { DelayHistogram } from '../../../lib/agent/delay-histogram.ts'

describe('a histogram of delays', () => {
  it('tells the millisecond that a share of them stays under, and the longest', () => {
    const delays = new DelayHistogram()
    for (let i = 0; i < 99; i++) delays.add(0.4)
    delays.add(37.5)
    assert.equal(delays.quantileMs(0.99), 1)
    assert.equal(delays.quantileMs(1), 38)
    assert.equal(delays.maxMs, 37.5)
    assert.equal(delays.count, 100)
  })

  it('begins anew when it is cleared', () => {
    const delays = new DelayHistogram()
    delays.add(12)
    delays.clear()
    assert.deepEqual([delays.count, delays.maxMs, delays.quantileMs(0.5)], [0, 0, 0])
  })

  it('is zero without any, and takes what is out of range', () => {
    const delays = new DelayHistogram()
    assert.equal(delays.quantileMs(0.99), 0)
    delays.add(-1)
    delays.add(1e6)
    assert.equal(delays.quantileMs(0.5), 1)
    assert.equal(delays.maxMs, 1e6)
  })
})
