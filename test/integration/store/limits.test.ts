import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { RedisServer } from '../../../app/fleet/redis-client.ts'
import { RedisSharedState } from '../../../app/fleet/redis-shared-state.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { createKysely } from '../../../app/store/postgres.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { readSqlFiles } from '../../../app/store/sql-files.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { codeOf } from '../../../app/store/store-error.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { at, callRow } from '../../helpers/records.ts'
import { hasRedis, startRedis } from '../../helpers/redis.ts'
import { run } from '../../helpers/run.ts'
import { emptyCalls, nextChange } from '../../helpers/store.ts'
import { gatePostgres } from '../../helpers/stores.ts'
import { until } from '../../helpers/until.ts'

/** ReadyForQuery, the last message of a handshake (PostgreSQL protocol, 55.7). */
const READY_FOR_QUERY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
/** Writers wait for a statement that waits for a lock, which gives up after a second. */
const STALL_MS = 3_000

describe('a store at its limits', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let dataDir: string
  const closes: (() => Promise<unknown>)[] = []

  before(async () => {
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, at(0))
  })

  after(() => postgres.stop())

  beforeEach(async () => {
    dataDir = await tempFolder()
  })

  afterEach(async () => {
    for (const close of closes.splice(0).toReversed()) await close()
    await rm(dataDir, { recursive: true, force: true })
    await emptyCalls(postgres.url)
  })

  async function start(url = postgres.url, folder = dataDir): Promise<Store> {
    const store = await startStore({ postgres: url, dataDir: folder, node: nodeId('east-1') })
    closes.push(() => store.close())
    return store
  }

  const sql = <Row extends pg.QueryResultRow>(text: string): Promise<Row[]> =>
    askOnce(postgres.url, async (client) => (await client.query<Row>(text)).rows)

  const count = async (): Promise<number> =>
    (await sql<{ n: number }>('select count(*)::int as n from calls'))[0]?.n ?? 0

  /** Another client of the database. */
  async function client(url = postgres.url): Promise<pg.Client> {
    const other = new pg.Client({ connectionString: url })
    other.on('error', () => undefined)
    await other.connect()
    closes.push(() => other.end().catch(() => undefined))
    return other
  }

  it('starts where Postgres lets it in and never answers, and writes when it does', async () => {
    const { gate, url } = await gatePostgres(postgres)
    closes.push(() => gate.close())
    gate.muteAfter(READY_FOR_QUERY)
    const store = await start(url)
    assert.match(store.state().postgresAway ?? '', /not ready after/)
    store.journal.call(callRow(1))
    await store.journal.synced()
    assert.equal(store.ready(), true)
    gate.reopen()
    await store.journal.written(20_000)
    assert.equal(await count(), 1)
  })

  describe('where Postgres has no connection left for it', () => {
    let url: string

    before(async () => {
      await sql('create role app login; grant all on schema public to app; alter database tandem owner to app')
      await sql('reassign owned by app to tandem')
      await sql('grant all on all tables in schema public to app; grant all on all sequences in schema public to app')
      url = postgres.url.replace('user=tandem', 'user=app')
    })

    afterEach(() => sql('alter role app connection limit -1'))

    it('starts, and writes when there is one', async () => {
      await sql('alter role app connection limit 1')
      const other = await client(url)
      const store = await start(url)
      assert.match(store.state().postgresAway ?? '', /too many connections/)
      store.journal.call(callRow(1))
      await sql('alter role app connection limit -1')
      await other.end()
      await store.journal.written(15_000)
      assert.equal(await count(), 1)
    })

    it('loses them in flight, and writes when it gets them back', async () => {
      const store = await start(url)
      store.journal.call(callRow(1))
      await store.journal.written(5_000)
      const degraded = nextChange(store, 'store.degraded', 'postgres')
      await sql('alter role app connection limit 0')
      await sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
      store.journal.call(callRow(2))
      assert.match((await degraded).reason, /connection/)
      await sql('alter role app connection limit -1')
      await store.journal.written(15_000)
      assert.equal(await count(), 2)
    })
  })

  it('survives the end of connections that are in use: in a transaction, and with a question out', async () => {
    const store = await start()
    const client = await store.pool.connect()
    await client.query('begin')
    const asked = assert.rejects(store.pool.query('select pg_sleep(20)'))
    const kysely = assert.rejects(
      createKysely(store.pool)
        .selectNoFrom((of) => of.fn('pg_sleep', [of.val(20)]).as('nothing'))
        .execute(),
    )
    const others = "datname = 'tandem' and pid <> pg_backend_pid()"
    const asleep = `select from pg_stat_activity where ${others} and wait_event = 'PgSleep'`
    await until(async () => (await sql(asleep)).length === 2, 'both questions to be out')
    await sql(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)
    await Promise.all([asked, kysely])
    await assert.rejects(client.query('commit'))
    client.release(true)
    store.journal.call(callRow(1))
    await store.journal.written(10_000)
  })

  it('does with nine connections at most, whatever is asked of it at once', async () => {
    const store = await start()
    const asked = Array.from({ length: 100 }, async (_, n) => {
      store.journal.call(callRow(n))
      await Promise.all([store.shared.put(`call:${n}`, n, 1_000), store.calls.calls({ limit: 1 })])
    })
    await Promise.all(asked)
    const backends = "select count(*)::int as n from pg_stat_activity where application_name = 'tandem'"
    // One is that of the question.
    const [{ n } = { n: 0 }] = await sql<{ n: number }>(backends)
    assert.ok(n <= 10, `${n} connections`)
  })

  describe('while somebody reads for long, as a backup does', () => {
    let reader: pg.Client
    let store: Store
    let slowestMs: number
    let writing: Promise<void>
    let stop: () => void

    beforeEach(async () => {
      store = await start()
      reader = await client()
      await reader.query('begin; select count(*) from calls')
      slowestMs = 0
      let going = true
      stop = () => {
        going = false
      }
      writing = (async () => {
        for (let n = 1; going; n++) {
          const startedAtMs = performance.now()
          store.journal.call(callRow(n))
          await store.journal.written(10_000)
          slowestMs = Math.max(slowestMs, performance.now() - startedAtMs)
        }
      })()
    })

    afterEach(async () => {
      stop()
      await writing
    })

    it('a newer node migrates later, holds writers up for a moment only, and the older one writes on', async () => {
      const next = new Map([
        ...(await readSqlFiles('migrations')),
        ['9000-next', 'alter table calls add column note text; create index calls_note on calls (note)'],
      ])
      await assert.rejects(prepareDatabase(postgres.url, at(0), next), (error: Error) => {
        assert.equal(codeOf(error), 'postgres-away')
        assert.match(error.message, /lock timeout/)
        return true
      })
      await reader.query('commit')
      await prepareDatabase(postgres.url, at(0), next)
      const before = await count()
      await until(async () => (await count()) > before, 'the older node to write on')
      assert.ok(slowestMs < STALL_MS, `a record took ${slowestMs} ms`)
      await sql("delete from kysely_migration where name = '9000-next'; alter table calls drop column note")
    })

    it('partitions are made later, and a node starts without them', async () => {
      const later = new Date('2031-01-15T00:00:00Z')
      const parts = async (): Promise<readonly string[]> =>
        (await sql<{ name: string }>("select relname as name from pg_class where relname ~ '^(calls|turns)_2031_..$'"))
          .map(({ name }) => name)
          .toSorted()
      await prepareDatabase(postgres.url, later)
      assert.deepEqual(await parts(), ['turns_2031_01', 'turns_2031_02', 'turns_2031_03'])
      await reader.query('commit')
      await prepareDatabase(postgres.url, later)
      assert.equal((await parts()).length, 6)
      assert.ok(slowestMs < STALL_MS, `a record took ${slowestMs} ms`)
    })
  })

  it('keeps in memory what a full disk does not take, takes no calls meanwhile, and has all of it in the end', async function () {
    const disk = join(dataDir, 'disk')
    await mkdir(disk)
    // As root on Linux only.
    if ((await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).catch(() => null))?.code !== 0) this.skip()
    closes.push(() => run('umount', [disk]))
    const store = await start(postgres.url, join(disk, 'node'))
    const degraded = nextChange(store, 'store.degraded', 'journal')
    await postgres.interrupt()
    let calls = 0
    while (store.state().journalHealthy) {
      for (let n = 0; n < 100; n++) store.journal.call(callRow(++calls))
      await Promise.race([store.journal.synced(), degraded])
    }
    assert.match((await degraded).reason, /ENOSPC|no space left/)
    // Neither disk nor Postgres: a call would have no record.
    await until(async () => !store.ready(), 'the store to say so')
    for (let n = 0; n < 100; n++) store.journal.call(callRow(++calls))
    const recovered = nextChange(store, 'store.recovered', 'journal')
    await postgres.resume()
    await store.journal.written(30_000)
    await recovered
    assert.equal(await count(), calls)
    assert.deepEqual([store.ready(), store.state().dropped], [true, 0])
  })

  it('says that Redis has no connection left, and uses it when there is one', async function () {
    if (!(await hasRedis())) this.skip()
    const redis = await startRedis({ config: ['maxclients 3'] })
    closes.push(() => redis.stop())
    const server: RedisServer = { kind: 'server', url: `redis://${redis.host}:${redis.port}` }
    const first = await RedisSharedState.connect(server)
    const reasons: string[] = []
    const second = await RedisSharedState.connect(server, (change) => {
      if (change.state === 'down') reasons.push(change.reason)
    })
    closes.push(() => second.close())
    await assert.rejects(second.put('call:1', 1, 1_000))
    assert.notDeepEqual(reasons, [])
    const up = new Promise((resolve) => {
      second.onState(({ state }) => state === 'up' && resolve(state))
    })
    await first.close()
    assert.equal(await up, 'up')
    await second.put('call:1', 1, 1_000)
  })
})
