import pg from 'pg'
import { judgeFault } from './postgres.ts'
import { StoreError, wordsOf } from './store-error.ts'

/** Does all of the work, or nothing of it. Rejects with `postgres-away` or `postgres-refused`. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw asStoreError(error)
  })
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    await giveBack(client, error)
    throw asStoreError(error)
  }
}

/** Gives a connection back on which a transaction has failed. One that does not answer, or cannot roll back, is of no use to anybody. */
export async function giveBack(client: pg.PoolClient, error: unknown): Promise<void> {
  const answers = error instanceof pg.DatabaseError || error instanceof StoreError
  await (answers ? client.query('rollback') : Promise.reject(error)).then(
    () => client.release(),
    () => client.release(true),
  )
}

/** What went wrong with Postgres, by what can be done about it. */
export function asStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error
  const code = judgeFault(error) === 'away' ? 'postgres-away' : 'postgres-refused'
  return new StoreError(code, `Postgres: ${wordsOf(error)}`, error)
}
