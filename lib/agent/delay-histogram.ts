/** Delays up to this many milliseconds have a bucket of their own; longer ones share the last. */
const MAX_BUCKET_MS = 64

/** Counts delays by whole milliseconds, in constant space. */
export class DelayHistogram {
  readonly #buckets = new Uint32Array(MAX_BUCKET_MS + 1)
  #count = 0
  #maxMs = 0

  get count(): number {
    return this.#count
  }

  get maxMs(): number {
    return this.#maxMs
  }

  add(delayMs: number): void {
    const ms = Math.max(0, delayMs)
    const bucket = Math.min(Math.floor(ms), MAX_BUCKET_MS)
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    this.#count += 1
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  /** Forgets all delays. */
  clear(): void {
    this.#buckets.fill(0)
    this.#count = 0
    this.#maxMs = 0
  }

  /** The whole millisecond that the given share (0 … 1) of delays stay under; 0 without any. */
  quantileMs(share: number): number {
    const wanted = Math.ceil(this.#count * share)
    let seen = 0
    for (let ms = 0; ms <= MAX_BUCKET_MS; ms++) {
      seen += this.#buckets[ms] ?? 0
      if (seen >= wanted && seen > 0) return ms + 1
    }
    return 0
  }
}
