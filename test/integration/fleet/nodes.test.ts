import assert from 'node:assert/strict'
import { Heartbeat, listNodes, NODE_PREFIX, type NodeEntry } from '../../../app/fleet/node-registry.ts'
import { NodeWatch } from '../../../app/fleet/node-watch.ts'
import { RedisSharedState } from '../../../app/fleet/redis-shared-state.ts'
import { RemoteDrain } from '../../../app/fleet/remote-drain.ts'
import type { SharedState } from '../../../app/fleet/shared-state.ts'
import { FleetSnapshot } from '../../../app/fleet/snapshot.ts'
import { type NodeId, nodeId } from '../../../lib/core/ids.ts'
import { hasRedis, startRedis, type TestRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

const east = nodeId('east-1')
const west = nodeId('west-1')
const INTERVAL_MS = 50
const TTL_MS = 300
const SETTLE_MS = 600

let redis: TestRedis

/** What a node does for the registry: it beats, watches the others, and drains when it is asked to. */
class TestNode {
  readonly shared: SharedState
  readonly snapshot: FleetSnapshot
  readonly watch: NodeWatch
  readonly lost: NodeId[] = []
  readonly askedBy: string[] = []
  readonly #id: NodeId
  readonly #heartbeat: Heartbeat
  #drain: RemoteDrain | null = null
  #state: NodeEntry['state'] = 'ready'

  private constructor(id: NodeId, shared: SharedState) {
    this.#id = id
    this.shared = shared
    const timing = { intervalMs: INTERVAL_MS, ttlMs: TTL_MS, onError: () => undefined }
    this.#heartbeat = new Heartbeat({ shared, entry: () => this.#entry(), ...timing })
    this.snapshot = new FleetSnapshot({ shared, prefixes: [NODE_PREFIX], intervalMs: INTERVAL_MS, settleMs: SETTLE_MS })
    const { snapshot } = this
    this.watch = new NodeWatch({ self: id, shared, snapshot, onLost: (entry) => this.lost.push(entry.id) })
  }

  static async start(id: NodeId): Promise<TestNode> {
    const url = `redis://${redis.host}:${redis.port}`
    const node = new TestNode(id, await RedisSharedState.connect({ kind: 'server', url }))
    await node.#listen()
    return node
  }

  ask(node: NodeId): Promise<string> | undefined {
    return this.#drain?.ask(node, 'otto')
  }

  knows(id: NodeId): boolean {
    return this.watch.nodes.some((entry) => entry.id === id)
  }

  settled(): Promise<void> {
    return until(async () => this.snapshot.settled, 'the snapshot to settle')
  }

  /** As when its process is killed: no goodbye. */
  async kill(): Promise<void> {
    await this.shared.close()
    await this.stop().catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.watch.close()
    await this.snapshot.close()
    await this.#drain?.close()
    await this.#heartbeat.close().finally(() => this.shared.close())
  }

  async #listen(): Promise<void> {
    const onAsked = (actor: string): void => {
      this.askedBy.push(actor)
      this.#state = 'draining'
      this.#heartbeat.beat()
    }
    this.#drain = await RemoteDrain.start({ self: this.#id, shared: this.shared, onAsked })
  }

  #entry(): NodeEntry {
    const sip = { hostPort: '192.0.2.1:5060', transport: null }
    const place = { id: this.#id, region: 'us', address: '192.0.2.1', sip }
    const now = { state: this.#state, impediments: [], version: '1', calls: 0, maxCalls: 9 }
    return { ...place, ...now, startedAt: '2026-01-01T00:00:00.000Z' }
  }
}

describe('the nodes of a fleet', function () {
  this.timeout(60_000)
  let here: TestNode
  let there: TestNode
  before(async function () {
    if (!(await hasRedis())) return this.skip()
    redis = await startRedis()
  })
  after(() => redis?.stop())
  beforeEach(async () => {
    here = await TestNode.start(east)
    there = await TestNode.start(west)
    await until(async () => here.knows(west) && there.knows(east), 'the nodes to know each other')
    await here.settled()
  })
  afterEach(async () => {
    await here.stop()
    await there.stop().catch(() => undefined)
  })

  it('notice one that was killed, once, and show it until it is back', async () => {
    await there.kill()
    await until(async () => here.lost.length > 0, 'the loss')
    assert.deepEqual(here.lost, [west])
    assert.deepEqual(
      here.watch.lost.map(({ id }) => id),
      [west],
    )
    assert.equal(here.knows(west), false)
    there = await TestNode.start(west)
    await until(async () => here.knows(west), 'its return')
    assert.deepEqual([here.watch.lost, here.lost], [[], [west]])
  })

  it('do not take one for lost that said goodbye', async () => {
    await there.stop()
    await until(async () => !here.knows(west), 'its end')
    await here.shared.get('call:none') // After the answer to whether there was a goodbye.
    assert.deepEqual(here.lost, [])
    assert.equal((await listNodes(here.shared)).length, 1)
  })

  it('work from what they knew last while Redis is away, and take nobody for lost when it comes back empty', async () => {
    await redis.kill()
    await until(async () => (here.snapshot.ageMs ?? 0) > TTL_MS, 'the snapshot to grow old')
    assert.deepEqual([here.knows(west), here.snapshot.settled], [true, false])
    await redis.resume()
    await here.settled()
    assert.ok((here.snapshot.ageMs ?? 0) < TTL_MS)
    assert.deepEqual([here.knows(west), here.lost, there.lost], [true, [], []])
  })

  it('take nobody for lost when Redis forgets all without a word', async () => {
    await redis.cli('flushall')
    await until(async () => !here.snapshot.settled, 'the loss of memory to be noticed')
    await here.settled()
    assert.deepEqual([here.knows(west), here.lost, there.lost], [true, [], []])
  })

  it('drain each other, and say when there is no such node', async () => {
    assert.equal(await here.ask(west), 'done')
    assert.deepEqual([there.askedBy, here.askedBy], [['otto'], []])
    assert.equal(await here.ask(nodeId('nowhere')), 'unknown')
  })

  it('do as they are told by nodes only: strangers may ring what they like', async () => {
    for (const ring of [null, 1, {}, { node: west }, { node: west, actor: 1 }]) await here.shared.publish('drain', ring)
    assert.equal(await here.ask(west), 'done')
    assert.deepEqual(there.askedBy, ['otto'])
  })
})
