import assert from 'node:assert/strict'
import { BackendWatch } from '../../../app/agent/backend-watch.ts'
import { ChosenBackends } from '../../../app/agent/chosen-backends.ts'
import { type LocalAgent, startLocalAgent } from '../../../app/agent/local/local-agent.ts'
import { probeConnection } from '../../../app/agent/probe-connection.ts'
import { probeSession } from '../../../app/agent/probe-session.ts'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import type { AgentSpec } from '../../../lib/agent/spec.ts'
import { parseConfig } from '../../../lib/config/load.ts'
import type { Config } from '../../../lib/config/resolve.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { backendsOf } from '../../../lib/route/routes.ts'
import { ScriptedRealtime } from '../../helpers/scripted-realtime.ts'
import { until } from '../../helpers/until.ts'
import { connect, startEngine, TestLeg } from '../media/media-fixture.ts'
import { agentSpec, backend } from './agent-fixture.ts'

const LOCAL = backend('ws://127.0.0.1:9/v1')
const QUICK = {
  interval: '40ms',
  sessionInterval: '200ms',
  timeout: '400ms',
  fastInterval: '20ms',
  rises: 1,
  holdDown: '100ms',
}

/** Long enough for any machine; a backend that says nothing would cost a call the half of it, as there are two. */
const CONNECT_MS = 10_000

/** Agents by name, each with servers at these base URLs. */
function configOf(agents: Readonly<Record<string, readonly string[]>>): Config {
  const one = (url: string) => ({ backend: 'custom', url: `${url}/realtime`, apiKey: 'test-key' })
  const file = {
    agents: Object.fromEntries(
      Object.entries(agents).map(([name, [first = '', ...rest]]) => [
        name,
        { ...one(first), fallback: rest.map(one), greeting: 'Hello.' },
      ]),
    ),
    backends: { probe: QUICK },
  }
  const config = parseConfig(JSON.stringify(file), { env: {}, file: 'test' })
  assert.ok(config.ok, JSON.stringify(config))
  return config.value
}

