import type { Selectable } from 'kysely'
import { type CallId, callId, type NodeId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { CallsTable } from './postgres.ts'
import { toCallRow } from './rows.ts'
import type { Statements } from './statements.ts'

/** A call that has not ended, as it stood in PostgreSQL. */
export interface OpenCall {
  readonly row: CallRow
  /** The term in which its owner writes rows, which may be later than that of the row: the first of them may not have come yet. */
  readonly ownerTerm: number
  /** What tells one claim from the next; the term of an owner who has just claimed it. */
  readonly ownerEpoch: number
  /** The last thing that is on record about it. */
  readonly lastAt: Date
}

/**
 * Who may act for a call, which PostgreSQL alone says: each change of owner is one statement that compares and sets the owner's term. All
 * reject with a StoreError where Postgres is away.
 */
export class CallOwners {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Puts calls on record that are known elsewhere; what PostgreSQL has of them already and is newer stays. */
  async record(rows: readonly CallRow[]): Promise<void> {
    if (rows.length === 0) return
    await this.#statements.query('write-call', [JSON.stringify(rows.map((call) => ({ sequence: 0, call })))])
  }

  /** The calls of a node that have not ended; those of its further processes too, where they are asked for. */
  async open(node: NodeId, withWorkers: boolean): Promise<readonly OpenCall[]> {
    const rows = await this.#statements.query<Selectable<CallsTable> & { last_at: Date }>('open-calls', [
      node,
      withWorkers,
    ])
    return rows.map((row) => ({
      row: toCallRow(row),
      ownerTerm: row.owner_term,
      ownerEpoch: row.owner_epoch,
      lastAt: row.last_at,
    }))
  }

  /**
   * Makes a node the owner of calls, as far as they are still as they were noted. Gives back those that it got, `ownerTerm` as it was noted,
   * `ownerEpoch` its own.
   */
  async claim(calls: readonly OpenCall[], node: NodeId): Promise<readonly OpenCall[]> {
    if (calls.length === 0) return []
    const [ids, epochs] = [calls.map(({ row }) => row.id), calls.map(({ ownerEpoch }) => ownerEpoch)]
    const rows = await this.#statements.query<{ id: string; owner_epoch: number }>('claim-calls', [ids, epochs, node])
    const terms = new Map(rows.map(({ id, owner_epoch }) => [callId(id), owner_epoch]))
    return calls.flatMap((call) => {
      const ownerEpoch = terms.get(call.row.id)
      return ownerEpoch === undefined ? [] : [{ ...call, ownerEpoch }]
    })
  }

  /** Whether a claim still stands, by the epoch that it gave. */
  async owns({ row, ownerEpoch }: OpenCall): Promise<boolean> {
    return (await this.#statements.query('owns-call', [row.id, ownerEpoch])).length > 0
  }

  /** A term that nobody else has. */
  async newTerm(): Promise<number> {
    const [row] = await this.#statements.query<{ term: number }>('new-term', [])
    if (row === undefined) throw new Error('a sequence gave no number')
    return row.term
  }

  /**
   * Begins a new term of each call that is still the owner's, and says which are another one's. A call that is not on record yet is nobody
   * else's.
   *
   * @param calls the term in which the owner writes each
   * @param begun terms that it has begun since, perhaps without having heard so
   */
  async reclaim(
    calls: ReadonlyMap<CallId, number>,
    begun: readonly number[],
    term: number,
  ): Promise<readonly CallId[]> {
    const values = [[...calls.keys()], [...calls.values()], begun, term]
    const rows = await this.#statements.query<{ id: string; is_own: boolean }>('reclaim-calls', values)
    return rows.flatMap(({ id, is_own }) => (is_own ? [] : [callId(id)]))
  }
}
