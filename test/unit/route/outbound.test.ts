import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parseSipAddress } from '../../../lib/config/addresses.ts'
import { orderTargets, requestUri } from '../../../lib/route/outbound.ts'

function uriTo(target: string, transport: 'udp' | 'tcp' | null = null): string {
  const uri = parseSipAddress(target)
  assert.ok(uri !== undefined)
  return requestUri('+12025550123', { uri, transport })
}

describe('the request-URI of a call that goes out', () => {
  it('is the target with the number as its user', () => {
    assert.equal(uriTo('sip:192.0.2.11:5080'), 'sip:+12025550123@192.0.2.11:5080')
    assert.equal(uriTo('sip:trunk@pop.example.net;user=phone'), 'sip:+12025550123@pop.example.net;user=phone')
    assert.equal(uriTo('sips:[2001:db8::1]:5061'), 'sips:+12025550123@[2001:db8::1]:5061')
  })

  it('names the transport of the trunk where the target names none', () => {
    assert.equal(uriTo('sip:192.0.2.11', 'tcp'), 'sip:+12025550123@192.0.2.11;transport=tcp')
    assert.equal(uriTo('sip:192.0.2.11;transport=udp', 'tcp'), 'sip:+12025550123@192.0.2.11;transport=udp')
  })
})

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
        const ordered = orderTargets(targets, () => stream.next().value)
        assert.equal(new Set(ordered).size, targets.length)
        assert.equal(ordered.at(-1)?.name, 'far')
      }),
    )
  })

  it('gives each its share of first places', () => {
    const firsts = new Map<string, number>()
    for (let i = 0; i < 1_000; i++) {
      const name = orderTargets(targets, () => i / 1_000)[0]?.name ?? ''
      firsts.set(name, (firsts.get(name) ?? 0) + 1)
    }
    assert.ok(Math.abs((firsts.get('heavy') ?? 0) - 890) <= 10, `heavy ${firsts.get('heavy')}`)
    assert.ok(Math.abs((firsts.get('light') ?? 0) - 100) <= 10, `light ${firsts.get('light')}`)
    assert.ok((firsts.get('spare') ?? 0) >= 1)
  })
})
