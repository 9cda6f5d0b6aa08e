import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { tenantId, trunkId } from '../../../lib/core/ids.ts'
import { decideOptions } from '../../../lib/route/decide-options.ts'
import { routesOf } from '../../../lib/route/routes.ts'
import type { RequestFacts, RouteSnapshot } from '../../../lib/route/snapshot.ts'

const LOCAL = {
  id: 'a/0',
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:1',
  model: 'none',
  apiKey: 'none',
  renewBeforeMs: 600_000,
} as const
const ALPHA = trunkId('alpha')

const trunk = (id: string, i: number, more: object = {}) => ({
  id,
  sources: [`192.0.2.${i}`],
  ingress: `sip:${id}.example.net`,
  ...more,
})

function snapshotOf(alpha: object = {}): RouteSnapshot {
  const file = {
    agents: { a: { backend: 'local' } },
    trunks: [trunk('alpha', 1, alpha), trunk('beta', 2)],
    groups: { main: { trunks: ['alpha', 'beta'] } },
    tenants: [{ id: 'clinic', group: 'main', agent: 'a' }],
  }
  const config = parseConfig(JSON.stringify(file), { env: {}, file: 'test' })
  assert.ok(config.ok, JSON.stringify(config))
  return {
    ...routesOf(config.value, LOCAL),
    impediments: new Set(),
    agentsAway: new Set(),
    trunkStates: new Map(),
    region: '',
    peers: [],
    trunkCalls: new Map(),
    tenantCalls: new Map(),
    authenticate: () => null,
    admitTrunk: () => assert.fail('OPTIONS are no calls'),
    admitTenant: () => assert.fail('OPTIONS are no calls'),
  }
}

const from = (address: string): RequestFacts => ({
  method: 'OPTIONS',
  source: { address, port: 5060, protocol: 'udp' },
  uri: 'sip:203.0.113.5',
  uriHost: '203.0.113.5',
  authorization: null,
})

const CARRIER = '192.0.2.1'
const NODE = '203.0.113.6'
const STANDBY = { trunkStates: new Map([[ALPHA, 'standby' as const]]) }
const FULL = { trunkCalls: new Map([[ALPHA, 1]]) }
const DRAINING = { impediments: new Set(['draining' as const]) }

describe('what OPTIONS get', () => {
  const ROWS: readonly (readonly [
    why: string,
    source: string,
    alpha: object,
    snapshot: Partial<RouteSnapshot>,
    want: string,
  ])[] = [
    ['a trunk is told that its calls are served', CARRIER, {}, {}, 'serve'],
    ['another node too', NODE, {}, {}, 'serve'],
    ['a node that drains says so to trunks', CARRIER, {}, DRAINING, 'refuse'],
    ['and to other nodes', NODE, {}, DRAINING, 'refuse'],
    ['a trunk with all the calls that it may have', CARRIER, { limits: { channels: 1 } }, FULL, 'refuse'],
    ['is none of the other nodes’ concern', NODE, { limits: { channels: 1 } }, FULL, 'serve'],
    ['a trunk whose calls would be redirected may send them', CARRIER, {}, STANDBY, 'serve'],
    ['a trunk whose calls would be refused may not', CARRIER, { onDegraded: 'refuse' }, STANDBY, 'refuse'],
    [
      'but may where there is no better leg for them',
      CARRIER,
      { onDegraded: 'refuse' },
      { trunkStates: new Map([...STANDBY.trunkStates, [trunkId('beta'), 'standby']]) },
      'serve',
    ],
    [
      'who must show credentials is asked',
      NODE,
      {},
      { authenticate: () => ({ kind: 'unproven', stale: true }) },
      'challenge',
    ],
    ['who shows wrong ones is refused', NODE, {}, { authenticate: () => ({ kind: 'wrong' }) }, 'forbid'],
    [
      'who shows the right ones is told',
      NODE,
      {},
      { authenticate: () => ({ kind: 'proven', tenant: tenantId('clinic') }) },
      'serve',
    ],
  ]
  for (const [why, source, alpha, snapshot, want] of ROWS) {
    it(why, () => assert.equal(decideOptions(from(source), { ...snapshotOf(alpha), ...snapshot }, 0).kind, want))
  }

  it('ask for patience of 1 to 5 s', () => {
    const waits = [0, 0.5, 0.999].map((random) => {
      const decision = decideOptions(from(CARRIER), { ...snapshotOf(), ...DRAINING }, random)
      return decision.kind === 'refuse' ? decision.retryAfterS : null
    })
    assert.deepEqual(waits, [1, 3, 5])
  })
})
