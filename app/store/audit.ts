import type pg from 'pg'
import {
  type AuditEntry,
  auditHash,
  type ChainedEntry,
  firstBroken,
  GENESIS_HASH,
} from '../../lib/fleet/audit-chain.ts'
import { asStoreError, inTransaction } from './transaction.ts'

/** What is to be written down; the rest of an entry is the audit's. */
export type Deed = Pick<AuditEntry, 'actor' | 'action' | 'subject' | 'details'>

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly ChainedEntry[]
  /** `before` of the next page, or null. */
  readonly next: number | null
  /** The sequence number of an entry of this page that is not as it was written, or null. */
  readonly brokenAt: number | null
}

/** Key of the advisory lock that lets one appender at a time see the end of the chain; "tandem" and a number. */
const LOCK = [0x7a0de3, 1] as const
const MAX_PAGE = 1000

/** Who did what: one hash chain for the fleet, in Postgres, which only grows. */
export class Audit {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  /** Writes it down with the rest of a transaction: both happen, or neither. Others wait until the transaction ends. */
  async append(client: pg.ClientBase, deed: Deed): Promise<void> {
    await client.query('select pg_advisory_xact_lock($1, $2)', [...LOCK])
    const { rows } = await client.query<{ sequence: number; hash: string; at: Date }>(
      `select coalesce(last.sequence, 0) as sequence, encode(last.hash, 'hex') as hash,
         date_trunc('milliseconds', clock_timestamp()) as at
       from (values (1)) as one left join (
         select sequence, hash from audit order by sequence desc limit 1
       ) as last on true`,
    )
    const [last] = rows
    if (last === undefined) return
    const { actor, action, subject, details } = deed
    const entry = { sequence: last.sequence + 1, at: last.at.toISOString(), actor, action, subject, details }
    const previousHash = last.hash ?? GENESIS_HASH
    await client.query(
      `insert into audit (sequence, at, actor, action, subject, details, previous_hash, hash)
       values ($1, $2, $3, $4, $5, $6, decode($7, 'hex'), decode($8, 'hex'))`,
      [
        entry.sequence,
        entry.at,
        actor,
        action,
        subject,
        JSON.stringify(details),
        previousHash,
        auditHash(previousHash, entry),
      ],
    )
  }

  /** Writes it down by itself. */
  record(deed: Deed): Promise<void> {
    return inTransaction(this.#pool, (client) => this.append(client, deed))
  }

  /** The entries before that one, or the newest; checked against the chain. */
  async page(limit: number, before: number | null): Promise<AuditPage> {
    const size = Math.min(Math.max(Math.trunc(limit), 1), MAX_PAGE)
    const { rows } = await this.#pool
      .query<Omit<ChainedEntry, 'at'> & { at: Date }>(
        `select sequence, at, actor, action, subject, details,
           encode(previous_hash, 'hex') as "previousHash", encode(hash, 'hex') as hash
         from audit where $1::bigint is null or sequence < $1 order by sequence desc limit $2`,
        [before, size],
      )
      .catch((error: unknown) => {
        throw asStoreError(error)
      })
    const entries = rows.map((row) => ({ ...row, at: row.at.toISOString() }))
    const last = entries.at(-1)
    return {
      entries,
      next: last === undefined || entries.length < size || last.sequence <= 1 ? null : last.sequence,
      brokenAt: firstBroken(entries.toReversed()),
    }
  }
}
