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
groups: { us: { trunks: [alpha, inboundOnly, beta] }, none: { trunks: [inboundOnly] } }
tenants:
  - { id: clinic, group: us, numbers: ["+12025550100", "+12025550101"], agent: intake, limits: { channels: 5 } }
  - { id: silent, group: us, agent: intake }
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
  readonly tenantCalls?: number
  readonly alphaCalls?: number
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
  const { tenantCalls = 0, alphaCalls = 0, impediment, admits = true, agentsAway = [] } = situation
  return decidePlacement(
    { to: '+12025550123', tenant: 'clinic', ...request },
    {
      ...routes,
      impediments: new Set(impediment === undefined ? [] : [impediment]),
      agentsAway: new Set(agentsAway),
      tenantCalls: new Map([[tenant, tenantCalls]]),
      trunkCalls: new Map([[trunkId('alpha'), alphaCalls]]),
      admitTenant: () => admits,
    },
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
