/** Seeded chance (sfc32): the same seed gives the same choices on every machine. Not for secrets. */
export class Prng {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** @param seed any numbers; each is taken modulo 2^32 */
  constructor(...seed: readonly number[]) {
    this.#a = seed[0] ?? 0
    this.#b = seed[1] ?? 0
    this.#c = seed[2] ?? 0
    // Seeds that are close to each other shall not give choices that are.
    for (let i = 0; i < 16; i++) this.next()
  }

  /** 0 … 2^32 - 1 */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    return sum >>> 0
  }

  /** 0 … `limit` - 1; 0 where the limit is below 1. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit
  }

  /** True once in `times`; never where that is infinite. */
  oneIn(times: number): boolean {
    return Number.isFinite(times) && this.below(times) === 0
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  /** A length that is mostly short and at times up to `limit`. */
  length(limit: number): number {
    return this.below(Math.min(limit, 2 ** this.below(17)) + 1)
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.next()
  }
}
