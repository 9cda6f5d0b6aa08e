/** Virtual time, chance that can be had again by its seed, and what is due in the order of its time. */
export class Clock {
  nowMs = 0
  #state: number
  #order = 0
  readonly #heap: Due[] = []

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1 (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `from` to `to`, both included. */
  draw(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1))
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.draw(0, items.length - 1)]
  }

  after(ms: number, run: () => void): void {
    this.#push({ atMs: this.nowMs + ms, order: this.#order++, run })
  }

  /** Does all that is due until then. */
  runTo(endMs: number): void {
    for (let due = this.#heap[0]; due !== undefined && due.atMs <= endMs; due = this.#heap[0]) {
      this.#pop()
      this.nowMs = due.atMs
      due.run()
    }
    this.nowMs = endMs
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    for (let above = (at - 1) >> 1; at > 0; above = (at - 1) >> 1) {
      const parent = heap[above]
      if (parent === undefined || !isEarlier(due, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]]
      if (left === undefined) break
      const below = right !== undefined && isEarlier(right, left) ? 2 * at + 2 : 2 * at + 1
      const child = heap[below]
      if (child === undefined || !isEarlier(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

const isEarlier = (a: Due, b: Due): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
