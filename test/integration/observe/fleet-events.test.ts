import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { pino } from 'pino'
import { EventLog, type StreamItem } from '../../../app/observe/event-log.ts'
import { FleetEvents } from '../../../app/observe/fleet-events.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { startStore } from '../../../app/store/store.ts'
import { parseRedis } from '../../../lib/config/engines.ts'
import { type NodeId, nodeId } from '../../../lib/core/ids.ts'
import type { TandemEvent } from '../../../lib/observe/event.ts'
import { parseEventId } from '../../../lib/observe/event-id.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { hasRedis, startRedis, type TestRedis } from '../../helpers/redis.ts'
import { until } from '../../helpers/until.ts'

const east = nodeId('east-1')
const west = nodeId('west-1')

interface TestNode {
  readonly events: EventLog
  emit(digit: number): void
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
  const log = pino({ level: 'silent' })
  const events = new EventLog({ node, journal: store.journal, store: store.calls, log })
  const fleet = await FleetEvents.start({
    self: node,
    shared: store.shared,
    store: store.calls,
    events,
    onEventsWritten: (listener) => store.onEventsWritten(listener),
    log,
  })
  return {
    events,
    emit: (digit) => void events.emit({ event: 'dtmf', digit }),
    stop: async () => {
      await fleet.close()
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Follows a node's stream until told to stop, and keeps what came. */
class Reader {
  readonly got: TandemEvent[] = []
  readonly others: StreamItem[] = []
  readonly #end = new AbortController()
  readonly #done: Promise<void>

  constructor(node: TestNode, seen?: ReadonlyMap<NodeId, number>) {
    this.#done = this.#follow(node, seen)
  }

  /** `NODE:DIGIT` of every event of the test, in the order in which it came. */
  get digits(): readonly string[] {
    return this.got.flatMap(({ event, node, digit }) => (event === 'dtmf' ? [`${node}:${Number(digit)}`] : []))
  }

  of(node: NodeId): readonly string[] {
    return this.digits.filter((digit) => digit.startsWith(`${node}:`))
  }

  /** The last event seen of each node. */
  get seen(): ReadonlyMap<NodeId, number> {
    return new Map(this.got.map(({ node, id }) => [node, parseEventId(id)?.sequence ?? 0]))
  }

  has(count: number): Promise<void> {
    return until(async () => this.digits.length >= count, `${count} events, there are ${this.digits.join()}`)
  }

  async stop(): Promise<void> {
    this.#end.abort()
    await this.#done
  }

  async #follow({ events }: TestNode, seen: ReadonlyMap<NodeId, number> | undefined): Promise<void> {
    for await (const item of events.follow(seen, this.#end.signal)) {
      if (item.kind === 'event') this.got.push(item.event)
      else this.others.push(item)
    }
  }
}

const numbered = (node: NodeId, from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `${node}:${from + at}`)

function describeFleetEvents(carrier: string, redisUrl: () => string): void {
  describe(`events of the whole fleet, with the shared state in ${carrier}`, function () {
    this.timeout(60_000)
    let here: TestNode
    let there: TestNode
    beforeEach(async () => {
      here = await startNode(east, redisUrl())
      there = await startNode(west, redisUrl())
    })
    afterEach(async () => {
      await here.stop()
      await there.stop()
    })

    it('come to a reader of either node, in the order of each, and none twice', async () => {
      const readers = [new Reader(here), new Reader(there)]
      for (let digit = 1; digit <= 300; digit++) (digit % 3 === 0 ? here : there).emit(digit)
      for (const reader of readers) {
        await reader.has(300)
        for (const node of [east, west]) {
          const wanted = numbered(west, 1, 300).filter((_, at) => ((at + 1) % 3 === 0) === (node === east))
          assert.deepEqual(
            reader.of(node),
            wanted.map((digit) => digit.replace(west, node)),
          )
        }
        await reader.stop()
      }
    })

    it('that were before a reader came are not for it, though nobody had fetched them', async () => {
      there.emit(1)
      await until(async () => (here.events.latest.get(west) ?? 0) > 0, 'the ring')
      const reader = new Reader(here)
      there.emit(2)
      await reader.has(1)
      assert.deepEqual(reader.digits, ['west-1:2'])
      await reader.stop()
    })

    it('come to a reader that comes back, from where it was, over either node', async () => {
      const first = new Reader(here)
      for (const digit of [1, 2]) for (const node of [here, there]) node.emit(digit)
      await first.has(4)
      await first.stop()
      for (const digit of [3, 4]) for (const node of [here, there]) node.emit(digit)
      const again = [new Reader(here, first.seen), new Reader(there, first.seen)]
      for (const reader of again) await reader.has(4)
      for (const node of [here, there]) node.emit(5)
      for (const reader of again) {
        await reader.has(6)
        assert.deepEqual(reader.of(east), numbered(east, 3, 5))
        assert.deepEqual(reader.of(west), numbered(west, 3, 5))
        assert.deepEqual(reader.others, [])
        await reader.stop()
      }
    })
  })
}

describe('the live log of the fleet', function () {
  this.timeout(60_000)
  before(async () => {
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, new Date())
  })
  after(() => postgres.stop())

  describeFleetEvents('Postgres', () => 'embedded')

  describe('with Redis', () => {
    let redis: TestRedis | null = null
    const redisUrl = (): string => `redis://${redis?.host}:${redis?.port}`
    before(async function () {
      if (!(await hasRedis())) return this.skip()
      redis = await startRedis()
    })
    after(() => redis?.stop())

    describeFleetEvents('Redis', redisUrl)

    it('goes on while Redis is killed, and leaves nothing out', async () => {
      const here = await startNode(east, redisUrl())
      const there = await startNode(west, redisUrl())
      const reader = new Reader(here)
      there.emit(1)
      await reader.has(1)
      await redis?.kill()
      there.emit(2)
      await reader.has(2)
      await redis?.resume()
      there.emit(3)
      await reader.has(3)
      assert.deepEqual(reader.digits, numbered(west, 1, 3))
      await reader.stop()
      await here.stop()
      await there.stop()
    })
  })
})
