import { FRAME_MS } from '../../../lib/media/g711.ts'

/** Something that is served every 20 ms. */
export interface Ticking {
  /** `skipped` ticks were given up before this one, as the thread was blocked. Must not throw. */
  tick(nowMs: number, skipped: number): void
}

/** Legs are spread over slices, so that not all packets of a worker leave in one burst. */
const SLICE_MS = 4
const SLICES = FRAME_MS / SLICE_MS
/** Ticks that are made up for after a blocked thread; what is beyond is skipped, rather than sent as a burst. */
const MAX_CATCH_UP_TICKS = 5
/** A timer that fires this much early is served at once. */
const EARLY_MS = 0.5

interface Slice {
  readonly members: Set<Ticking>
  skipped: number
}

/**
 * The packet clock of a worker: one timer for all legs, at absolute deadlines, so that lateness never adds up. It stands
 * still while nobody is on it.
 */
export class TickWheel {
  readonly #now: () => number
  readonly #slices: readonly Slice[] = Array.from({ length: SLICES }, () => ({ members: new Set(), skipped: 0 }))
  #timer: NodeJS.Timeout | null = null
  #epochMs = 0
  /** The next slice to serve, counted from the epoch. */
  #next = 0
  #maxLagMs = 0
  #skippedTicks = 0

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#slices.reduce((sum, slice) => sum + slice.members.size, 0)
  }

  add(member: Ticking): void {
    const slice = this.#slices.reduce((a, b) => (b.members.size < a.members.size ? b : a))
    slice.members.add(member)
    if (this.#timer !== null) return
    this.#epochMs = this.#now()
    this.#next = 1
    for (const each of this.#slices) each.skipped = 0
    this.#arm(this.#epochMs)
  }

  delete(member: Ticking): void {
    for (const slice of this.#slices) slice.members.delete(member)
    if (this.size > 0 || this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }

  /** The worst lag and the ticks skipped since this was asked last. */
  takeLag(): { readonly maxLagMs: number; readonly skippedTicks: number } {
    const lag = { maxLagMs: this.#maxLagMs, skippedTicks: this.#skippedTicks }
    this.#maxLagMs = 0
    this.#skippedTicks = 0
    return lag
  }

  #arm(nowMs: number): void {
    const delayMs = this.#epochMs + this.#next * SLICE_MS - nowMs
    this.#timer = setTimeout(this.#serve, Math.max(1, Math.round(delayMs)))
  }

  readonly #serve = (): void => {
    const nowMs = this.#now()
    const due = Math.floor((nowMs - this.#epochMs + EARLY_MS) / SLICE_MS)
    this.#maxLagMs = Math.max(this.#maxLagMs, nowMs - (this.#epochMs + this.#next * SLICE_MS))
    this.#skip(due)
    while (this.#next <= due && this.#timer !== null) {
      const slice = this.#slices[this.#next++ % SLICES]
      if (slice === undefined) continue
      const skipped = slice.skipped
      slice.skipped = 0
      for (const member of slice.members) member.tick(nowMs, skipped)
    }
    // The last member may have left meanwhile.
    if (this.#timer !== null) this.#arm(this.#now())
  }

  /** Gives up whole rounds that lie too far back. */
  #skip(due: number): void {
    const rounds = Math.floor((due - this.#next) / SLICES) - MAX_CATCH_UP_TICKS
    if (rounds <= 0) return
    this.#next += rounds * SLICES
    this.#skippedTicks += rounds
    for (const slice of this.#slices) slice.skipped += rounds
  }
}
