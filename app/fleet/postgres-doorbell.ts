import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { connectionConfig } from '../store/postgres.ts'
import { wordsOf } from '../store/store-error.ts'
import type { SharedStateChange, Unsubscribe } from './shared-state.ts'

/** The one channel of Postgres that carries all of ours: its names are limited, ours are not. */
export const NOTIFY_CHANNEL = 'tandem_doorbell'

const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 5000
/** A connection whose other end is gone without a word is found out by asking. */
const PING_INTERVAL_MS = 5000
const PING_TIMEOUT_MS = 5000
/** Who subscribes first waits so long for the connection, all that come after them together. */
const FIRST_WAIT_MS = 1000

type Listener = (message: unknown) => void

/** Hears what any node rings, over a connection of its own that is made anew whenever it breaks. */
export class PostgresDoorbell {
  readonly #url: string
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #ending = new AbortController()
  readonly #watchers = new Set<(change: SharedStateChange) => void>()
  /** Null until the first attempt to listen has ended. */
  #state: SharedStateChange['state'] | null = null
  #loop: Promise<void> | null = null
  #attempt: Promise<void> = Promise.resolve()
  #patience: Promise<void> = Promise.resolve()

  constructor(url: string) {
    this.#url = url
  }

  /**
   * Resolves when rings are heard, or when Postgres cannot be reached now or in time: then they are heard as soon as it can. What is
   * rung while the connection is away is not heard.
   */
  async subscribe(channel: string, listener: Listener): Promise<Unsubscribe> {
    const own = (message: unknown): void => listener(message)
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(own))
    if (this.#loop === null) {
      this.#loop = this.#run()
      this.#patience = delay(FIRST_WAIT_MS, undefined, { signal: this.#ending.signal }).catch(() => undefined)
    }
    await Promise.race([this.#attempt, this.#patience])
    return async () => {
      listeners.delete(own)
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel)
    }
  }

  /** Hears of every change from now on: whether rings are heard. Returns the way to stop hearing. */
  onState(watcher: (change: SharedStateChange) => void): () => void {
    const own = (change: SharedStateChange): void => watcher(change)
    this.#watchers.add(own)
    return () => this.#watchers.delete(own)
  }

  async close(): Promise<void> {
    this.#ending.abort()
    this.#watchers.clear()
    this.#listeners.clear()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    let backoffMs = BACKOFF_FIRST_MS
    while (!signal.aborted) {
      const client = new pg.Client({ ...connectionConfig(this.#url), query_timeout: PING_TIMEOUT_MS })
      const ended = new Promise<void>((resolve) => {
        client.once('end', resolve)
        client.on('error', () => resolve()) // Whatever it was: the connection is made anew.
      })
      const listening = this.#listen(client)
      this.#attempt = listening.then(() => undefined)
      const failure = await listening
      if (failure === null) {
        backoffMs = BACKOFF_FIRST_MS
        this.#tell({ state: 'up' })
        await this.#untilBroken(client, ended)
        this.#tell({ state: 'down', reason: 'the connection that listens is gone' })
      } else {
        this.#tell({ state: 'down', reason: wordsOf(failure) })
      }
      await client.end().catch(() => undefined)
      await delay(backoffMs, undefined, { signal, ref: false }).catch(() => null)
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
    }
  }

  #tell(change: SharedStateChange): void {
    if (this.#state === change.state) return
    this.#state = change.state
    for (const watcher of this.#watchers) watcher(change)
  }

  /** Null, or why rings are not heard. */
  async #listen(client: pg.Client): Promise<unknown> {
    client.on('notification', ({ payload }) => this.#deliver(payload))
    try {
      await client.connect()
      await client.query(`listen ${NOTIFY_CHANNEL}`)
      return null
    } catch (error) {
      return error // Postgres is away; the store reports that, and we come back.
    }
  }

  async #untilBroken(client: pg.Client, ended: Promise<void>): Promise<void> {
    const { signal } = this.#ending
    const stop = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    while (!signal.aborted) {
      const timer = new AbortController()
      await Promise.race([
        ended,
        stop,
        delay(PING_INTERVAL_MS, undefined, { signal: timer.signal, ref: false }).catch(() => null),
      ])
      timer.abort()
      if (signal.aborted) return
      const alive = await client.query('select 1').then(
        () => true,
        () => false,
      )
      if (!alive) return
    }
  }

  #deliver(payload: string | undefined): void {
    const ring = parseRing(payload)
    if (ring === null) return
    for (const listener of this.#listeners.get(ring.channel) ?? []) {
      try {
        listener(ring.message)
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}

/** What is sent: the channel and the message as one JSON array. */
export const formatRing = (channel: string, json: string): string => `[${JSON.stringify(channel)},${json}]`

/** Null for what nobody of ours sent: any client of the database may notify. */
function parseRing(payload: string | undefined): { readonly channel: string; readonly message: unknown } | null {
  try {
    const ring: unknown = JSON.parse(payload ?? '')
    if (!Array.isArray(ring) || ring.length !== 2 || typeof ring[0] !== 'string') return null
    return { channel: ring[0], message: ring[1] }
  } catch {
    return null
  }
}