describe('a probe of a backend', () => {
  let server: LocalAgent
  before(async () => {
    server = await startLocalAgent({ apiKey: 'test-key' })
  })
  after(() => server.close())
  afterEach(() => server.setFaults({}))

  it('opens a session and closes it, in which nothing is said', async () => {
    assert.deepEqual(await probeSession(backend(server.baseUrl), 2_000), { kind: 'good' })
    await until(async () => (await server.sessions()).live === 0, 'the session to be closed')
  })

  it('finds a key that is refused, a rate that is limited, a server that fails, one that is silent and one that is gone', async () => {
    const refused = await probeSession(backend(server.baseUrl, { apiKey: 'another' }), 2_000)
    assert.match(JSON.stringify(refused), /"account","reason":"http-401: /)
    await server.setFaults({ refuseStatus: 429 })
    assert.equal((await probeSession(backend(server.baseUrl), 2_000)).kind, 'limited')
    await server.setFaults({ refuseStatus: 503 })
    assert.match(JSON.stringify(await probeSession(backend(server.baseUrl), 2_000)), /"missed".*503/)
    await server.setFaults({ mute: true })
    const sentAtMs = performance.now()
    assert.deepEqual(await probeSession(backend(server.baseUrl), 200), {
      kind: 'missed',
      reason: 'no session within 200 ms',
    })
    assert.ok(performance.now() - sentAtMs < 1_000)
    assert.equal((await probeSession(LOCAL, 2_000)).kind, 'missed')
    assert.equal((await probeConnection(LOCAL, 2_000)).kind, 'missed')
    assert.deepEqual(await probeConnection(backend(server.baseUrl), 2_000), { kind: 'good' })
  })
})

describe('the backends of agents under watch', function () {
  this.timeout(20_000)
  let first: LocalAgent
  let second: LocalAgent
  let media: EmbeddedMedia
  let watch: BackendWatch
  let events: EventDraft[]

  before(async () => {
    const options = { apiKey: 'test-key', firstDeltaMs: 0, speedUp: 40 }
    first = await startLocalAgent(options)
    second = await startLocalAgent(options)
    media = await startEngine({
      agentTalkerModule: new URL('../../../app/agent/talker.js', import.meta.url).href,
      onWarning: () => undefined,
    })
  })
  afterEach(async () => {
    await watch.close()
    await Promise.all([first, second].map((server) => server.setFaults({})))
  })
  after(async () => {
    await media.close()
    await first.close()
    await second.close()
  })

  function watchOver(config: Config): void {
    events = []
    watch = new BackendWatch({
      config,
      local: LOCAL,
      probe: (spec, mode, timeoutMs) =>
        mode === 'session' ? probeSession(spec, timeoutMs) : probeConnection(spec, timeoutMs),
      emit: (event) => void events.push(event),
      onChange: () => media.setStandings(watch.standings),
    })
    watch.start()
  }

  const specOf = (config: Config, name: string): AgentSpec => {
    const agent = config.agents[name]
    assert.ok(agent !== undefined)
    return agentSpec(LOCAL, {
      backends: backendsOf(name, agent, LOCAL),
      greeting: 'Hello.',
      connectTimeoutMs: CONNECT_MS,
    })
  }
  const stateOf = (id: string): string | undefined => watch.sights.find(({ spec }) => spec.id === id)?.verdict.state
  const untilState = (id: string, state: string): Promise<void> => until(async () => stateOf(id) === state, state)

  /** A call of an agent: which backend it got, and how soon it could speak. */
  async function call(spec: AgentSpec): Promise<{ readonly backend: string; readonly readyMs: number }> {
    const startedAtMs = performance.now()
    const leg = await TestLeg.open(new ChosenBackends(media, watch), { kind: 'agent', agent: spec })
    const ready = await leg.media.ready()
    const readyMs = performance.now() - startedAtMs
    assert.ok(ready.ok, JSON.stringify(ready))
    const { backend: kind } = await leg.event('agent.connected')
    await leg.media.close()
    return { backend: kind, readyMs }
  }

  it('are passed over at once where they are dead, and come back by canaries', async () => {
    const config = configOf({ intake: [first.baseUrl, second.baseUrl] })
    watchOver(config)
    const spec = specOf(config, 'intake')
    const sessionsOf = async (server: LocalAgent): Promise<number> => (await server.sessions()).sessions.length
    await first.setFaults({ mute: true })
    await untilState('intake/0', 'standby')
    const before = await sessionsOf(second)
    const { readyMs } = await call(spec)
    assert.ok(readyMs < CONNECT_MS / 2, `${readyMs} ms`)
    assert.ok((await sessionsOf(second)) > before)
    await first.setFaults({})
    await untilState('intake/0', 'active')
    assert.deepEqual(
      events.map(({ event, backends, to }) => [event, backends, to]),
      [
        ['agent.state', ['intake/0'], 'standby'],
        ['agent.state', ['intake/0'], 'active'],
      ],
    )
  })

  it('fail by sessions that never come up although probes are well, and come back by three canary calls', async () => {
    const config = configOf({ intake: [first.baseUrl, second.baseUrl] })
    watchOver(config)
    const spec = specOf(config, 'intake')
    await until(async () => watch.sights[0]?.sessionMs != null, 'a session of a probe')
    const report = {
      backend: 'intake/0',
      outcome: 'unreachable',
      reason: 'silent',
      retryAfterMs: null,
      tookMs: 1,
      canary: false,
    } as const
    for (let i = 0; i < 3; i++) watch.hear(report)
    assert.equal(stateOf('intake/0'), 'failed')
    assert.ok(!watch.away.has('intake'))
    const isTryDue = (): boolean => watch.candidates(spec)[0]?.tryDue === true
    for (let i = 0; i < 3; i++) {
      await until(async () => isTryDue(), 'the next canary to be due')
      const agent = await TestLeg.open(new ChosenBackends(media, watch), { kind: 'agent', agent: spec })
      assert.ok(!isTryDue(), 'one at a time')
      const phone = await TestLeg.open(media, { kind: 'phone' })
      await connect(phone, agent)
      assert.ok((await agent.media.ready()).ok)
      agent.media.start()
      phone.media.start()
      await until(async () => isTryDue() || stateOf('intake/0') === 'active', 'the canary to be heard')
      await agent.media.close()
      await phone.media.close()
    }
    assert.equal(stateOf('intake/0'), 'active')
  })

  it('are out where no key is taken, which is told loudly, and an agent with no other is away', async () => {
    const strict = await ScriptedRealtime.start(() => undefined, '401 Unauthorized')
    const config = configOf({ alone: [strict.baseUrl], both: [strict.baseUrl, second.baseUrl] })
    watchOver(config)
    await untilState('alone/0', 'failed')
    const told = events.filter(({ to }) => to === 'failed')
    assert.equal(told.length, 1, 'one event, as both have the same server')
    assert.deepEqual([told[0]?.level, told[0]?.channel, told[0]?.backends], ['error', 'account', ['alone/0', 'both/0']])
    await until(async () => watch.away.has('alone'), 'the agent to be away')
    assert.ok(!watch.away.has('both'))
    assert.equal((await call(specOf(config, 'both'))).backend, 'custom')
    await strict.close()
  })

  it('go by the word of an operator, of all of an agent or one, and one that has none left is refused', async () => {
    const config = configOf({ intake: [first.baseUrl, second.baseUrl] })
    watchOver(config)
    watch.obey(new Map([['intake/0', { state: 'failed', reason: 'maintenance' }]]))
    assert.deepEqual([stateOf('intake/0'), stateOf('intake/1')], ['failed', 'active'])
    assert.deepEqual(watch.standings, new Map([['intake/0', 'out']]))
    watch.obey(new Map([['intake', { state: 'failed', reason: 'closed today' }]]))
    assert.ok(watch.away.has('intake'))
    const engine = new ChosenBackends(media, watch)
    await assert.rejects(TestLeg.open(engine, { kind: 'agent', agent: specOf(config, 'intake') }), /taken out/)
    watch.obey(new Map())
    assert.deepEqual(watch.standings, new Map())
    assert.ok(!watch.away.has('intake'))
  })

  it('are gone by after a loss too, also by a media worker that was started anew', async () => {
    const config = configOf({ intake: [first.baseUrl, second.baseUrl] })
    watchOver(config)
    watch.obey(new Map([['intake/0', { state: 'failed', reason: 'maintenance' }]]))
    await media.crashWorker(0)
    const open = async (): Promise<TestLeg | null> =>
      TestLeg.open(media, { kind: 'agent', agent: specOf(config, 'intake') }).catch(() => null)
    let agent = await open()
    await until(async () => {
      agent ??= await open()
      return agent !== null
    }, 'a new worker')
    assert.ok(agent !== null)
    const phone = await TestLeg.open(media, { kind: 'phone' })
    await connect(phone, agent)
    assert.ok((await agent.media.ready()).ok)
    agent.media.start()
    // Sessions of probes have no items.
    const talks = async (): Promise<number> =>
      (await second.sessions()).sessions.filter(({ items }) => items.length > 0).length
    const before = await talks()
    await first.setFaults({ dropAfterMs: 0 })
    await agent.event('agent.lost')
    await first.setFaults({})
    await agent.event('agent.reconnected')
    await until(async () => (await talks()) === before + 1, 'the next one to talk, and not the one that was lost')
    await agent.media.close()
    await phone.media.close()
  })

  it('keep what is known of them when the config is read anew', async () => {
    watchOver(configOf({ intake: [LOCAL.baseUrl, second.baseUrl] }))
    await untilState('intake/0', 'standby')
    watch.setAgents(configOf({ intake: [LOCAL.baseUrl, second.baseUrl], more: [second.baseUrl, LOCAL.baseUrl] }))
    assert.deepEqual([stateOf('intake/0'), stateOf('more/1'), stateOf('more/0')], ['standby', 'standby', 'active'])
  })
})
