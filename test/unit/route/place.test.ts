import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { trunkId } from '../../../lib/core/ids.ts'
import { decidePlacement, type PlaceRequest } from '../../../lib/route/place.ts'
import { routesOf } from '../../../lib/route/routes.ts'
import type { Impediment } from '../../../lib/route/snapshot.ts'

const CONFIG = `
agents: { intake: { backend: local }, sales: { backend: local } }
trunks:
  - { id: alpha, targets: [{ uri: "sip:192.0.2.11" }], limits: { channels: 2 } }
  - { id: inboundOnly, sources: [192.0.2.12] }
  - { id: beta, targets: [{ uri: "sip:192.0.2.13" }] }
  - { id: east, targets: [{ uri: "sip:192.0.2.14" }], callerIds: ["+1202555010*"], limits: { channels: 1 } }
  - { id: west, targets: [{ uri: "sip:192.0.2.15" }], callerIds: ["+14155550101", "+4930*"] }
groups: { coasts: { trunks: [east, west] }, us: { trunks: [alpha, inboundOnly, beta] }, none: { trunks: [inboundOnly] } }
tenants:
  - { id: clinic, group: us, numbers: ["+12025550100", "+12025550101"], agent: intake, limits: { channels: 5 } }
  - { id: silent, group: us, agent: intake }
  - { id: travel, group: coasts, numbers: ["+12025550103", "+14155550101"], agent: intake }
  - id: office
    group: us
    numbers: ["+12025550104"]
    agent: intake
    callingHours: { zone: America/New_York, windows: [{ days: [mon, tue, wed, thu, fri], from: "09:00", to: "18:00" }] }
  - { id: foreign, group: coasts, numbers: ["+3312345678"], agent: intake }
  - { id: stranded, group: none, numbers: ["+12025550102"], agent: intake }
`

const LOCAL = {
  id: 'a/0',
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:1',
  model: 'local',
  apiKey: '',
  renewBeforeMs: 600_000,
} as const

interface Situation {
  readonly now?: Date
  readonly tenantCalls?: number
  readonly alphaCalls?: number
  readonly eastCalls?: number
  readonly impediment?: Impediment
  readonly admits?: boolean
  readonly agentsAway?: readonly string[]
}

function decide(request: Partial<PlaceRequest>, situation: Situation = {}) {
  const config = parseConfig(CONFIG, { env: {}, file: 'x.yaml' })
  assert.ok(config.ok)
  const routes = routesOf(config.value, LOCAL)
  const tenant = [...routes.tenants.keys()][0]
  assert.ok(tenant !== undefined)
  const {
    now = new Date('2026-11-27T22:59:59Z'),
    tenantCalls = 0,
    alphaCalls = 0,
    eastCalls = 0,
    impediment,
    admits = true,
    agentsAway = [],
  } = situation
  return decidePlacement(
    { to: '+12025550123', tenant: 'clinic', ...request },
    {
      ...routes,
      impediments: new Set(impediment === undefined ? [] : [impediment]),
      agentsAway: new Set(agentsAway),
      tenantCalls: new Map([[tenant, tenantCalls]]),
      trunkCalls: new Map([
        [trunkId('alpha'), alphaCalls],
        [trunkId('east'), eastCalls],
      ]),
      admitTenant: () => admits,
    },
    now,
  )
}

