import type { Selectable } from 'kysely'
import type pg from 'pg'
import type { NodeId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { Journal } from './port.ts'
import type { CallsTable } from './postgres.ts'
import { toCallRow } from './rows.ts'

/**
 * Ends every call that this node left open when it died: `node-lost`, at the time of the last thing on record about it.
 * To be called when all that an earlier run journaled is in Postgres and nothing of this run is.
 */
export async function closeOrphans(pool: pg.Pool, statement: string, journal: Journal, node: NodeId): Promise<void> {
  const { rows } = await pool.query<Selectable<CallsTable> & { last_at: Date }>(statement, [node])
  for (const row of rows) {
    const closed = endOrphan(toCallRow(row), row.last_at)
    journal.call(closed)
    const { id: call, trunk, tenant, end, endedAt } = closed
    journal.event({
      event: 'call.ended',
      level: 'warn',
      call,
      ...(trunk === null ? {} : { trunk }),
      ...(tenant === null ? {} : { tenant }),
      end,
      endedAt,
    })
  }
}

function endOrphan(row: CallRow, lastAt: Date): CallRow {
  const end = { by: 'system', sip: null, cause: 'node-lost' } as const
  return { ...row, revision: row.revision + 1, state: 'ended', endedAt: lastAt, end }
}
