import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { NODE_PREFIX, type NodeEntry } from '../../../app/fleet/node-registry.ts'
import { FleetSnapshot } from '../../../app/fleet/snapshot.ts'
import { Strays } from '../../../app/fleet/strays.ts'
import { Survivor } from '../../../app/fleet/survivor.ts'
import { type Move, TakeOver } from '../../../app/fleet/take-over.ts'
import { CallerIndex } from '../../../app/session/caller-index.ts'
import { parkDead } from '../../../app/session/park.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { liveCallKey } from '../../../lib/call/live-call.ts'
import { type CallId, type NodeId, nodeId } from '../../../lib/core/ids.ts'
import { LIVE_CALL } from '../../helpers/live-call.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { at, callIdOf, callRow, ended, sessionRow, turn } from '../../helpers/records.ts'
import { hasRedis, startRedis, type TestRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

const east = nodeId('east-1')
const FLEET = { leaseMs: 1_000, settleMs: 1_500, ownerProbes: 2 }
const BEAT_MS = 250

const entryOf = (id: NodeId): NodeEntry => ({
  id,
  region: '',
  address: '192.0.2.2',
  sip: { hostPort: `${id}:5060`, transport: 'udp' },
  state: 'ready',
  impediments: [],
  version: '0',
  startedAt: at(0).toISOString(),
  calls: 0,
  maxCalls: 1,
})

/** A node with its stores, which takes over what others leave. */
class TestNode {
  readonly id: NodeId
  readonly store: Store
  readonly moved: CallId[] = []
  /** Whether it is sure of its own lease. */
  isHeld = true
  readonly ended: unknown[] = []
  #heartbeat: NodeJS.Timeout | undefined
  readonly #endings: (() => unknown)[] = []

  private constructor(id: NodeId, store: Store) {
    this.id = id
    this.store = store
  }

  static async start(id: NodeId, dataDir: string, move: Move = async () => 'refused'): Promise<TestNode> {
    const url = `redis://${redis.host}:${redis.port}`
    const store = await startStore({ postgres: postgres.url, redis: { kind: 'server', url }, dataDir, node: id })
    const node = new TestNode(id, store)
    node.#watch(move)
    node.beat()
    return node
  }

  beat(): void {
    answering.add(this.id)
    const put = () => void this.store.shared.put(NODE_PREFIX + this.id, entryOf(this.id), FLEET.leaseMs).catch(() => {})
    put()
    this.#heartbeat = setInterval(put, BEAT_MS)
  }

  /** As a process that was stopped: no heartbeat, no answer, no goodbye. */
  pause(): void {
    clearInterval(this.#heartbeat)
    answering.delete(this.id)
  }

  async stop(): Promise<void> {
    for (const end of this.#endings.toReversed()) await end()
    this.pause()
    await this.store.close()
  }

  #watch(move: Move): void {
    const { store, id: self } = this
    const { shared, sessions } = store
    const index = new CallerIndex(shared)
    const policy = { windowMs: 900_000, resumeOn: 'fault' } as const
    const parts = { sessions, index, policyOf: () => policy }
    const takeOver = new TakeOver({
      ...store,
      self,
      leaseMs: FLEET.leaseMs,
      isHeld: () => this.isHeld,
      sessions: { parkDead: (...dead) => parkDead(parts, ...dead) },
      move: async (entry, row) => {
        const outcome = await move(entry, row)
        if (outcome === 'moved') this.moved.push(row.id)
        return outcome
      },
      emit: ({ event, call }) => void (event === 'call.ended' && this.ended.push(call)),
      onError: (error) => assert.ifError(error),
    })
    const timing = { intervalMs: BEAT_MS, settleMs: FLEET.settleMs }
    const snapshot = new FleetSnapshot({ shared, prefixes: [NODE_PREFIX], ...timing })
    const ping = async (uri: string) =>
      [...answering].some((id) => uri.includes(id))
        ? ({ kind: 'answer', status: 200, rttMs: 1, retryAfterS: null } as const)
        : ({ kind: 'silence' } as const)
    const survivor = new Survivor({ self, fleet: FLEET, snapshot, ping, takeOver, onError: () => undefined })
    this.#endings.push(
      () => index.close(),
      () => takeOver.close(),
      () => snapshot.close(),
      () => survivor.close(),
    )
  }
}

let postgres: TestPostgres
let redis: TestRedis
/** Who answers OPTIONS. */
const answering = new Set<NodeId>()

describe('the calls of a node that has died', function () {
  this.timeout(60_000)
  const folders: string[] = []
  const nodes: TestNode[] = []
  /** Calls of each test are its own. */
  let first = 0

  before(async function () {
    if (!(await hasRedis())) return this.skip()
    ;[postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  })
  after(async () => {
    await Promise.all([postgres?.stop(), redis?.stop()])
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    first += 100
  })
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()))
    answering.clear()
    await redis.cli('flushall')
  })

  const start = async (name: string, move?: Move): Promise<TestNode> => {
    const folder = await tempFolder()
    folders.push(folder)
    const node = await TestNode.start(nodeId(name), folder, move)
    nodes.push(node)
    return node
  }

  /** The dying node, with so many calls that are on record. */
  const withCalls = async (count: number, { isWritten = true } = {}): Promise<TestNode> => {
    const node = await start(east)
    for (let n = first; isWritten && n < first + count; n += 1) {
      node.store.journal.call(callRow(n, { state: 'active', answeredAt: at(n) }))
      node.store.journal.turn(callIdOf(n), 0, turn('Good morning', n + 500))
      node.store.journal.session(sessionRow(n))
    }
    await node.store.journal.written(5_000)
    return node
  }

  const call = async (node: TestNode, n: number) => {
    await Promise.all(nodes.map(({ store }) => store.journal.written(5_000)))
    return node.store.calls.call(callIdOf(n))
  }

  it('are closed by survivors that share them out, each once, their sessions parked', async () => {
    const dying = await withCalls(20)
    const survivors = [await start('west-1'), await start('west-2')]
    await until(async () => survivors.every(({ store }) => store.state().postgresAway === null), 'the survivors')
    setTimeout(() => dying.pause(), FLEET.settleMs)
    const closed = () => survivors.flatMap((survivor) => survivor.ended)
    await until(async () => closed().length >= 20, 'the calls to be closed')
    assert.equal(new Set(closed()).size, 20)
    const [west] = survivors
    assert.ok(west !== undefined)
    for (const n of [first, first + 19]) {
      const record = await call(west, n)
      assert.deepEqual(
        [record?.end, record?.endedAt, record?.node, record?.epoch],
        [{ by: 'system', sip: null, cause: 'node-lost' }, at(n + 500), east, 0],
      )
      const session = await west.store.sessions.read(sessionRow(n).id)
      assert.deepEqual([session?.state, session?.cause, session?.parkedAt], ['parked', 'node-lost', at(n + 500)])
    }
    // What the dead node had on its disk comes with its return: a real end wins, anything else does not.
    const { journal } = dying.store
    journal.call(callRow(first, { ...ended(7, at(first + 400)), answeredAt: at(first) }))
    journal.call(callRow(first + 1, { revision: 8, state: 'active', answeredAt: at(first + 1) }))
    assert.equal((await call(dying, first))?.end?.cause, 'normal')
    assert.equal((await call(dying, first + 1))?.end?.cause, 'node-lost')
  })

  it('are gone on with where that can be, also one that had not come to PostgreSQL', async () => {
    const dying = await withCalls(0)
    const rows = [
      callRow(first, { state: 'active', answeredAt: at(first) }),
      callRow(first + 1, { state: 'active', answeredAt: at(first) }),
    ]
    for (const row of rows) await dying.store.shared.put(liveCallKey(row.id), { ...LIVE_CALL, row }, 60_000)
    const epochs: number[] = []
    const west = await start('west-1', async (_, row) => {
      if (row.id !== callIdOf(first)) return 'refused'
      epochs.push(row.epoch)
      assert.equal(row.node, 'west-1')
      return 'moved'
    })
    setTimeout(() => dying.pause(), FLEET.settleMs)
    await until(async () => west.ended.length > 0, 'the other call to be closed')
    assert.deepEqual([west.moved, west.ended], [[callIdOf(first)], [callIdOf(first + 1)]])
    assert.ok((epochs[0] ?? 0) > 0)
    await west.store.journal.written(5_000)
    const own = await west.store.owners.open(west.id, false)
    assert.deepEqual(
      own.map(({ row, ownerTerm }) => [row.id, ownerTerm]),
      [[callIdOf(first), epochs[0]]],
    )
    assert.equal((await call(west, first + 1))?.end?.cause, 'node-lost')
  })

  it('stay its own while it only lost the shared state, or the shared state what it held', async () => {
    const living = await withCalls(1)
    const west = await start('west-1')
    await until(async () => (await west.store.shared.list(NODE_PREFIX)).size === 2, 'both nodes')
    for (let i = 0; i < 3; i += 1) {
      await redis.cli('flushall')
      await until(async () => (await west.store.shared.list(NODE_PREFIX)).size === 2, 'both nodes again')
    }
    living.pause()
    answering.add(living.id)
    await until(async () => (await west.store.shared.list(NODE_PREFIX)).size === 1, 'its lease to run out')
    const stays = until(async () => west.ended.length > 0, 'nothing', 4_000)
    await assert.rejects(stays)
    assert.equal((await call(west, first))?.state, 'active')
    // An owner that comes back begins a new term, and what was noted before is nobody's.
    const noted = await west.store.owners.open(east, true)
    const own = new Map([[callIdOf(first), 0]])
    const term = await living.store.owners.newTerm()
    assert.deepEqual(await living.store.owners.reclaim(own, [], term), [])
    assert.deepEqual(await west.store.owners.claim(noted, west.id), [])
    // Also where it never heard that it did.
    const nextTerm = await living.store.owners.newTerm()
    assert.deepEqual(await living.store.owners.reclaim(own, [term], nextTerm), [])
    // And one that comes back too late hears that it is.
    const [claimed] = await west.store.owners.claim(await west.store.owners.open(east, true), west.id)
    assert.equal(claimed?.row.id, callIdOf(first))
    const lateTerm = await living.store.owners.newTerm()
    assert.deepEqual(await living.store.owners.reclaim(own, [term, nextTerm], lateTerm), [callIdOf(first)])
  })

  it('are left alone by a survivor that had to doubt itself, and was outlived in turn, before it came to them', async () => {
    const dying = await withCalls(2)
    const west = await start('west-1')
    west.isHeld = false
    setTimeout(() => dying.pause(), FLEET.settleMs)
    const { owners } = west.store
    await until(async () => (await owners.open(west.id, false)).length === 2, 'the calls to be claimed')
    const [lost] = await owners.claim((await owners.open(west.id, false)).slice(0, 1), nodeId('west-2'))
    west.isHeld = true
    await until(async () => west.ended.length > 0, 'the other call to be closed')
    await west.stop()
    nodes.splice(nodes.indexOf(west), 1)
    assert.deepEqual([lost?.row.id, west.ended], [callIdOf(first), [callIdOf(first + 1)]])
  })

  it('are found again by who was given them and did not hear so, whatever their old owner writes yet', async () => {
    const dying = await withCalls(2)
    const west = await start('west-1')
    const { owners, journal } = west.store
    await owners.claim(await owners.open(east, true), west.id)
    dying.store.journal.call(callRow(first, { revision: 9, state: 'held', answeredAt: at(first) }))
    await dying.store.journal.written(5_000)
    assert.deepEqual(await owners.open(east, true), [])
    const policy = { windowMs: 900_000, resumeOn: 'fault' } as const
    const index = new CallerIndex(west.store.shared)
    const strays = new Strays(
      {
        self: west.id,
        owners,
        journal,
        sessions: { parkDead: (...dead) => parkDead({ ...west.store, index, policyOf: () => policy }, ...dead) },
        has: (id) => id === callIdOf(first + 1),
        emit: ({ event, call: id }) => void (event === 'call.ended' && west.ended.push(id)),
        onError: (error) => assert.ifError(error),
      },
      50,
    )
    await until(async () => west.ended.length > 0, 'the stray to be closed')
    await strays.close()
    await index.close()
    assert.deepEqual(west.ended, [callIdOf(first)])
    assert.equal((await call(west, first + 1))?.state, 'active')
    // Closed in the term of the owner before, which had the call as its own: nothing that it moved to this node replaces it.
    assert.ok(((await call(west, first))?.epoch ?? 0) > 0)
    assert.equal((await west.store.sessions.read(sessionRow(first).id))?.state, 'parked')
  })
})
