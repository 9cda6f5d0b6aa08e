/** Counts events of the last second, for limits in calls per second. Holds at most `limit` moments, whatever is thrown at it. */
export class RateWindow {
  readonly #limit: number
  readonly #at: number[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  /** True, and counted, where one more stays within the limit; false, and not counted, where it would exceed it. */
  admit(nowMs: number): boolean {
    while (this.#at.length > 0 && nowMs - (this.#at[0] ?? 0) >= 1000) this.#at.shift()
    if (this.#at.length >= this.#limit) return false
    this.#at.push(nowMs)
    return true
  }
}
