import { randomBytes } from 'node:crypto'
import { RedisSharedState } from '../../../app/fleet/redis-shared-state.ts'
import { askOnce } from '../../../app/store/postmaster.ts'
import { parseRedis } from '../../../lib/config/engines.ts'
import { describeCallOwners } from '../../conformance/call-owners.ts'
import { describeDurableSessions } from '../../conformance/durable-sessions.ts'
import { describeDurableStore } from '../../conformance/durable-store.ts'
import { describeSharedState, type SharedStatePair } from '../../conformance/shared-state.ts'
import { debianBinaries, startPostgres, type TestPostgres } from '../../helpers/postgres.ts'

describe('stores', function () {
  this.timeout(60_000)
  const debian = debianBinaries()

  for (const [name, binaries] of [
    ['the embedded PostgreSQL', undefined],
    ...(debian === null ? [] : [["Debian's PostgreSQL 15", debian] as const]),
  ] as const) {
    describe(`on ${name}`, () => {
      let postgres: TestPostgres
      before(async () => {
        postgres = await startPostgres(binaries)
      })
      after(() => postgres.stop())
      describeDurableStore(name, () => postgres.url)
      describeDurableSessions(name, () => postgres.url)
      describeCallOwners(name, () => postgres.url)
    })
  }

  /** A server where we may make a database, which goes again at the end. */
  const given = process.env.TANDEM_TEST_POSTGRES ?? ''
  if (given !== '') {
    describe('on a PostgreSQL of yours', () => {
      const database = `tandem_test_${randomBytes(4).toString('hex')}`
      const url = new URL(given)
      url.pathname = `/${database}`
      before(() => askOnce(given, (client) => client.query(`create database ${database}`)))
      after(() => askOnce(given, (client) => client.query(`drop database ${database} with (force)`)))
      describeDurableStore('a PostgreSQL of yours', () => url.href)
      describeDurableSessions('a PostgreSQL of yours', () => url.href)
      describeCallOwners('a PostgreSQL of yours', () => url.href)
    })
  }

  /** A server, Sentinels or a Cluster that serve nobody else. */
  const redis = parseRedis(process.env.TANDEM_TEST_REDIS ?? 'embedded')
  if (redis === undefined) throw new Error('TANDEM_TEST_REDIS is no URL that store.redis takes')
  if (redis.kind !== 'embedded') {
    describe('on a Redis of yours', () => {
      let pair: SharedStatePair
      before(async () => {
        const connect = () => RedisSharedState.connect(redis, () => undefined)
        pair = { here: await connect(), there: await connect() }
      })
      after(() => Promise.all([pair.here.close(), pair.there.close()]))
      describeSharedState('a Redis of yours', () => pair)
    })
  }
})
