import { setTimeout as delay } from 'node:timers/promises'
import type { Batch, DiskJournal } from './disk-journal.ts'
import { StoreError, wordsOf } from './store-error.ts'

const BACKOFF_FIRST_MS = 100
const BACKOFF_MAX_MS = 5000
/** How often work that is due now and then, such as new partitions, is done. */
const UPKEEP_INTERVAL_MS = 3_600_000

export interface WriteBehindOptions {
  readonly disk: DiskJournal
  /** Makes the database ready; called until it succeeds, before anything is written. */
  readonly prepare: () => Promise<void>
  /** Called when all of earlier runs is written, before anything of this run is; until it succeeds. */
  readonly onReplayed: () => Promise<void>
  readonly write: (batch: Batch) => Promise<void>
  /** A cheap question that Postgres answers where it is there. */
  readonly probe: () => Promise<void>
  readonly upkeep: () => Promise<void>
  /** The reason why Postgres takes nothing, or null where it takes again. */
  readonly onChange: (away: StoreError | null) => void
}

/** The loop that carries the journal to Postgres: batch after batch while it takes them, with back-off while not. */
export class WriteBehind {
  readonly #options: WriteBehindOptions
  readonly #ending = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #wake: () => void = () => undefined
  #more = false
  #suspect = false
  #prepared = false
  #replayed = false
  #away: StoreError | null = null
  #upkeepAtMs = performance.now()

  constructor(options: WriteBehindOptions) {
    this.#options = options
  }

  /** Why Postgres takes nothing now, or null. */
  get away(): StoreError | null {
    return this.#away
  }

  /** Starts the loop; resolves when Postgres has all of earlier runs, or has failed once: at once where it is known to be away. */
  start(away: StoreError | null = null): Promise<void> {
    const { promise, resolve } = deferred()
    if (away !== null) {
      this.#change(away)
      resolve()
    }
    this.#loop = this.#run(resolve)
    return promise
  }

  /** There may be more to write. */
  notify(): void {
    this.#more = true
    this.#wake()
  }

  /** Something says that Postgres may be away, or why it is: look. */
  suspect(reason?: StoreError): void {
    if (reason !== undefined) this.#change(reason)
    this.#suspect = true
    this.notify()
  }

  /** Ends the loop after the batch in hand. */
  async stop(): Promise<void> {
    this.#ending.abort()
    this.#wake()
    await this.#loop
  }

  async #run(onFirst: () => void): Promise<void> {
    let backoffMs = BACKOFF_FIRST_MS
    while (!this.#ending.signal.aborted) {
      try {
        const idle = await this.#step()
        backoffMs = BACKOFF_FIRST_MS
        this.#change(null)
        if (this.#replayed) onFirst()
        if (idle) await this.#untilWoken()
      } catch (error) {
        this.#change(error instanceof StoreError ? error : new StoreError('postgres-away', wordsOf(error), error))
        onFirst()
        await delay(backoffMs * (0.75 + Math.random() / 2), undefined, { signal: this.#ending.signal }).catch(
          () => null,
        )
        backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
      }
    }
    onFirst()
  }

  /** Does the next thing there is to do; true where there is nothing. */
  async #step(): Promise<boolean> {
    const { disk, prepare, onReplayed, probe, upkeep } = this.#options
    if (!this.#prepared) {
      await prepare()
      this.#prepared = true
    }
    if (this.#suspect) {
      await probe()
      this.#suspect = false
    }
    if (performance.now() - this.#upkeepAtMs > UPKEEP_INTERVAL_MS) {
      this.#upkeepAtMs = performance.now()
      await upkeep()
    }
    this.#more = false
    const batch = await disk.read()
    if (!this.#replayed && batch?.earlier !== true) {
      disk.putBack()
      await onReplayed()
      this.#replayed = true
      return false
    }
    if (batch === null) return !this.#more
    await this.#carry(batch)
    return false
  }

  async #carry(batch: Batch): Promise<void> {
    try {
      await this.#options.write(batch)
    } catch (error) {
      this.#options.disk.putBack()
      throw error
    }
    await this.#options.disk.done(batch)
  }

  #change(away: StoreError | null): void {
    const changed = (this.#away === null) !== (away === null)
    this.#away = away
    if (changed) this.#options.onChange(away)
  }

  /** Wakes for upkeep too, and never holds the process. */
  #untilWoken(): Promise<void> {
    if (this.#more || this.#ending.signal.aborted) return Promise.resolve()
    const { promise, resolve } = deferred()
    const timer = setTimeout(resolve, UPKEEP_INTERVAL_MS).unref()
    this.#wake = () => {
      clearTimeout(timer)
      resolve()
    }
    return promise
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
