/** Hands events of one kind to their listener; those that come before there is one are kept for it, in order. */
export class KeptEvents<T> {
  #listener: ((event: T) => void) | null = null
  readonly #kept: T[] = []

  emit(event: T): void {
    if (this.#listener === null) this.#kept.push(event)
    else this.#listener(event)
  }

  /** The listener takes what was kept at once, before this returns. */
  listen(listener: (event: T) => void): void {
    this.#listener = listener
    for (const event of this.#kept.splice(0)) listener(event)
  }
}
