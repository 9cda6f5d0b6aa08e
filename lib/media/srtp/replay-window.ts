/** Packets before the newest one that can be told apart; RFC 3711 §3.3.2 asks for 64 at least. */
const WINDOW = 128

/** Which packets of one stream have come, by their index. */
export class ReplayWindow {
  readonly #seen = new Set<number>()
  #newest = -1

  /** Whether a packet may be taken: it is no second one, and not so old that nobody could tell. */
  accepts(index: number): boolean {
    return index > this.#newest || (index > this.#newest - WINDOW && !this.#seen.has(index))
  }

  /** Remembers a packet. Only those that are authentic may be (RFC 3711 §3.3.2). */
  add(index: number): void {
    this.#seen.add(index)
    if (index <= this.#newest) return
    for (let gone = Math.max(this.#newest - WINDOW + 1, 0); gone <= index - WINDOW && gone <= this.#newest; gone++) {
      this.#seen.delete(gone)
    }
    this.#newest = index
  }
}
