import assert from 'node:assert/strict'
import { type LocalAgent, startLocalAgent } from '../../app/agent/local/local-agent.ts'
import { isAudible } from '../../lib/media/level.ts'
import { endedCalls } from '../helpers/api-call.ts'
import { startPostgres, type TestPostgres } from '../helpers/postgres.ts'
import { RawCaller } from '../helpers/raw-caller.ts'
import { tandem } from '../helpers/run.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

/** What is promised of an operator's word, of what a dead backend costs a call, and what a loaded machine adds. */
const OVERRIDE_MS = 100
const PASSED_OVER_MS = 100
const MARGIN_MS = 200
/** Both backends of a call together. */
const CONNECT_MS = 1_000

interface Backend {
  readonly id: string
  readonly state: string
  readonly reason: string | null
  readonly channel: string | null
}

describe('two nodes whose agent has two backends', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let servers: readonly [LocalAgent, LocalAgent]
  let a: TandemProcess
  let b: TandemProcess
  let calls = 0

  before(async () => {
    postgres = await startPostgres()
    const options = { apiKey: 'key', firstDeltaMs: 20 }
    servers = [await startLocalAgent(options), await startLocalAgent(options)]
    const [first, second] = servers.map(({ baseUrl }) => ({
      backend: 'custom',
      url: `${baseUrl}/realtime`,
      apiKey: 'key',
      // What a session would tell is for calls to find out here.
      probe: 'connect',
    }))
    const config = {
      store: { postgres: postgres.url },
      agents: { intake: { ...first, fallback: [second], greeting: 'Hello.', connectTimeout: `${CONNECT_MS}ms` } },
      backends: { probe: { interval: '200ms', fastInterval: '50ms', holdDown: '5s' } },
    }
    const nodes = await Promise.all(['a', 'b'].map((id) => TandemProcess.start({ id, config })))
    ;[a, b] = [nodes[0] ?? assert.fail(), nodes[1] ?? assert.fail()]
  })

  after(async () => {
    const codes = await Promise.all([a, b].map((node) => node.stop()))
    await Promise.all(servers.map((server) => server.close()))
    await postgres.stop()
    assert.deepEqual(codes, [0, 0])
  })

  const backendOn = async (node: TandemProcess, place: number): Promise<Backend> => {
    const [agent] = await node.api<readonly { readonly backends: readonly Backend[] }[]>('/api/v1/agents')
    return agent?.backends[place] ?? assert.fail()
  }
  const untilState = (node: TandemProcess, state: string): Promise<void> =>
    until(async () => (await backendOn(node, 0)).state === state, `intake/0 to be ${state}`)

  /** A call that hears its agent: which server spoke, and how long it took to be ready. */
  async function call(node: TandemProcess): Promise<{ readonly server: number; readonly setupMs: number }> {
    const countOf = async (server: LocalAgent): Promise<number> =>
      (await server.sessions()).sessions.filter(({ items }) => items.length > 0).length
    const before = await Promise.all(servers.map(countOf))
    const caller = await RawCaller.open(node.address)
    assert.equal((await caller.call(NUMBER)).status, 200)
    caller.talk()
    let server = -1
    const isHeard = async (): Promise<boolean> => {
      const after = await Promise.all(servers.map(countOf))
      server = after.findIndex((count, i) => count > (before[i] ?? 0))
      return server >= 0 && caller.heard.some(({ payload }) => isAudible(payload, 'PCMU'))
    }
    await until(isHeard, 'the agent to be heard')
    assert.equal(await caller.hangUp(), 200)
    await caller.close()
    // Of both nodes, the newest first.
    const [latest] = await endedCalls(node, ++calls)
    const events = await node.api<readonly { event: string; setupMs?: number }[]>(`/api/v1/calls/${latest?.id}/events`)
    const setupMs = events.find(({ event }) => event === 'agent.connected')?.setupMs ?? Number.NaN
    return { server, setupMs }
  }

  it('go by the word of an operator on one of them, on both and at once, and it is in the audit', async () => {
    assert.equal((await call(b)).server, 0)
    const set = await tandem(['agent', 'intake/0', 'failed', '--reason', 'maintenance', '--for', '10m'], a.env)
    assert.match(set.stdout, /intake\/0 .*failed .*test: maintenance \(until /, set.stderr)
    await untilState(b, 'failed')
    assert.equal((await call(b)).server, 1)
    await a.api('/api/v1/agents/intake/0/override', { method: 'DELETE' })
    const clearedAtMs = performance.now()
    await untilState(b, 'active')
    const tookMs = performance.now() - clearedAtMs
    assert.ok(tookMs <= OVERRIDE_MS + MARGIN_MS, `${tookMs} ms`)
    assert.equal((await call(b)).server, 0)
    const { entries } = await b.api<{ readonly entries: readonly { action: string; subject: string }[] }>(
      '/api/v1/audit',
    )
    assert.deepEqual(
      entries.map(({ action, subject }) => `${action} ${subject}`),
      ['agent.auto intake/0', 'agent.override intake/0'],
    )
  })

  it('pass over one that gives nobody a session, at no cost to callers, until three canaries were well', async () => {
    const [first] = servers
    await first.setFaults({ mute: true })
    for (let i = 0; i < 3; i++) {
      const { server, setupMs } = await call(a)
      assert.deepEqual([server, setupMs < CONNECT_MS], [1, true])
    }
    assert.deepEqual(
      [(await backendOn(a, 0)).state, (await backendOn(a, 0)).channel, (await backendOn(b, 0)).state],
      ['failed', 'calls', 'active'],
    )
    const { server, setupMs } = await call(a)
    assert.equal(server, 1)
    assert.ok(setupMs <= PASSED_OVER_MS + MARGIN_MS, `${setupMs} ms`)
    await first.setFaults({})
    await until(
      async () => (await a.metrics()).includes('tandem_backend_canary{backend="intake/0",node="a"} 1'),
      'a canary',
    )
    for (let i = 0; i < 3; i++) assert.equal((await call(a)).server, 0)
    await untilState(a, 'active')
    const agents = await tandem(['agents'], a.env)
    assert.match(agents.stdout, /intake\/0 +custom .*active .*3 canary calls succeeded/, agents.stderr)
  })
})
