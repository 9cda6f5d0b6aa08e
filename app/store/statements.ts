import type pg from 'pg'
import { sqlOf } from './sql-files.ts'
import { asStoreError } from './transaction.ts'

/** The statements of `sql/` on a pool, by name. Each is prepared once a connection. */
export class Statements {
  readonly #pool: pg.Pool
  readonly #texts: ReadonlyMap<string, string>

  /** @param texts the texts of `sql/`, by name */
  constructor(pool: pg.Pool, texts: ReadonlyMap<string, string>) {
    this.#pool = pool
    this.#texts = texts
  }

  /** The rows that a statement gives. Rejects with a StoreError where PostgreSQL is away or refuses. */
  async query<Row extends pg.QueryResultRow>(name: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>({ name, text: sqlOf(this.#texts, name), values: [...values] })).rows
    } catch (error) {
      throw asStoreError(error)
    }
  }
}
