import type pg from 'pg'
import { type Month, monthsFrom } from '../../lib/store/ulid-range.ts'
import { codeOf } from './store-error.ts'

/** Months that get their partitions before they begin. */
const MONTHS_AHEAD = 2

/** Tables whose key begins with the ULID of a call or a session. */
const BY_ULID = ['calls', 'attempts', 'turns', 'sip_messages', 'sessions', 'session_items']
const BY_TIME = ['call_events']

/** For statements that lock tables: whoever writes waits behind us while we wait for whoever reads. */
export const BRIEFLY = "set local lock_timeout = '1s'; "

/** Rows of that month already stand in the default partition: they stay there, and so do those to come. */
const CHECK_VIOLATION = '23514'
/** Another node was faster. */
const DUPLICATE_TABLE = '42P07'
/** Somebody reads for long, as a backup does: the next upkeep tries again, and until then the default partition takes the rows. */
const LOCK_NOT_AVAILABLE = '55P03'
const HARMLESS = new Set<string | null>([CHECK_VIOLATION, DUPLICATE_TABLE, LOCK_NOT_AVAILABLE])

/** Makes the partitions of this month and of the next ones, where they are missing and nobody holds the table. */
export async function ensurePartitions(pool: Pick<pg.ClientBase, 'query'>, now: Date): Promise<void> {
  for (const month of monthsFrom(now, MONTHS_AHEAD)) {
    for (const table of BY_ULID) await ensurePartition(pool, table, month, month.fromId, month.untilId)
    for (const table of BY_TIME) {
      await ensurePartition(pool, table, month, month.from.toISOString(), month.until.toISOString())
    }
  }
}

async function ensurePartition(
  pool: Pick<pg.ClientBase, 'query'>,
  table: string,
  month: Month,
  from: string,
  until: string,
): Promise<void> {
  const name = `${table}_${month.name}`
  const { rows } = await pool.query<{ there: boolean }>('select to_regclass($1) is not null as there', [name])
  if (rows[0]?.there === true) return
  try {
    // All parts come from constants and dates: nothing here needs quoting.
    await pool.query(`${BRIEFLY}create table ${name} partition of ${table} for values from ('${from}') to ('${until}')`)
  } catch (error) {
    if (!HARMLESS.has(codeOf(error))) throw error
  }
}
