import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { routesOf } from '../../../lib/route/routes.ts'

const LOCAL = {
  id: 'a/0',
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:1',
  model: 'none',
  apiKey: 'none',
  renewBeforeMs: 600_000,
} as const

describe('the numbers of a config', () => {
  it('live on the trunks that they stand with, one or several, and on all where one entry has none', () => {
    const numbers = [
      '+12025550100',
      { number: '+12025550101', trunk: 'a' },
      { number: '+12025550102', trunk: 'a' },
      { number: '+12025550102', trunk: 'b' },
      { number: '+12025550103', trunk: 'a' },
      '+12025550103',
      { number: '+12025550103', trunk: 'b' },
    ]
    const config = {
      agents: { x: { backend: 'local' } },
      trunks: ['a', 'b', 'c'].map((id, i) => ({ id, sources: [`192.0.2.${i + 1}`] })),
      groups: { us: { trunks: ['a', 'b', 'c'] } },
      tenants: [{ id: 't', group: 'us', agent: 'x', numbers }],
    }
    const parsed = parseConfig(JSON.stringify(config), { env: {}, file: 'x.json' })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    const routes = routesOf(parsed.value, LOCAL).numbers
    const trunks = [...routes].map(([number, route]) => [number, route.trunks && [...route.trunks]])
    assert.deepEqual(trunks, [
      ['+12025550100', null],
      ['+12025550101', ['a']],
      ['+12025550102', ['a', 'b']],
      ['+12025550103', null],
    ])
  })
})

describe('the backends of an agent', () => {
  it('have the order that a tenant wants, and each the name of its place in the list of the agent', () => {
    const azure = { backend: 'azure', url: 'https://res.openai.azure.com', apiKey: 'k' }
    const config = {
      agents: { x: { backend: 'openai', apiKey: 'k', fallback: [azure, { backend: 'local' }] } },
      trunks: [{ id: 'a', sources: ['192.0.2.1'] }],
      groups: { us: { trunks: ['a'] } },
      tenants: [
        { id: 't', group: 'us', agent: 'x', numbers: ['+12025550100'] },
        { id: 'u', group: 'us', agent: 'x', numbers: ['+12025550101'], backends: { x: ['local', 'azure'] } },
      ],
    }
    const parsed = parseConfig(JSON.stringify(config), { env: {}, file: 'x.json' })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    const { agents } = routesOf(parsed.value, LOCAL)
    const orders = [...agents.values()].map((ofTenant) =>
      ofTenant.get('x')?.backends.map(({ id, kind }) => `${id} ${kind}`),
    )
    assert.deepEqual(orders, [
      ['x/0 openai', 'x/1 azure', 'x/2 local'],
      ['x/2 local', 'x/1 azure', 'x/0 openai'],
    ])
  })
})
