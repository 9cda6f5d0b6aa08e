import assert from 'node:assert/strict'
import fc from 'fast-check'
import { orderByPriority } from '../../../lib/sip/srv-order.ts'

describe('the order of targets', () => {
  const targets = [
    { name: 'far', priority: 20, weight: 100 },
    { name: 'heavy', priority: 10, weight: 90 },
    { name: 'light', priority: 10, weight: 10 },
    { name: 'spare', priority: 10, weight: 0 },
  ]

  it('has lower priorities first, and each target once, whatever chance says', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 0.999999, noNaN: true })), (stream) => {
        const ordered = orderByPriority(targets, () => stream.next().value)
        assert.equal(new Set(ordered).size, targets.length)
        assert.equal(ordered.at(-1)?.name, 'far')
      }),
    )
  })

  it('gives each its share of first places', () => {
    const firsts = new Map<string, number>()
    for (let i = 0; i < 1_000; i++) {
      const name = orderByPriority(targets, () => i / 1_000)[0]?.name ?? ''
      firsts.set(name, (firsts.get(name) ?? 0) + 1)
    }
    assert.ok(Math.abs((firsts.get('heavy') ?? 0) - 890) <= 10, `heavy ${firsts.get('heavy')}`)
    assert.ok(Math.abs((firsts.get('light') ?? 0) - 100) <= 10, `light ${firsts.get('light')}`)
    assert.ok((firsts.get('spare') ?? 0) >= 1)
  })
})
