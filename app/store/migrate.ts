import { type MigrationProvider, Migrator, sql } from 'kysely'
import type pg from 'pg'
import { withDeadline } from '../deadline.ts'
import { BRIEFLY, ensurePartitions } from './partitions.ts'
import { connectionConfig, createKysely, judgeFault, poolOf } from './postgres.ts'
import { askOnce } from './postmaster.ts'
import { readSqlFiles } from './sql-files.ts'
import { StoreError, wordsOf } from './store-error.ts'

/** Partitions and identity of constraints as we use them came with PostgreSQL 13. */
const MIN_SERVER_VERSION = 130_000

/** A statement of a migration may take so long, and a node waits so long for another one that migrates. */
const MIGRATION_TIMEOUT_MS = 600_000
const END_TIMEOUT_MS = 1000

/**
 * Brings the database at `url` to the schema of this build and makes the partitions of the months around `now`. Safe for
 * any number of nodes at once, and while others take calls: a table that a reader holds is waited for briefly, as writers wait behind
 * us. Rejects with `postgres-refused` where a person must act, `postgres-away` where Postgres cannot be reached or a table was held:
 * then all is as it was, and may be tried again. `migrations`: the texts by name, in place of those of this build.
 */
export async function prepareDatabase(url: string, now: Date, migrations?: ReadonlyMap<string, string>): Promise<void> {
  try {
    await askOnce(url, checkServer)
    await migrate(url, migrations ?? (await readSqlFiles('migrations')))
    await askOnce(url, (client) => ensurePartitions(client, now))
  } catch (error) {
    throw asStoreError(error)
  }
}

async function migrate(url: string, migrations: ReadonlyMap<string, string>): Promise<void> {
  const pool = poolOf({ ...connectionConfig(url), max: 1, query_timeout: MIGRATION_TIMEOUT_MS })
  const database = createKysely<Record<never, never>>(pool)
  try {
    const { error } = await new Migrator({ db: database, provider: providerOf(migrations) }).migrateToLatest()
    if (error !== undefined) throw error
  } finally {
    // A server that has stopped in the middle never says goodbye.
    await withDeadline(database.destroy(), END_TIMEOUT_MS)
  }
}

const providerOf = (texts: ReadonlyMap<string, string>): MigrationProvider => ({
  async getMigrations() {
    return Object.fromEntries(
      [...texts].map(([name, text]) => [name, { up: async (db) => void (await sql.raw(BRIEFLY + text).execute(db)) }]),
    )
  },
})

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string; encoding: string }>(
    "select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding",
  )
  const { version = '0', encoding = '' } = rows[0] ?? {}
  if (Number(version) < MIN_SERVER_VERSION) {
    throw new StoreError('postgres-refused', `PostgreSQL 13 or newer is needed, this one says ${version}`)
  }
  if (encoding !== 'UTF8') {
    throw new StoreError('postgres-refused', `the database must be in encoding UTF8, this one is in ${encoding}`)
  }
}

function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const words = wordsOf(error)
  if (words.includes('corrupted migrations')) {
    return new StoreError('postgres-refused', `the database belongs to another version of Tandem: ${words}`, error)
  }
  const away = judgeFault(error) === 'away'
  return new StoreError(away ? 'postgres-away' : 'postgres-refused', `Postgres: ${words}`, error)
}
