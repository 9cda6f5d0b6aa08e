import { newUlid } from '../ulid.ts'
import type { SharedState } from './shared-state.ts'

export interface SnapshotOptions {
  readonly shared: SharedState
  /** What is kept: all keys with one of these prefixes. */
  readonly prefixes: readonly string[]
  readonly intervalMs: number
  /** For so long after an outage of the carrier nothing counts as gone: whoever lives needs time to say so again. */
  readonly settleMs: number
  /** Monotonic. */
  readonly nowMs?: () => number
}

/** Ends by itself once a day: the carrier then settles anew, and nobody notices. */
const MARK_TTL_MS = 86_400_000

/**
 * What this node knows of the fleet, read from memory: asked for every interval, and kept as it was while the carrier of
 * the shared state is away. A value is dropped only when a carrier that has answered for `settleMs` does not have it. A carrier that has
 * lost its memory (emptied, failed over to a replica without it) says nothing about the others: a mark of our own, which no heartbeat
 * puts again, tells.
 */
export class FleetSnapshot {
  readonly #options: SnapshotOptions
  readonly #nowMs: () => number
  readonly #timer: NodeJS.Timeout
  readonly #stop: () => void
  readonly #listeners = new Set<(sentAtMs: number) => void>()
  readonly #breaks = new Set<() => void>()
  readonly #values = new Map<string, ReadonlyMap<string, unknown>>()
  /** Since when the carrier has answered every time; null while it does not. */
  #answeringSinceMs: number | null = null
  #answeredAtMs: number | null = null
  readonly #mark = `mark:${newUlid()}`
  #isMarked = false
  #reading: Promise<void> | null = null
  #again = false
  #closed = false

  constructor(options: SnapshotOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#timer = setInterval(() => void this.refresh(), options.intervalMs).unref()
    this.#stop = options.shared.onState(({ state }) => {
      if (state === 'down') this.#broken()
      else void this.refresh()
    })
    void this.refresh()
  }

  /** The last known values under one of the prefixes, by key. */
  list(prefix: string): ReadonlyMap<string, unknown> {
    return this.#values.get(prefix) ?? new Map()
  }

  /** How old they are; null where the carrier has never answered. */
  get ageMs(): number | null {
    return this.#answeredAtMs === null ? null : this.#nowMs() - this.#answeredAtMs
  }

  /** Whether the carrier has answered for long enough that what it does not have is gone. */
  get settled(): boolean {
    return this.#answeringSinceMs !== null && this.#nowMs() - this.#answeringSinceMs >= this.#options.settleMs
  }

  /** Hears after each successful reading, and when it was begun (monotonic); returns the way to stop hearing. */
  onRead(listener: (sentAtMs: number) => void): () => void {
    const own = (sentAtMs: number): void => listener(sentAtMs)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** Hears each time that the carrier does not answer; returns the way to stop hearing. */
  onBroken(listener: () => void): () => void {
    const own = (): void => listener()
    this.#breaks.add(own)
    return () => this.#breaks.delete(own)
  }

  /** Reads it now; once more where that is under way already. Never rejects. */
  refresh(): Promise<void> {
    this.#again = true
    this.#reading ??= this.#readAll()
    return this.#reading
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop()
    this.#listeners.clear()
    this.#breaks.clear()
    this.#closed = true
    await this.#reading
    if (this.#isMarked) await this.#options.shared.delete(this.#mark).catch(() => undefined)
  }

  async #readAll(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false
      await this.#read()
    }
    this.#reading = null // In the same step as the last look at `#again`, so that no wish is lost between the two.
  }

  async #read(): Promise<void> {
    const { shared, prefixes } = this.#options
    const sentAtMs = this.#nowMs()
    let lists: readonly ReadonlyMap<string, unknown>[]
    try {
      lists = await Promise.all(prefixes.map((prefix) => shared.list(prefix)))
      // Asked last: a memory that was lost before or under the lists is noticed with these lists.
      if (!(await this.#isRemembered())) this.#broken()
    } catch {
      this.#broken() // What was known stays; the carrier says itself that it is down.
      return
    }
    this.#answeredAtMs = this.#nowMs()
    this.#answeringSinceMs ??= this.#answeredAtMs
    for (const [i, prefix] of prefixes.entries()) {
      const fresh = lists[i] ?? new Map()
      this.#values.set(prefix, this.settled ? fresh : new Map([...this.list(prefix), ...fresh]))
    }
    for (const listener of this.#listeners) listener(sentAtMs)
  }

  /** Whether the carrier still has our mark; it gets one where it has none. */
  async #isRemembered(): Promise<boolean> {
    const { shared } = this.#options
    if (this.#isMarked && (await shared.get(this.#mark)) !== undefined) return true
    await shared.put(this.#mark, true, MARK_TTL_MS)
    const isFirst = !this.#isMarked
    this.#isMarked = true
    return isFirst
  }

  #broken(): void {
    this.#answeringSinceMs = null
    for (const listener of this.#breaks) listener()
  }
}
