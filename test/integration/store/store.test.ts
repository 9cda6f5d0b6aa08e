import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoreChange } from '../../../app/store/changes.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { type Store, type StoreOptions, startStore } from '../../../app/store/store.ts'
import { nodeId } from '../../../lib/core/ids.ts'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import { startPostgres, type TestPostgres, tempFolder } from '../../helpers/postgres.ts'
import { at, callIdOf, callRow } from '../../helpers/records.ts'
import { emptyCalls, nextChange } from '../../helpers/store.ts'

const east = nodeId('east-1')

describe('the store of a node', function () {
  this.timeout(60_000)
  let postgres: TestPostgres
  let dataDir: string
  const started: Store[] = []

  before(async () => {
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, at(0))
  })

  after(() => postgres.stop())

  beforeEach(async () => {
    dataDir = await tempFolder()
  })

  afterEach(async () => {
    for (const store of started.splice(0)) await store.close()
    await rm(dataDir, { recursive: true, force: true })
    await emptyCalls(postgres.url)
  })

  async function start(options: Partial<StoreOptions> = {}): Promise<Store> {
    const store = await startStore({ postgres: postgres.url, dataDir, node: east, ...options })
    started.push(store)
    return store
  }

  describe('while Postgres is away', () => {
    it('takes records, says so, and has each of them once when it is back', async () => {
      const store = await start()
      const { journal, calls, shared } = store
      const changes: StoreChange[] = []
      store.onState((change) => changes.push(change))
      journal.call(callRow(1))
      await journal.written(5000)
      const degraded = nextChange(store, 'store.degraded')
      await postgres.interrupt()
      assert.equal((await degraded).part, 'postgres')
      for (let n = 2; n <= 500; n++) {
        journal.call(callRow(n))
        journal.event({ event: 'call.incoming', call: callIdOf(n) })
      }
      await journal.synced()
      assert.equal(store.ready(), true)
      assert.notEqual(store.state().postgresAway, null)
      assert.equal(store.state().behind, 998)
      await assert.rejects(journal.written(50), /has not taken all records within 50 ms/)
      await assert.rejects(calls.calls({ limit: 1 }), /Postgres: /)
      await assert.rejects(shared.get('call:1'), /shared state: /)
      const recovered = nextChange(store, 'store.recovered')
      await postgres.resume()
      await journal.written(15_000)
      await recovered
      assert.deepEqual([store.state().postgresAway, store.state().behind], [null, 0])
      const counts = await askOnce(postgres.url, async (client) => {
        const { rows } = await client.query(
          'select (select count(*) from calls) as calls, (select count(*) from call_events) as events',
        )
        return rows[0]
      })
      assert.deepEqual(counts, { calls: 500, events: 499 })
      assert.deepEqual(
        changes.map(({ event }) => event),
        ['store.degraded', 'store.recovered'],
      )
    })

    it('starts, and does when it is back what a start does', async () => {
      const first = await start()
      first.journal.call(callRow(1))
      await first.close()
      await postgres.interrupt()
      const store = await start()
      assert.match(store.state().postgresAway ?? '', /Postgres: /)
      assert.equal(store.ready(), true)
      store.journal.call(callRow(2))
      const recovered = nextChange(store, 'store.recovered')
      await postgres.resume()
      await recovered
      await store.journal.written(10_000)
      const { calls } = await store.calls.calls({ limit: 9 })
      assert.deepEqual(
        calls.map(({ state }) => state),
        ['incoming', 'ended'],
      )
    })
  })

  it('sets aside what Postgres will never take, reports it, and goes on with the rest', async () => {
    const store = await start()
    const told = nextChange(store, 'store.degraded')
    for (let n = 1; n <= 40; n++) {
      store.journal.call(
        n % 20 === 0 ? callRow(n, { endedAt: new Date(Number.NaN), startedAt: at(n), ...bad }) : callRow(n),
      )
    }
    await store.journal.written(10_000)
    assert.equal((await told).part, 'record')
    assert.equal((await store.calls.calls({ limit: 99 })).calls.length, 38)
    assert.equal(store.state().deadLetters, 2)
    const letters = (await readFile(join(dataDir, 'journal', 'dead-letters.jsonl'), 'utf8')).trimEnd().split('\n')
    const [letter]: { kind: string; reason: string; entry: string }[] = letters.map((line) => JSON.parse(line))
    assert.equal(letter?.kind, 'call')
    assert.match(letter?.reason ?? '', /numeric|bigint|integer/)
    assert.match(letter?.entry ?? '', /"revision":2.5/)
  })

  it('starts its embedded Postgres again when that dies, and says so', async () => {
    const own = join(dataDir, 'own')
    const store = await start({ postgres: 'embedded', dataDir: own })
    const pid = Number((await readFile(join(own, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
    const changes: StoreChange[] = []
    store.onState((change) => changes.push(change))
    const recovered = nextChange(store, 'store.recovered')
    process.kill(pid, 'SIGKILL')
    store.journal.call(callRow(1))
    await recovered
    await store.journal.written(15_000)
    assert.equal((await store.calls.call(callIdOf(1)))?.state, 'incoming')
    assert.deepEqual(
      changes.map(({ event, part }) => `${event} ${part}`),
      ['store.degraded postgres', 'store.recovered postgres'],
    )
  })

  it('is refused to a second node in the same data folder', async () => {
    await start()
    await assert.rejects(start(), (error: Error) => {
      assert.match(error.message, new RegExp(`is in use by another node: process ${process.pid}`))
      return true
    })
  })

  it('does not start on a database that a person must put right, and leaves nothing behind', async () => {
    const missing = postgres.url.replace('/tandem?', '/missing?')
    await assert.rejects(start({ postgres: missing }), /"missing" does not exist/)
    await start()
  })
})

/** What the types allow and Postgres refuses. */
const bad: Partial<CallRow> = { revision: 2.5 }
