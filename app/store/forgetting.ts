import type { Removal } from '../../lib/store/retention.ts'
import { ulidTime } from '../../lib/store/ulid-range.ts'
import type { Statements } from './statements.ts'

/** Calls that one statement looks at: few enough that nobody waits for it. */
const BATCH = 500

/** How far behind what was removed before one looks again: calls that lasted, and what a journal brought late. */
const LOOK_BACK_MS = 86_400_000

/** What was removed, in numbers of calls. */
export interface Removed {
  readonly records: number
  readonly transcripts: number
}

/** Removes from PostgreSQL what has been kept long enough. */
export class Forgetting {
  readonly #statements: Pick<Statements, 'query'>
  /** Up to which time each removal was done: the first sweep of a run looks at everything. */
  readonly #doneUntil = new Map<string, Date>()

  constructor(statements: Pick<Statements, 'query'>) {
    this.#statements = statements
  }

  /**
   * Performs removals, one statement after the other. Nodes that do it at the same time pass over each other's calls. Rejects with a StoreError
   * where PostgreSQL is away: what was removed stays so, and the next sweep does the rest.
   */
  async sweep(removals: readonly Removal[], signal: AbortSignal): Promise<Removed> {
    const removed = { records: 0, transcripts: 0 }
    for (const removal of removals) removed[removal.what] += await this.#remove(removal, signal)
    return removed
  }

  async #remove({ what, scope, before }: Removal, signal: AbortSignal): Promise<number> {
    const name = JSON.stringify([what, scope])
    const done = this.#doneUntil.get(name)
    const until = ulidTime(before)
    const whose = [scope.tenants, scope.isAllBut]
    let after = done === undefined ? '' : ulidTime(new Date(done.getTime() - LOOK_BACK_MS))
    let removed = 0
    while (!signal.aborted) {
      const values = [...whose, after, until, BATCH]
      const [row] = await this.#statements.query<Batch>(`forget-${what === 'records' ? 'calls' : what}`, values)
      removed += row?.removed ?? 0
      if (row === undefined || row.last === null || row.seen < BATCH) break
      after = row.last
    }
    if (what === 'records') await this.#removeEvents([...whose, before, BATCH], signal)
    if (!signal.aborted) this.#doneUntil.set(name, before)
    return removed
  }

  /** Events of no call, such as those of trunks and nodes. */
  async #removeEvents(values: readonly unknown[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [row] = await this.#statements.query<Pick<Batch, 'removed'>>('forget-events', values)
      if ((row?.removed ?? 0) < BATCH) return
    }
  }
}

interface Batch {
  /** Calls that were looked at. */
  readonly seen: number
  readonly removed: number
  readonly last: string | null
}
