import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { Overrides } from '../../../app/fleet/overrides.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { codeOf } from '../../../app/store/store-error.ts'
import { parseRedis } from '../../../lib/config/engines.ts'
import { type NodeId, nodeId, trunkId } from '../../../lib/core/ids.ts'
import { firstBroken } from '../../../lib/fleet/audit-chain.ts'
import type { EventDraft } from '../../../lib/observe/event.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { hasRedis, startRedis, type TestRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

const alpha = trunkId('alpha')
const beta = trunkId('beta')
const ORDER = { state: 'failed', actor: 'otto', reason: 'maintenance', forMs: null } as const
/** The promise is 100 ms (docs/behaviour.md, Deadlines); a machine that runs other tests too gets a margin. */
const PROMISE_MS = 100
const MARGIN_MS = 400
/** Of an override that ends while a test waits for that: every node must have heard of it before. */
const BRIEF_MS = 2 * (PROMISE_MS + MARGIN_MS)

interface TestNode {
  readonly store: Store
  readonly overrides: Overrides
  readonly events: EventDraft[]
  stop(): Promise<void>
}

let postgres: TestPostgres

async function startNode(node: NodeId, redis: string): Promise<TestNode> {
  const dataDir = await tempFolder()
  const choice = parseRedis(redis)
  const store = await startStore({
    postgres: postgres.url,
    dataDir,
    node,
    ...(choice !== undefined && { redis: choice }),
  })
  const events: EventDraft[] = []
  // So rarely read by itself that a ring must have done it.
  const options = { ...store, emit: (event: EventDraft) => void events.push(event), intervalMs: 600_000 }
  const overrides = await Overrides.start({ ...options, onError: () => undefined })
  const stop = async (): Promise<void> => {
    await overrides.close()
    await store.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  return { store, overrides, events, stop }
}

/** Resolves with the time it took once the node's overrides are so. */
async function whenSo({ overrides }: TestNode, isSo: () => boolean): Promise<number> {
  const beganAtMs = performance.now()
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (!isSo()) return
      stop()
      resolve()
    }
    const stop = overrides.onChange(look)
    look()
  })
  return performance.now() - beganAtMs
}

