import { type Kysely, type MigrationProvider, Migrator, sql } from 'kysely'
import pg from 'pg'
import { ensurePartitions } from './partitions.ts'
import { connectionConfig, createKysely, judgeFault } from './postgres.ts'
import { readSqlFiles } from './sql-files.ts'
import { StoreError, wordsOf } from './store-error.ts'

/** Partitions and identity of constraints as we use them came with PostgreSQL 13. */
const MIN_SERVER_VERSION = 130_000

/**
 * Brings the database at `url` to the schema of this build and makes the partitions of the months around `now`. Safe for
 * any number of nodes at once. Rejects with `postgres-refused` where a person must act, `postgres-away` where Postgres
 * cannot be reached.
 */
export async function prepareDatabase(url: string, now: Date): Promise<void> {
  // Without the pool's time limits: a node waits here while another one migrates.
  const pool = new pg.Pool({ ...connectionConfig(url), max: 1 })
  pool.on('error', () => undefined)
  const database = createKysely<Record<never, never>>(pool)
  try {
    await checkServer(database)
    const { error } = await new Migrator({ db: database, provider: sqlMigrations }).migrateToLatest()
    if (error !== undefined) throw error
    await ensurePartitions(pool, now)
  } catch (error) {
    throw asStoreError(error)
  } finally {
    await database.destroy()
  }
}

const sqlMigrations: MigrationProvider = {
  async getMigrations() {
    const files = await readSqlFiles('migrations')
    return Object.fromEntries(
      [...files].map(([name, text]) => [name, { up: async (db) => void (await sql.raw(text).execute(db)) }]),
    )
  },
}

async function checkServer(database: Kysely<Record<never, never>>): Promise<void> {
  const { rows } = await sql<{ version: string; encoding: string }>`
    select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding
  `.execute(database)
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
