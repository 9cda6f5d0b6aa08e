/** A count that only grows, and promises that wait until it has reached a mark. */
export class Watermark {
  #count = 0
  #waiting: { readonly mark: number; readonly resolve: () => void }[] = []

  get count(): number {
    return this.#count
  }

  advance(by: number): void {
    this.#count += by
    if (this.#waiting.length === 0) return
    const reached = this.#waiting.filter(({ mark }) => mark <= this.#count)
    this.#waiting = this.#waiting.filter(({ mark }) => mark > this.#count)
    for (const { resolve } of reached) resolve()
  }

  /** Resolves at once where the mark is behind us. */
  reached(mark: number): Promise<void> {
    if (mark <= this.#count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ mark, resolve }))
  }
}
