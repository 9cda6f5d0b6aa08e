import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { AgentWatch } from '../../../app/agent/agent-watch.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import { type Routes, routesOf } from '../../../lib/route/routes.ts'
import { until } from '../../helpers/until.ts'

const LOCAL = {
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:9',
  model: 'none',
  apiKey: 'none',
  renewBeforeMs: 600_000,
} as const
const QUICK = { intervalMs: 20, timeoutMs: 200 }

/** Agents of a tenant, by name, each with servers at these ports. */
function agentsAt(ports: Readonly<Record<string, readonly number[]>>): Routes['agents'] {
  const backend = (port: number) => ({ backend: 'custom', url: `ws://127.0.0.1:${port}/realtime`, apiKey: 'k' })
  const agents = Object.fromEntries(
    Object.entries(ports).map(([name, [first = 0, ...rest]]) => [
      name,
      { ...backend(first), fallback: rest.map(backend) },
    ]),
  )
  const [agent] = Object.keys(ports)
  const tenants = [{ id: 'clinic', group: 'main', agent }]
  const file = { agents, trunks: [{ id: 'a', sources: ['192.0.2.1'] }], groups: { main: { trunks: ['a'] } }, tenants }
  const config = parseConfig(JSON.stringify(file), { env: {}, file: 'test' })
  assert.ok(config.ok, JSON.stringify(config))
  return routesOf(config.value, LOCAL).agents
}

describe('the watch over agents', () => {
  const servers: Server[] = []
  let watch: AgentWatch
  let told: string[]

  async function listen(port = 0): Promise<number> {
    const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async function shut(): Promise<void> {
    const server = servers.pop()
    const closed = server === undefined ? [] : once(server, 'close')
    server?.close()
    await closed
  }

  const watchOver = (agents: Routes['agents']): void => {
    told = []
    watch = new AgentWatch({ agents, onChange: (agent, away) => told.push(`${agent} ${away}`), ...QUICK })
  }

  afterEach(async () => {
    await watch.close()
    while (servers.length > 0) await shut()
  })

  it('notices by itself that the only server of an agent is gone, and that it is back', async () => {
    const port = await listen()
    watchOver(agentsAt({ intake: [port] }))
    assert.deepEqual([...watch.away], [])
    await shut()
    await until(async () => watch.away.has('intake'), 'the agent to be away')
    await listen(port)
    await until(async () => !watch.away.has('intake'), 'the agent to be back')
    assert.deepEqual(told, ['intake true', 'intake false'])
  })

  it('takes one server of several for enough', async () => {
    const [here, gone] = [await listen(), await listen()]
    await shut()
    watchOver(agentsAt({ alone: [gone], both: [gone, here] }))
    await until(async () => watch.away.has('alone'), 'the one with a single server to be away')
    assert.ok(!watch.away.has('both'))
  })

  it('believes calls that could not get through, though somebody listens', async () => {
    watchOver(agentsAt({ intake: [await listen()] }))
    for (let i = 0; i < 3; i++) watch.report('intake', 'unreachable')
    assert.ok(watch.away.has('intake'))
    watch.report('intake', 'ready')
    assert.equal(watch.away.size, 0)
    watch.report('of nobody', 'unreachable')
    assert.deepEqual(told, ['intake true', 'intake false'])
  })

  it('forgets an agent that the config has no more', async () => {
    watchOver(agentsAt({ intake: [await listen()] }))
    for (let i = 0; i < 3; i++) watch.report('intake', 'unreachable')
    watch.setAgents(agentsAt({ other: [await listen()] }))
    assert.equal(watch.away.size, 0)
  })
})
