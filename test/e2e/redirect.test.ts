import assert from 'node:assert/strict'
import { allCalls } from '../helpers/api-call.ts'
import { loopbackAddress } from '../helpers/loopback.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { RawCaller, type RawOutcome } from '../helpers/raw-caller.ts'
import { tandem } from '../helpers/run.ts'
import { NUMBER, TandemProcess } from '../helpers/tandem-process.ts'
import { until } from '../helpers/until.ts'

/** Of a tenant whose group has one trunk. */
const HERMIT = '+12025550177'
/** Where the callers of each trunk are. */
const CALLERS = { alpha: '127.0.0.1', refusing: '127.0.0.3', accepting: '127.0.0.4', lonely: '127.0.0.5' } as const
const EXPIRES_S = 7

/** Callers of alpha are told of the second socket of a node first, and those of beta reach it at the third. */
const configOf = (region: string, address: string, agent: object) => ({
  region,
  sip: {
    listen: [5060, 5070, 5080].map((port) => `udp:${address}:${port}`),
    redirectExpires: `${EXPIRES_S}s`,
  },
  agents: { intake: { instructions: 'none', ...agent } },
  trunks: [
    { id: 'alpha', sources: [CALLERS.alpha], redirectTo: `sip:${address}:5080` },
    { id: 'beta', sources: ['127.0.0.2'], ingress: `sip:${address}:5070` },
    { id: 'refusing', sources: [CALLERS.refusing], onDegraded: 'refuse' },
    { id: 'accepting', sources: [CALLERS.accepting], onDegraded: 'accept' },
    { id: 'lonely', sources: [CALLERS.lonely] },
  ],
  groups: { us: { trunks: ['alpha', 'beta', 'refusing', 'accepting'] }, alone: { trunks: ['lonely'] } },
  tenants: [
    { id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake' },
    { id: 'hermit', group: 'alone', numbers: [HERMIT], agent: 'intake' },
  ],
})

const headerOf = ({ text }: Pick<RawOutcome, 'text'>, name: string): string =>
  new RegExp(`^${name}: (.*)\\r$`, 'm').exec(text)?.[1] ?? ''

function assertRetryAfter(outcome: Pick<RawOutcome, 'text'>): void {
  const seconds = Number(headerOf(outcome, 'Retry-After'))
  assert.ok(seconds >= 1 && seconds <= 5, outcome.text)
}

describe('callers that are sent elsewhere', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>
  let a: TandemProcess
  let b: TandemProcess
  /** Its only agent cannot be reached. */
  let agentless: TandemProcess

  async function start(id: string, region: string, agent: object = { backend: 'local' }): Promise<TandemProcess> {
    const address = loopbackAddress()
    const { region: _, ...config } = configOf(region, address, agent)
    const dataless = { ...config, store: { postgres: postgres.url } }
    const node = (dataDir: string) => ({ id, region, address, dataDir })
    return TandemProcess.start({
      id,
      address,
      configText: (_address, dataDir) =>
        JSON.stringify({
          ...dataless,
          node: node(dataDir),
          http: { listen: `${address}:8080`, keys: [{ name: 'test', key: 'test-key', role: 'admin' }] },
        }),
    })
  }

  const serving = (node: TandemProcess, id: string, peers: number): Promise<void> =>
    until(
      async () => (await node.metrics()).includes(`tandem_peers_serving{node="${id}"} ${peers}`),
      `${id} to know of ${peers} nodes that would serve a call`,
    )

  /** One INVITE of a caller on a trunk, which is hung up where it was answered. */
  async function call(node: TandemProcess, trunk: keyof typeof CALLERS, number = NUMBER): Promise<RawOutcome> {
    const caller = await RawCaller.open(node.address, CALLERS[trunk])
    try {
      const outcome = await caller.call(number)
      if (outcome.status === 200) await caller.hangUp()
      return outcome
    } finally {
      await caller.close()
    }
  }

  async function options(node: TandemProcess): Promise<{ readonly status: number; readonly text: string }> {
    const caller = await RawCaller.open(node.address)
    try {
      return await caller.ask('OPTIONS', NUMBER)
    } finally {
      await caller.close()
    }
  }

  before(async function () {
    this.timeout(60_000)
    postgres = await startPostgres()
    ;[a, b, agentless] = await Promise.all([
      start('a', 'east'),
      start('b', 'west'),
      start('agentless', 'west', { backend: 'custom', url: 'ws://127.0.0.1:1/realtime', apiKey: 'none' }),
    ])
    for (const trunk of Object.keys(CALLERS))
      await b.put(`/api/v1/trunks/${trunk}/override`, { state: 'standby', reason: 'a test' })
    await until(
      async () =>
        (await a.api<readonly { state: string }[]>('/api/v1/trunks')).filter(({ state }) => state === 'standby')
          .length === 4,
      'the overrides on a',
    )
    await until(async () => (await fetch(`${agentless.url}/readyz`)).status === 503, 'the agent to be missed')
    await serving(a, 'a', 1)
    await serving(agentless, 'agentless', 2)
  })

  after(async function () {
    this.timeout(60_000)
    for (const node of [a, b, agentless]) assert.equal(await node.stop(), 0)
    await postgres.stop()
  })

  it('hear of the standby legs in order, each for a short while and for one hop', async function () {
    this.timeout(20_000)
    const outcome = await call(a, 'alpha')
    assert.equal(outcome.status, 302)
    const legs = [`${a.address}:5080`, `${a.address}:5070`, `${b.address}:5060`]
    assert.deepEqual(
      headerOf(outcome, 'Contact').split(/, ?/),
      legs.map((leg, i) => `<sip:${NUMBER}@${leg};tandem-hop=1>;q=${(1 - i / 10).toFixed(1)};expires=${EXPIRES_S}`),
    )
    assert.equal(headerOf(outcome, 'Expires'), String(EXPIRES_S))
    assert.match(headerOf(outcome, 'Reason'), /^Q\.850;cause=38;/)
  })

  it('follow, are answered there, and are not sent on again', async function () {
    this.timeout(30_000)
    const before = (await allCalls(a)).length
    const phone = await tandem(['call', a.uri, '--seconds', '1', '--json'])
    assert.equal(JSON.parse(phone.stdout).status, 200, phone.stderr)
    await until(async () => (await allCalls(a)).filter(({ state }) => state === 'ended').length === before + 2, 'both')
    const ends = (await allCalls(a)).slice(0, 2).map(({ trunk, end }) => `${trunk} ${end?.sip} ${end?.cause}`)
    assert.deepEqual(ends.sort(), ['alpha 302 redirected', 'alpha null normal'])
  })

  it('get 503 where their trunk is to refuse, and are served where it is to accept', async function () {
    this.timeout(20_000)
    const refused = await call(a, 'refusing')
    assert.equal(refused.status, 503)
    assertRetryAfter(refused)
    assert.equal((await call(a, 'accepting')).status, 200)
  })

  it('are sent by a node without an agent to those that have one, of its own region first', async function () {
    this.timeout(30_000)
    assert.match(await (await fetch(`${agentless.url}/readyz`)).text(), /no agent backend can be reached/)
    const outcome = await call(agentless, 'lonely', HERMIT)
    assert.equal(outcome.status, 302)
    const hosts = [...headerOf(outcome, 'Contact').matchAll(/@([\d.]+)/g)].map(([, host]) => host)
    assert.deepEqual(hosts, [b.address, a.address])
    const asked = await options(agentless)
    assert.equal(asked.status, 503)
    assertRetryAfter(asked)
  })

  it('are served on a degraded trunk where there is no better leg', async function () {
    this.timeout(30_000)
    assert.equal((await call(a, 'lonely', HERMIT)).status, 302)
    await a.api('/api/v1/nodes/b/drain', { method: 'POST' })
    await serving(a, 'a', 0)
    assert.equal((await call(a, 'lonely', HERMIT)).status, 200)
  })

  it('get 503 of a node that drains or has no agent while no other one would serve them', async function () {
    this.timeout(30_000)
    await a.api('/api/v1/nodes/a/drain', { method: 'POST' })
    await serving(agentless, 'agentless', 0)
    for (const node of [a, agentless]) {
      const outcome = await call(node, 'alpha')
      assert.equal(outcome.status, 503)
      assertRetryAfter(outcome)
      assert.equal((await options(node)).status, 503)
    }
    await until(async () => (await allCalls(agentless))[0]?.end?.cause === 'agent-fault', 'the record of the last one')
  })
})
