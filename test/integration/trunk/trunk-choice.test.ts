import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { HealthFile } from '../../../app/trunk/health-file.ts'
import { TrunkChoice } from '../../../app/trunk/trunk-choice.ts'
import { TrunkHealth } from '../../../app/trunk/trunk-health.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { tenantId } from '../../../lib/core/ids.ts'
import { routesOf } from '../../../lib/route/routes.ts'
import { tempFolder } from '../../helpers/postgres.ts'

const LOCAL = {
  id: 'a/0',
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:1',
  model: 'none',
  apiKey: 'none',
  renewBeforeMs: 600_000,
} as const
const CALLS = 1_000
/** Of the calls of a group, how far the share of a trunk may be from its weight. */
const TOLERANCE = 0.02

const WEIGHTS = { alpha: 70, beta: 20, gamma: 10 } as const
const TRUNKS = Object.keys(WEIGHTS)
const tenantOf = (id: string) => ({ id, group: id, agent: 'a' })

const FILE = {
  agents: { a: { backend: 'local' } },
  trunks: TRUNKS.map((id, i) => ({ id, sources: [`192.0.2.${i + 1}`], probe: { enabled: false } })),
  groups: {
    shared: { mode: 'active-active', trunks: TRUNKS, weights: WEIGHTS },
    even: { mode: 'active-active', trunks: TRUNKS },
    primary: { mode: 'warm-standby', trunks: TRUNKS },
  },
  tenants: ['shared', 'even', 'primary'].map(tenantOf),
}

describe('the trunks that calls of a group go out on', () => {
  it('share 1,000 calls by weight within 2 %, whatever other groups of the same trunks do meanwhile', async () => {
    const parsed = parseConfig(JSON.stringify(FILE), { env: {}, file: 'test' })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    const { groups, tenants } = routesOf(parsed.value, LOCAL)
    const folder = await tempFolder()
    const health = new TrunkHealth({
      trunks: parsed.value.trunks,
      locator: { resolve: async () => ({ servers: [], untilMs: Number.POSITIVE_INFINITY, answered: true }) },
      ping: async () => ({ kind: 'silence' }),
      emit: () => {},
      file: new HealthFile(folder, (error) => assert.fail(String(error))),
    })
    const choice = new TrunkChoice(health, {
      isTaken: () => false,
      take: () => assert.fail('there is no canary to place'),
    })
    const shares = new Map<string, number>()
    for (let call = 0; call < CALLS; call++) {
      for (const name of ['shared', 'even', 'primary'].map(tenantId)) {
        const group = groups.get(name)
        assert.ok(group !== undefined)
        const { order } = await choice.choose(group, tenants.get(name)?.group ?? [])
        const [first] = order
        const key = `${name} ${first?.trunk}`
        shares.set(key, (shares.get(key) ?? 0) + 1 / CALLS)
      }
    }
    await health.close()
    await rm(folder, { recursive: true, force: true })
    const want: Record<string, number> = { 'primary alpha': 1 }
    for (const [trunk, weight] of Object.entries(WEIGHTS)) {
      want[`shared ${trunk}`] = weight / 100
      want[`even ${trunk}`] = 1 / TRUNKS.length
    }
    assert.deepEqual([...shares.keys()].sort(), Object.keys(want).sort())
    for (const [key, share] of shares) {
      assert.ok(Math.abs(share - (want[key] ?? 0)) <= TOLERANCE, `${key}: ${share}`)
    }
  })
})
