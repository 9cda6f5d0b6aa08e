/**
 * A limit of so many events a second, as a sliding window: never more than `perSecond` in any second. A limit below one
 * widens the window: 0.5 is one in two seconds. Holds at most as many moments as the limit.
 */
export class RateWindow {
  readonly #limit: number
  readonly #windowMs: number
  readonly #at: number[] = []

  constructor(perSecond: number) {
    this.#limit = Math.max(1, Math.floor(perSecond))
    this.#windowMs = perSecond < 1 ? 1000 / perSecond : 1000
  }

  /** True, and counted, where one more stays within the limit; false, and not counted, where it would exceed it. */
  admit(nowMs: number): boolean {
    while (this.#at[0] !== undefined && nowMs - this.#at[0] >= this.#windowMs) this.#at.shift()
    if (this.#at.length >= this.#limit) return false
    this.#at.push(nowMs)
    return true
  }
}
