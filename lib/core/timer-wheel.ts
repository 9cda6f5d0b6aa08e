/** One deadline in a wheel. Opaque to its holder, who gives it back to `cancel`. */
export interface TimerHandle<P> {
  readonly atMs: number
  readonly payload: P
}

/** An entry is a node of its slot's ring; `slot` is -1 once it has fired or was cancelled. */
interface Entry<P> extends TimerHandle<P> {
  readonly tick: number
  slot: number
  previous: Entry<P> | undefined
  next: Entry<P> | undefined
}

const DEFAULT_TICK_MS = 10
/** A power of two. With ticks of 10 ms one turn takes 41 s, longer than any RFC 3261 transaction timer (32 s). */
const DEFAULT_SLOTS = 4096
const BITS_PER_WORD = 32

/**
 * A hashed timer wheel (Varghese and Lauck): schedule and cancel in O(1), whatever the number of timers.
 * It has no clock; whoever owns it calls `advance` with monotonic milliseconds and arms one real timer to `nextAtMs`.
 * A deadline is rounded up to the wheel's tick: a timer fires up to one tick late and never early.
 */
export class TimerWheel<P> {
  readonly #tickMs: number
  readonly #mask: number
  readonly #heads: (Entry<P> | undefined)[]
  readonly #tails: (Entry<P> | undefined)[]
  /** One bit a slot that holds at least one entry, so that empty slots are skipped 32 at a time. */
  readonly #occupied: Uint32Array
  #currentTick: number
  #size = 0

  /**
   * @param nowMs the moment the wheel starts at
   * @param options `tickMs` the resolution; `slots` a power of two of at least 32
   */
  constructor(nowMs: number, options: { readonly tickMs?: number; readonly slots?: number } = {}) {
    const slots = options.slots ?? DEFAULT_SLOTS
    if (slots < BITS_PER_WORD || (slots & (slots - 1)) !== 0) {
      throw new Error(`a timer wheel needs a power of two of at least ${BITS_PER_WORD} slots: ${slots}`)
    }
    this.#tickMs = options.tickMs ?? DEFAULT_TICK_MS
    this.#mask = slots - 1
    this.#heads = new Array<Entry<P> | undefined>(slots).fill(undefined)
    this.#tails = new Array<Entry<P> | undefined>(slots).fill(undefined)
    this.#occupied = new Uint32Array(slots / BITS_PER_WORD)
    this.#currentTick = Math.floor(nowMs / this.#tickMs)
  }

  /** How many timers are pending. */
  get size(): number {
    return this.#size
  }

  /** Adds a timer; one whose moment has passed fires at the next `advance`. */
  schedule(atMs: number, payload: P): TimerHandle<P> {
    const tick = Math.max(Math.ceil(atMs / this.#tickMs), this.#currentTick + 1)
    const slot = tick & this.#mask
    const previous = this.#tails[slot]
    const entry: Entry<P> = { atMs, payload, tick, slot, previous, next: undefined }
    if (previous === undefined) this.#heads[slot] = entry
    else previous.next = entry
    this.#tails[slot] = entry
    this.#mark(slot, true)
    this.#size += 1
    return entry
  }

  /** Takes a timer out. False if it has fired or was cancelled before. */
  cancel(handle: TimerHandle<P>): boolean {
    return isEntry(handle) && this.#remove(handle)
  }

  /** Moves the wheel's clock and returns the payloads that fell due, earliest tick first. Time never goes back. */
  advance(nowMs: number): P[] {
    const target = Math.floor(nowMs / this.#tickMs)
    const due: P[] = []
    if (this.#size === 0) this.#currentTick = Math.max(this.#currentTick, target)
    while (this.#currentTick < target) {
      const tick = this.#occupiedAfter(this.#currentTick, target)
      this.#currentTick = tick
      this.#collect(tick, due)
    }
    return due
  }

  /**
   * When to call `advance` next, or undefined with nothing pending. No timer is due before it; it may be earlier than
   * the first deadline when all timers lie more than one turn of the wheel ahead.
   */
  nextAtMs(): number | undefined {
    if (this.#size === 0) return undefined
    const horizon = this.#currentTick + this.#mask + 1
    for (let tick = this.#currentTick; tick < horizon; ) {
      tick = this.#occupiedAfter(tick, horizon)
      if (this.#hasEntryAt(tick)) return tick * this.#tickMs
    }
    return horizon * this.#tickMs
  }

  #hasEntryAt(tick: number): boolean {
    for (let entry = this.#heads[tick & this.#mask]; entry !== undefined; entry = entry.next) {
      if (entry.tick === tick) return true
    }
    return false
  }

  /** The first tick after `tick` whose slot holds anything, at most `limit`. */
  #occupiedAfter(tick: number, limit: number): number {
    for (let next = tick + 1; next < limit; ) {
      const slot = next & this.#mask
      const rest = (this.#occupied[slot >>> 5] ?? 0) >>> (slot & 31)
      if (rest === 0) next += BITS_PER_WORD - (slot & 31)
      else return Math.min(next + trailingZeros(rest), limit)
    }
    return limit
  }

  #collect(tick: number, due: P[]): void {
    let entry = this.#heads[tick & this.#mask]
    while (entry !== undefined) {
      const next = entry.next
      if (entry.tick <= tick) {
        this.#remove(entry)
        due.push(entry.payload)
      }
      entry = next
    }
  }

  #remove(entry: Entry<P>): boolean {
    const { slot, previous, next } = entry
    if (slot < 0) return false
    if (previous === undefined) this.#heads[slot] = next
    else previous.next = next
    if (next === undefined) this.#tails[slot] = previous
    else next.previous = previous
    if (this.#heads[slot] === undefined) this.#mark(slot, false)
    entry.slot = -1
    entry.previous = undefined
    entry.next = undefined
    this.#size -= 1
    return true
  }

  #mark(slot: number, occupied: boolean): void {
    const word = slot >>> 5
    const bit = 1 << (slot & 31)
    const before = this.#occupied[word] ?? 0
    this.#occupied[word] = occupied ? before | bit : before & ~bit
  }
}

const trailingZeros = (word: number): number => 31 - Math.clz32(word & -word)

/** Every handle a wheel gives out is its entry; the narrow type keeps the links out of the holders' reach. */
function isEntry<P>(handle: TimerHandle<P>): handle is Entry<P> {
  return 'slot' in handle
}