describe('whether a call may be placed', () => {
  it('goes out from the first number of the tenant, by its agent, over the trunks that have targets', () => {
    const placed = decide({})
    assert.ok(placed.ok)
    const { from, to, agent, trunks } = placed.value
    assert.deepEqual([from, to, agent, trunks], ['+12025550100', '+12025550123', 'intake', ['alpha', 'beta']])
  })

  it('reads numbers as they are dialled in the country of the tenant', () => {
    const placed = decide({ to: '(202) 555-0123', from: '2025550101', agent: 'sales' })
    assert.ok(placed.ok)
    const { from, to, agent } = placed.value
    assert.deepEqual([from, to, agent], ['+12025550101', '+12025550123', 'sales'])
  })

  it('leaves out a trunk that has no channel left', () => {
    const placed = decide({}, { alphaCalls: 2 })
    assert.deepEqual(placed.ok && placed.value.trunks, ['beta'])
  })

  it('shows on each trunk the first number of the tenant that it may, where the request names none', () => {
    const placed = decide({ tenant: 'travel' })
    assert.ok(placed.ok)
    const { from, fromOn } = placed.value
    assert.equal(from, '+12025550103')
    assert.deepEqual(Object.fromEntries(fromOn), { east: '+12025550103', west: '+14155550101' })
  })

  it('is on record with the number that the first trunk shows that has room', () => {
    const placed = decide({ tenant: 'travel' }, { eastCalls: 1 })
    assert.deepEqual(placed.ok && [placed.value.from, placed.value.trunks], ['+14155550101', ['west']])
  })

  it('leaves out a trunk that may not show the number that is asked for', () => {
    const placed = decide({ tenant: 'travel', from: '+14155550101' })
    assert.deepEqual(placed.ok && [placed.value.from, placed.value.trunks], ['+14155550101', ['west']])
  })

  it('shows another number of the tenant where the request is content with that: a callback over the trunk that is left', () => {
    const placed = decide({ tenant: 'travel', from: '+12025550103', isCallback: true, avoiding: trunkId('east') })
    assert.deepEqual(placed.ok && [placed.value.from, placed.value.trunks], ['+14155550101', ['west']])
  })

  it('says which numbers which trunk may show, where none may show the one that is asked for', () => {
    const placed = decide({ tenant: 'travel', from: '+12125550100' })
    assert.ok(!placed.ok)
    assert.equal(
      placed.error.message,
      'from: no trunk of tenant "travel" may show +12125550100: east shows +1202555010*; west shows +14155550101 and +4930*',
    )
  })

  const CLOSED = new Date('2026-11-27T23:00:00Z')

  it('is refused outside of the calling hours of the tenant, with when they begin', () => {
    assert.equal(decide({ tenant: 'office' }).ok, true)
    const placed = decide({ tenant: 'office' }, { now: CLOSED })
    assert.deepEqual(placed.ok ? null : placed.error, {
      code: 'hours',
      message:
        'tenant "office" calls nobody at this hour: its calling hours begin at 2026-11-30T09:00:00-05:00 (America/New_York)',
      notBefore: new Date('2026-11-30T14:00:00Z'),
    })
  })

  it('calls back at any hour who was cut off', () => {
    assert.equal(decide({ tenant: 'office', isCallback: true }, { now: CLOSED }).ok, true)
  })

  const REFUSED: readonly (readonly [
    why: string,
    request: Partial<PlaceRequest>,
    code: string,
    situation?: Situation,
  ])[] = [
    ['a tenant that there is not', { tenant: 'nobody' }, 'request'],
    ['an agent that there is not', { agent: 'nobody' }, 'request'],
    ['what is no number', { to: 'sip:someone@premium.example.com' }, 'request'],
    ['a caller that is no number', { from: 'anonymous' }, 'request'],
    ['a tenant without a number to call from', { tenant: 'silent' }, 'request'],
    ['a tenant none of whose trunks has a target', { tenant: 'stranded' }, 'request'],
    ['a number that no trunk may show', { tenant: 'travel', from: '+12125550100' }, 'request'],
    ['a tenant none of whose numbers its trunks may show', { tenant: 'foreign' }, 'request'],
    ['a number whose only trunk is full', { tenant: 'travel', from: '+12025550103' }, 'limit', { eastCalls: 1 }],
    ['a tenant that has all the calls it may have', {}, 'limit', { tenantCalls: 5 }],
    ['a tenant that begins calls too fast', {}, 'limit', { admits: false }],
    ['a node that drains', {}, 'service', { impediment: 'draining' }],
    ['an agent that cannot be reached', { agent: 'sales' }, 'service', { agentsAway: ['sales'] }],
  ]
  for (const [why, request, code, situation] of REFUSED) {
    it(`refuses ${why}`, () => {
      const placed = decide(request, situation)
      assert.equal(placed.ok ? 'placed' : placed.error.code, code)
    })
  }
})