function describeOverrides(carrier: string, redisUrl: () => string): void {
  describe(`overrides of trunks, with the shared state in ${carrier}`, function () {
    this.timeout(60_000)
    let here: TestNode
    let there: TestNode
    beforeEach(async () => {
      here = await startNode(nodeId('east-1'), redisUrl())
      there = await startNode(nodeId('east-2'), redisUrl())
    })
    afterEach(async () => {
      await here.stop()
      await there.stop()
      await askOnce(postgres.url, (client) => client.query('truncate overrides, audit'))
    })

    const expiries = () => [...here.events, ...there.events].filter(({ reason }) => reason === 'expired')

    it('are in force on every node within 100 ms, and taken back as fast', async () => {
      const tookMs: number[] = []
      for (let time = 0; time < 10; time++) {
        const set = whenSo(there, () => there.overrides.current().get(alpha)?.state === 'failed')
        await here.overrides.set(alpha, ORDER)
        assert.equal(here.overrides.current().get(alpha)?.reason, 'maintenance')
        tookMs.push(await set)
        const cleared = whenSo(there, () => !there.overrides.current().has(alpha))
        await here.overrides.clear(alpha, 'otto')
        tookMs.push(await cleared)
      }
      const median = tookMs.toSorted((a, b) => a - b)[10] ?? Number.NaN
      assert.ok(median < PROMISE_MS, `median ${median} ms`)
      assert.ok(Math.max(...tookMs) < PROMISE_MS + MARGIN_MS, tookMs.join())
    })

    it('are told of once, by the node that was asked', async () => {
      await here.overrides.set(alpha, ORDER)
      await here.overrides.set(alpha, { ...ORDER, state: 'standby', reason: 'better' })
      await whenSo(there, () => there.overrides.current().get(alpha)?.state === 'standby')
      assert.equal(await there.overrides.clear(alpha, 'olga'), true)
      assert.equal(await there.overrides.clear(alpha, 'olga'), false)
      const told = (node: TestNode) => node.events.map(({ trunk, state, actor }) => [trunk, state, actor])
      assert.deepEqual(told(here), [
        ['alpha', 'failed', 'otto'],
        ['alpha', 'standby', 'otto'],
      ])
      assert.deepEqual(told(there), [['alpha', 'auto', 'olga']])
    })

    it('end by the clock of Postgres, on every node, and that is written down once', async () => {
      const heard = whenSo(there, () => there.overrides.current().has(alpha))
      await here.overrides.set(alpha, { ...ORDER, forMs: BRIEF_MS })
      await heard
      await here.overrides.set(beta, { ...ORDER, forMs: 600_000 })
      await whenSo(there, () => there.overrides.current().has(beta))
      const { endsAtMs } = there.overrides.current().get(beta) ?? {}
      assert.ok(Math.abs((endsAtMs ?? 0) - performance.now() - 600_000) < 5000)
      for (const node of [here, there]) await whenSo(node, () => !node.overrides.current().has(alpha))
      await until(async () => expiries().length > 0, 'the end to be told of')
      await Promise.all([here.overrides.refresh(), there.overrides.refresh()])
      assert.equal(expiries().length, 1)
      const { entries } = await here.store.audit.page(10, null)
      assert.deepEqual(
        entries.map(({ action, actor, subject }) => `${action} ${subject} ${actor}`),
        ['trunk.auto alpha system', 'trunk.override beta otto', 'trunk.override alpha otto'],
      )
    })

    it('of agents reach every node as fast, beside those of trunks, and are in the audit', async () => {
      const set = whenSo(there, () => there.overrides.agents().has('intake/0'))
      await here.overrides.set({ agent: 'intake/0' }, ORDER)
      const tookMs = await set
      assert.ok(tookMs < PROMISE_MS + MARGIN_MS, `${tookMs} ms`)
      const heard = whenSo(there, () => there.overrides.agents().has('intake'))
      await here.overrides.set({ agent: 'intake' }, { ...ORDER, state: 'standby', forMs: BRIEF_MS })
      await heard
      assert.deepEqual([...here.overrides.agents().keys()], ['intake', 'intake/0'])
      assert.equal(there.overrides.current().size, 0)
      await whenSo(there, () => !there.overrides.agents().has('intake'))
      // It is over at once on every node, and written down a moment later: what is taken back before that stands before it in the audit.
      await until(async () => expiries().length > 0, 'the end to be told of')
      assert.ok(await there.overrides.clear({ agent: 'intake/0' }, 'otto'))
      assert.deepEqual([...there.overrides.agents()], [])
      const told = [...here.events, ...there.events].map(
        ({ event, agent, state }) => `${event} ${String(agent)} ${String(state)}`,
      )
      assert.deepEqual(told.toSorted(), [
        'agent.override intake auto',
        'agent.override intake standby',
        'agent.override intake/0 auto',
        'agent.override intake/0 failed',
      ])
      const { entries } = await here.store.audit.page(10, null)
      assert.deepEqual(
        entries.map(({ action, subject }) => `${action} ${subject}`),
        ['agent.auto intake/0', 'agent.auto intake', 'agent.override intake', 'agent.override intake/0'],
      )
    })

    it('are known to a node that starts later', async () => {
      await here.overrides.set(alpha, ORDER)
      const late = await startNode(nodeId('east-3'), redisUrl())
      assert.equal(late.overrides.current().get(alpha)?.state, 'failed')
      await late.stop()
    })

    it('are one chain in the audit, whoever sets them at the same time', async () => {
      const orders = Array.from({ length: 20 }, (_, at) => ({ ...ORDER, reason: `order ${at}` }))
      await Promise.all(orders.map((order, at) => (at % 2 === 0 ? here : there).overrides.set(alpha, order)))
      const newest = await here.store.audit.page(15, null)
      const older = await there.store.audit.page(15, newest.next)
      assert.deepEqual([newest.brokenAt, older.brokenAt, older.next], [null, null, null])
      const entries = [...newest.entries, ...older.entries].toReversed()
      assert.equal(firstBroken(entries), null)
      assert.deepEqual(
        entries.map(({ sequence }) => sequence),
        orders.map((_, at) => at + 1),
      )
      assert.deepEqual(
        new Set(entries.map(({ details }) => details.reason)),
        new Set(orders.map(({ reason }) => reason)),
      )
    })

    it('show in the audit where somebody changed it', async () => {
      for (const reason of ['one', 'two', 'three']) await here.overrides.set(alpha, { ...ORDER, reason })
      await askOnce(postgres.url, (client) => client.query(`update audit set actor = 'eve' where sequence = 2`))
      assert.equal((await here.store.audit.page(10, null)).brokenAt, 2)
    })
  })
}

describe('operators and the fleet', function () {
  this.timeout(60_000)
  let redis: TestRedis | null = null
  before(async () => {
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, new Date())
  })
  after(() => postgres.stop())

  describeOverrides('Postgres', () => 'embedded')

  describe('with Redis', () => {
    before(async function () {
      if (!(await hasRedis())) return this.skip()
      redis = await startRedis()
    })
    after(() => redis?.stop())
    const redisUrl = (): string => `redis://${redis?.host}:${redis?.port}`

    describeOverrides('Redis', redisUrl)

    it('reach every node while Redis is killed, as Postgres rings too', async () => {
      const here = await startNode(nodeId('east-1'), redisUrl())
      const there = await startNode(nodeId('east-2'), redisUrl())
      await redis?.kill()
      const set = whenSo(there, () => there.overrides.current().get(alpha)?.state === 'failed')
      await here.overrides.set(alpha, ORDER)
      assert.ok((await set) < PROMISE_MS + MARGIN_MS)
      await redis?.resume()
      await here.overrides.clear(alpha, 'otto')
      await here.stop()
      await there.stop()
    })
  })

  it('stay in force while Postgres is away, cannot be set then, and are read anew when it is back', async () => {
    // Set and taken back by nobody who rings, and before it is away: a node that is back may read before anything else is done there.
    const ask = (sql: string) => askOnce(postgres.url, (client) => client.query(sql))
    await ask(
      `insert into overrides (trunk, state, actor, reason, since) values ('alpha', 'failed', 'otto', 'test', now())`,
    )
    const here = await startNode(nodeId('east-1'), 'embedded')
    assert.equal(here.overrides.current().get(alpha)?.state, 'failed')
    await ask('truncate overrides')
    await postgres.interrupt()
    await assert.rejects(here.overrides.set(beta, ORDER), (error) => codeOf(error) === 'postgres-away')
    await here.overrides.refresh()
    assert.equal(here.overrides.current().get(alpha)?.state, 'failed')
    await postgres.resume()
    await whenSo(here, () => !here.overrides.current().has(alpha))
    await here.stop()
  })
})
