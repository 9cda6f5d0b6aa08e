import { loopbackAddress } from './loopback.ts'
import { startPostgres, type TestPostgres } from './postgres.ts'
import { hasRedis, startRedis, type TestRedis } from './redis.ts'
import { TcpGate } from './tcp-gate.ts'

/** What the nodes of a fleet share: a PostgreSQL, and a Redis where Debian's package is installed. */
export interface TestStores {
  readonly postgres: TestPostgres
  readonly redis: TestRedis | null
  /** As `store` of a node's config has them. */
  readonly config: { readonly postgres: string; readonly redis: string }
  stop(): Promise<void>
}

export async function startStores(): Promise<TestStores> {
  const postgres = await startPostgres()
  const redis = (await hasRedis()) ? await startRedis() : null
  return {
    postgres,
    redis,
    config: { postgres: postgres.url, redis: redis === null ? 'embedded' : `redis://${redis.host}:${redis.port}` },
    stop: async () => {
      await redis?.stop()
      await postgres.stop()
    },
  }
}

/** A relay before a PostgreSQL, and the URL of the way through it. */
export async function gatePostgres(
  postgres: TestPostgres,
  host: string = loopbackAddress(),
): Promise<{ readonly gate: TcpGate; readonly url: string }> {
  const { searchParams } = new URL(postgres.url)
  const gate = await TcpGate.open(host, { path: `${searchParams.get('host')}/.s.PGSQL.${searchParams.get('port')}` })
  return { gate, url: `postgres://tandem@${gate.host}:${gate.port}/tandem?sslmode=disable` }
}
