/** Spoken sentences by their text, the most recently used last; bounded by the bytes of their samples. */
export class SpeechCache {
  readonly #limitBytes: number
  readonly #entries = new Map<string, Int16Array>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get(sentence: string): Int16Array | undefined {
    const samples = this.#entries.get(sentence)
    if (samples === undefined) return undefined
    // A map keeps the order of insertion, so this makes it the newest.
    this.#entries.delete(sentence)
    this.#entries.set(sentence, samples)
    return samples
  }

  /** Remembers a sentence and forgets the longest unused ones; what is larger than the whole limit is not kept. */
  set(sentence: string, samples: Int16Array): void {
    this.#bytes -= this.#entries.get(sentence)?.byteLength ?? 0
    this.#entries.delete(sentence)
    this.#entries.set(sentence, samples)
    this.#bytes += samples.byteLength
    for (const [oldest, dropped] of this.#entries) {
      if (this.#bytes <= this.#limitBytes) return
      this.#entries.delete(oldest)
      this.#bytes -= dropped.byteLength
    }
  }
}
