import assert from 'node:assert/strict'
import fc from 'fast-check'
import { tenantId, trunkId } from '../../../lib/core/ids.ts'
import { type CallLimits, CallLoad, type GiveBack } from '../../../lib/guard/call-load.ts'

const ALPHA = trunkId('alpha')
const BETA = trunkId('beta')
const CLINIC = tenantId('clinic')
const UNLIMITED: CallLimits = { trunkCps: new Map(), tenantCps: new Map() }

describe('the load of trunks and tenants', () => {
  it('is what calls have taken and not given back, and giving back twice changes nothing', () => {
    const load = new CallLoad()
    const [first, second] = [load.hold(ALPHA, CLINIC), load.hold(null, CLINIC)]
    const { trunkCalls, tenantCalls } = load.view(UNLIMITED, 0)
    assert.deepEqual([trunkCalls.get(ALPHA), tenantCalls.get(CLINIC)], [1, 2])
    first()
    first()
    assert.deepEqual([trunkCalls.get(ALPHA), tenantCalls.get(CLINIC)], [undefined, 1])
    second()
    assert.equal(tenantCalls.size, 0)
  })

  it('has no place on a trunk that is at its channels, until one is given back', () => {
    const load = new CallLoad()
    const taken = load.takeTrunk(ALPHA, 1, UNLIMITED, 0)
    assert.equal(load.takeTrunk(ALPHA, 1, UNLIMITED, 0), null)
    assert.notEqual(load.takeTrunk(BETA, 1, UNLIMITED, 0), null)
    taken?.()
    assert.notEqual(load.takeTrunk(ALPHA, 1, UNLIMITED, 0), null)
  })

  it('holds calls a second of both directions against one limit, and takes nothing where it refuses', () => {
    const load = new CallLoad()
    const limits = { ...UNLIMITED, trunkCps: new Map([[ALPHA, 2]]) }
    assert.ok(load.view(limits, 0).admitTrunk(ALPHA))
    assert.notEqual(load.takeTrunk(ALPHA, null, limits, 0), null)
    assert.equal(load.takeTrunk(ALPHA, null, limits, 999), null)
    assert.equal(load.view(limits, 999).trunkCalls.get(ALPHA), 1)
    assert.ok(!load.view(limits, 999).admitTrunk(ALPHA))
    assert.notEqual(load.takeTrunk(ALPHA, null, limits, 1_000), null)
  })

  it('counts no call against the rate of a trunk that has no channel for it', () => {
    const load = new CallLoad()
    const limits = { ...UNLIMITED, trunkCps: new Map([[ALPHA, 1]]) }
    assert.equal(load.takeTrunk(ALPHA, 0, limits, 0), null)
    assert.notEqual(load.takeTrunk(ALPHA, 1, limits, 0), null)
  })

  it('adds up whatever calls do: never over a limit, never below nothing, and all given back in the end', () => {
    const deed = fc.oneof(
      fc.record({ kind: fc.constant('in' as const), trunk: fc.constantFrom(ALPHA, BETA, null) }),
      fc.record({ kind: fc.constant('out' as const), trunk: fc.constantFrom(ALPHA, BETA) }),
      fc.record({ kind: fc.constant('end' as const), which: fc.nat() }),
    )
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 60 }), (deeds) => {
        const load = new CallLoad()
        const all: GiveBack[] = []
        const live = new Map<GiveBack, string>()
        const { trunkCalls, tenantCalls } = load.view(UNLIMITED, 0)
        const on = (trunk: string): number => [...live.values()].filter((one) => one === trunk).length
        for (const one of deeds) {
          if (one.kind === 'end') {
            // Also such as have ended before.
            const giveBack = all[one.which % Math.max(1, all.length)]
            giveBack?.()
            if (giveBack !== undefined) live.delete(giveBack)
          } else {
            const full = one.kind === 'out' && on(one.trunk) + on(`in ${one.trunk}`) >= 3
            const taken = one.kind === 'in' ? load.hold(one.trunk, CLINIC) : load.takeTrunk(one.trunk, 3, UNLIMITED, 0)
            assert.equal(taken === null, full)
            if (taken !== null) all.push(taken)
            if (taken !== null) live.set(taken, one.kind === 'in' ? `in ${one.trunk}` : one.trunk)
          }
          for (const trunk of [ALPHA, BETA]) assert.equal(trunkCalls.get(trunk) ?? 0, on(trunk) + on(`in ${trunk}`))
          assert.equal(tenantCalls.get(CLINIC) ?? 0, [...live.values()].filter((text) => text.startsWith('in')).length)
        }
        for (const giveBack of [...all, ...all]) giveBack()
        assert.equal(trunkCalls.size + tenantCalls.size, 0)
      }),
    )
  })
})
