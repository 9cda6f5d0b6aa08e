interface Told {
  readonly sinceMs: number
  readonly count: number
}

/** How much of the same may be told: so many of a kind in each window of time. Kinds are few: it keeps a count of each. */
export class TellingBudget {
  readonly #max: number
  readonly #windowMs: number
  readonly #told = new Map<string, Told>()

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  /** Whether one more of a kind may be told now, in which case it counts. @param nowMs monotonic */
  take(kind: string, nowMs: number): boolean {
    const before = this.#told.get(kind)
    const isFresh = before === undefined || nowMs - before.sinceMs >= this.#windowMs
    const { sinceMs, count } = isFresh ? { sinceMs: nowMs, count: 0 } : before
    if (count >= this.#max) return false
    this.#told.set(kind, { sinceMs, count: count + 1 })
    return true
  }
}
