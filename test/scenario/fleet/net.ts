import type { Clock } from './clock.ts'

/** Who can be cut off from what. */
export type Place = 'postgres' | 'shared' | 'sip'

/** The ways between nodes and stores: slow at times, cut at others. What was sent may arrive though its answer does not. */
export class Net {
  /** Whether an answer takes long at times. */
  isSlow = true
  readonly #clock: Clock
  readonly #cuts = new Set<string>()
  /** Since when a node has had all of its ways. */
  readonly #wholeSinceMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  cut(node: string, place: Place): void {
    this.#cuts.add(`${node} ${place}`)
  }

  heal(node: string, place: Place): void {
    if (this.#cuts.delete(`${node} ${place}`)) this.#wholeSinceMs.set(node, this.#clock.nowMs)
  }

  isOpen(node: string, place: Place): boolean {
    return !this.#cuts.has(`${node} ${place}`)
  }

  isWhole(node: string, forMs: number): boolean {
    const all: readonly Place[] = ['postgres', 'shared', 'sip']
    return (
      all.every((place) => this.isOpen(node, place)) && this.#clock.nowMs - (this.#wholeSinceMs.get(node) ?? 0) > forMs
    )
  }

  /** Asks a store: `answer` hears its word, or null after a time without one; `late` hears a word that comes after that. */
  ask<T>(
    node: string,
    place: Place,
    question: () => T,
    answer: (word: T | null) => void,
    late?: (word: T) => void,
  ): void {
    const clock = this.#clock
    let isOver = false
    const end = (word: T | null): void => {
      if (isOver) return
      isOver = true
      answer(word)
    }
    clock.after(TIMEOUT_MS, () => end(null))
    clock.after(this.#wayMs(), () => {
      if (!this.isOpen(node, place)) return
      const word = question()
      clock.after(this.#wayMs(), () => {
        if (!this.isOpen(node, place)) return
        if (isOver) late?.(word)
        else end(word)
      })
    })
  }

  /** Mostly milliseconds, and now and then as long as it can be. */
  #wayMs(): number {
    const clock = this.#clock
    return this.isSlow && clock.chance(0.02) ? clock.draw(100, 2 * TIMEOUT_MS) : clock.draw(1, 20)
  }
}

const TIMEOUT_MS = 1_000
