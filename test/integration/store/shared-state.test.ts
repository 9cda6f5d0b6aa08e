import assert from 'node:assert/strict'
import type pg from 'pg'
import { PostgresDoorbell } from '../../../app/fleet/postgres-doorbell.ts'
import { PostgresSharedState } from '../../../app/fleet/postgres-shared-state.ts'
import { prepareDatabase } from '../../../app/store/migrate.ts'
import { createPool } from '../../../app/store/postgres.ts'
import { codeOf } from '../../../app/store/store-error.ts'
import { describeSharedState, type SharedStatePair } from '../../conformance/shared-state.ts'
import { startPostgres, type TestPostgres } from '../../helpers/postgres.ts'

let postgres: TestPostgres
let pool: pg.Pool
let pair: SharedStatePair
let doorbells: readonly [PostgresDoorbell, PostgresDoorbell]

describe('shared state without Redis', function () {
  this.timeout(60_000)
  before(async () => {
    postgres = await startPostgres()
    await prepareDatabase(postgres.url, new Date())
    pool = createPool(postgres.url, () => undefined)
    doorbells = [new PostgresDoorbell(postgres.url), new PostgresDoorbell(postgres.url)]
    const [here, there] = doorbells
    pair = { here: new PostgresSharedState(pool, here), there: new PostgresSharedState(pool, there) }
  })

  after(async () => {
    await pair.here.close()
    await pair.there.close()
    for (const doorbell of doorbells) await doorbell.close()
    await pool.end()
    await postgres.stop()
  })

  describeSharedState('Postgres', () => pair)

  it('ignores what a stranger notifies', async () => {
    const heard = new Promise((resolve) => {
      void pair.there.subscribe('strangers', resolve).then(async () => {
        for (const payload of ['', 'rubbish', '{}', '["strangers"]', '[1,2]', '["strangers",1,2]']) {
          await pool.query('select pg_notify($1, $2)', ['tandem_doorbell', payload])
        }
        await pair.here.publish('strangers', 'ours')
      })
    })
    assert.equal(await heard, 'ours')
  })

  it('is refused while Postgres is away, and rings again by itself when it is back', async () => {
    let heard: () => void = () => undefined
    const ringing = new Promise<void>((resolve) => {
      heard = resolve
    })
    await pair.there.subscribe('outage', () => heard())
    await postgres.interrupt()
    await assert.rejects(pair.here.put('call:1', 1, 1000), (error) => codeOf(error) === 'postgres-away')
    const late = pair.there.subscribe('outage-late', () => undefined)
    await (await late)()
    await postgres.resume()
    const bell = setInterval(() => void pair.here.publish('outage', 1).catch(() => undefined), 20)
    await ringing
    clearInterval(bell)
  })
})
