import type pg from 'pg'
import { judgeFault } from '../store/postgres.ts'
import { StoreError, wordsOf } from '../store/store-error.ts'
import { formatRing, NOTIFY_CHANNEL, type PostgresDoorbell } from './postgres-doorbell.ts'
import type { SharedState, SharedStateChange, Unsubscribe } from './shared-state.ts'
import { checkChannel, checkKey, checkTtl, toMessage, toValue } from './shared-state-input.ts'

/** Expired rows are invisible at once; this is how often they are deleted too. */
const SWEEP_INTERVAL_MS = 30_000

/**
 * Shared state in an unlogged table of Postgres, with LISTEN and NOTIFY as the doorbell. Times are those of the server, so
 * the clocks of the nodes do not matter. Rejects with `shared-state-input` for what no carrier takes, `postgres-away` else.
 */
export class PostgresSharedState implements SharedState {
  readonly #pool: pg.Pool
  readonly #doorbell: PostgresDoorbell
  readonly #sweeper: NodeJS.Timeout

  /** Pool and doorbell stay the caller's. */
  constructor(pool: pg.Pool, doorbell: PostgresDoorbell) {
    this.#pool = pool
    this.#doorbell = doorbell
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_INTERVAL_MS).unref()
  }

  async put(key: string, value: unknown, ttlMs: number): Promise<void> {
    await this.#query(
      `insert into shared_state (key, value, expires_at) values ($1, $2, clock_timestamp() + $3 * interval '1 ms')
       on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at`,
      [checkKey(key), toValue(value), checkTtl(ttlMs)],
    )
  }

  async get(key: string): Promise<unknown> {
    const rows = await this.#query<{ value: string }>(
      'select value from shared_state where key = $1 and expires_at > clock_timestamp()',
      [checkKey(key)],
    )
    return rows[0] === undefined ? undefined : JSON.parse(rows[0].value)
  }

  async delete(key: string): Promise<void> {
    await this.#query('delete from shared_state where key = $1', [checkKey(key)])
  }

  async list(prefix: string): Promise<ReadonlyMap<string, unknown>> {
    const rows = await this.#query<{ key: string; value: string }>(
      'select key, value from shared_state where starts_with(key, $1) and expires_at > clock_timestamp() order by key',
      [prefix === '' ? '' : checkKey(prefix)],
    )
    return new Map(rows.map(({ key, value }) => [key, JSON.parse(value)]))
  }

  async claim(key: string, holder: string, ttlMs: number): Promise<boolean> {
    const rows = await this.#query(
      `insert into shared_state (key, value, expires_at) values ($1, $2, clock_timestamp() + $3 * interval '1 ms')
       on conflict (key) do update set value = excluded.value, expires_at = excluded.expires_at
       where shared_state.expires_at <= clock_timestamp() or shared_state.value = excluded.value
       returning key`,
      [checkKey(key), toValue(holder), checkTtl(ttlMs)],
    )
    return rows.length === 1
  }

  async release(key: string, holder: string): Promise<boolean> {
    const rows = await this.#query(
      'delete from shared_state where key = $1 and value = $2 and expires_at > clock_timestamp() returning key',
      [checkKey(key), toValue(holder)],
    )
    return rows.length === 1
  }

  async publish(channel: string, message: unknown): Promise<void> {
    await this.#query('select pg_notify($1, $2)', [
      NOTIFY_CHANNEL,
      formatRing(checkChannel(channel), toMessage(message)),
    ])
  }

  async subscribe(channel: string, listener: (message: unknown) => void): Promise<Unsubscribe> {
    return this.#doorbell.subscribe(checkChannel(channel), listener)
  }

  onState(listener: (change: SharedStateChange) => void): () => void {
    return this.#doorbell.onState(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.#sweeper)
  }

  async #query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, [...values])).rows
    } catch (error) {
      const code = judgeFault(error) === 'away' ? 'postgres-away' : 'postgres-refused'
      throw new StoreError(code, `shared state: ${wordsOf(error)}`, error)
    }
  }

  async #sweep(): Promise<void> {
    // Where Postgres is away the next sweep does it: nobody sees the rows meanwhile.
    await this.#query('delete from shared_state where expires_at < clock_timestamp()', []).catch(() => undefined)
  }
}
