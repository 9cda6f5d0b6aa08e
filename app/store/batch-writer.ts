import type pg from 'pg'
import { ENTRY_KINDS, type EntryKind, isEntryKind } from '../../lib/store/entry.ts'
import type { Frame } from '../../lib/store/frame.ts'
import { judgeFault } from './postgres.ts'
import { sqlOf } from './sql-files.ts'
import { wordsOf } from './store-error.ts'
import { giveBack } from './transaction.ts'

/** Hears of an entry that Postgres will never take; when it resolves, the entry counts as dealt with. */
export type OnPoison = (frame: Frame, reason: string) => Promise<void>

/**
 * Writes entries of the journal to their tables, one statement a kind. The JSON goes to Postgres as it stands in the
 * journal and is taken apart there. Keys and revisions make a second writing of the same entries change nothing.
 */
export class BatchWriter {
  readonly #pool: pg.Pool
  readonly #statements: ReadonlyMap<EntryKind, string>
  readonly #onPoison: OnPoison

  /** `statements` are the texts of `sql/`, by name. */
  constructor(pool: pg.Pool, statements: ReadonlyMap<string, string>, onPoison: OnPoison) {
    this.#pool = pool
    this.#statements = new Map(ENTRY_KINDS.map((kind) => [kind, sqlOf(statements, `write-${kind}`)]))
    this.#onPoison = onPoison
  }

  /**
   * Writes all of it. Entries that cannot be stored are found by halving, and set aside. Rejects where Postgres is away;
   * then any part may have been written, and the whole is to be written again.
   */
  async write(frames: readonly Frame[]): Promise<void> {
    const strangers = frames.filter(({ kind }) => !isEntryKind(kind))
    for (const stranger of strangers) await this.#onPoison(stranger, `no kind of entry: ${stranger.kind.slice(0, 32)}`)
    await this.#writeOrHalve(frames.filter(({ kind }) => isEntryKind(kind)))
  }

  async #writeOrHalve(frames: readonly Frame[]): Promise<void> {
    if (frames.length === 0) return
    try {
      await this.#transaction(frames)
    } catch (error) {
      if (judgeFault(error) !== 'poison') throw error
      const [first] = frames
      if (frames.length === 1 && first !== undefined) {
        await this.#onPoison(first, wordsOf(error))
        return
      }
      const middle = Math.ceil(frames.length / 2)
      await this.#writeOrHalve(frames.slice(0, middle))
      await this.#writeOrHalve(frames.slice(middle))
    }
  }

  async #transaction(frames: readonly Frame[]): Promise<void> {
    const client = await this.#pool.connect()
    try {
      await client.query('begin')
      for (const [kind, text] of this.#statements) {
        const own = frames.filter((frame) => frame.kind === kind)
        if (own.length > 0) await client.query({ name: `write-${kind}`, text, values: [arrayOf(own)] })
      }
      await client.query('commit')
      client.release()
    } catch (error) {
      await giveBack(client, error)
      throw error
    }
  }
}

const arrayOf = (frames: readonly Frame[]): string => `[${frames.map(({ json }) => json.toString()).join(',')}]`
