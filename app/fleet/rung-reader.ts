import type pg from 'pg'
import { withDeadline } from '../deadline.ts'
import { asStoreError } from '../store/transaction.ts'
import { formatRing, NOTIFY_CHANNEL, type PostgresDoorbell } from './postgres-doorbell.ts'
import type { SharedState, Unsubscribe } from './shared-state.ts'

export interface RungReaderOptions {
  /** Names what is read, on both doorbells. */
  readonly channel: string
  readonly shared: SharedState
  /** Rings with the change itself, so that no crash and no outage of Redis comes between them. */
  readonly doorbell: PostgresDoorbell
  /** Reads it anew; what was known last stays where it rejects. */
  readonly read: () => Promise<void>
  /** Hears why it could not be read. */
  readonly onError: (error: unknown) => void
  /** How often it is read although nothing rang. */
  readonly intervalMs?: number | undefined
}

const INTERVAL_MS = 3000
/** How long a node that starts waits for Postgres; then what it has on disk is in force. */
const FIRST_READ_MS = 2000

/**
 * Knows when to read again what all nodes share and Postgres has: at the start, at each ring, when a doorbell is back, and every few seconds. A ring
 * says only that it has changed.
 */
export class RungReader {
  readonly #options: RungReaderOptions
  readonly #stops: (Unsubscribe | (() => void))[] = []
  readonly #timer: NodeJS.Timeout
  #reading: Promise<void> | null = null
  #again = false
  #closed = false

  constructor(options: RungReaderOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.refresh(), options.intervalMs ?? INTERVAL_MS).unref()
  }

  /** Once. Resolves when it is read, or cannot be read now or in time. */
  async start(): Promise<void> {
    const { channel, shared, doorbell } = this.#options
    for (const bell of [shared, doorbell]) {
      this.#stops.push(
        await bell.subscribe(channel, () => void this.refresh()),
        bell.onState(({ state }) => state === 'up' && void this.refresh()),
      )
    }
    await withDeadline(this.refresh(), FIRST_READ_MS)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Reads it anew; once more where that is under way already. Never rejects. */
  refresh(): Promise<void> {
    this.#again = true
    this.#reading ??= this.#readAll()
    return this.#reading
  }

  /** Rings as the transaction is committed. */
  async ringWith(client: pg.PoolClient): Promise<void> {
    await client.query('select pg_notify($1, $2)', [NOTIFY_CHANNEL, formatRing(this.#options.channel, 'null')])
  }

  /** It has been committed: known here when this resolves. */
  async changed(): Promise<void> {
    const { channel, shared } = this.#options
    // Where Redis is away the other bell has rung.
    await Promise.all([shared.publish(channel, null).catch(() => undefined), this.refresh()])
  }

  /** Resolves when nothing is being read any more. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    for (const stop of this.#stops) await stop()
    await this.#reading
  }

  async #readAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await this.#options.read()
      } catch (error) {
        this.#options.onError(asStoreError(error))
      }
    }
    this.#reading = null // In the same step as the last look at `#again`, so that no wish is lost between the two.
  }
}
