import { ipv6Groups } from '../config/addresses.ts'

/** What a question over UDP gets, by how much its source has asked this second. */
export type RateVerdict = 'answer' | 'truncate' | 'drop'

/** A resolver asks once in a TTL; one that serves many carriers, some dozens a second. */
const PER_SOURCE = 100
/** Of all sources together: what is forged comes from everywhere. */
const IN_ALL = 5_000
const MAX_SOURCES = 10_000

/**
 * Bounds the answers over UDP, whose sources may be forged to flood somebody else. Beyond its share a source gets every second time the
 * word to come back over TCP, which no forger can, and else nothing.
 */
export class ResponseRate {
  #second = Number.NEGATIVE_INFINITY
  #all = 0
  readonly #counts = new Map<string, number>()

  judge(source: string, nowMs: number): RateVerdict {
    const second = Math.floor(nowMs / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#all = 0
      this.#counts.clear()
    }
    this.#all += 1
    const network = networkOf(source)
    const count = (this.#counts.get(network) ?? 0) + 1
    if (this.#all > IN_ALL || (count === 1 && this.#counts.size >= MAX_SOURCES)) return 'drop'
    this.#counts.set(network, count)
    if (count <= PER_SOURCE) return 'answer'
    return count <= 2 * PER_SOURCE && count % 2 === 0 ? 'truncate' : 'drop'
  }
}

/** Whoever has one IPv6 address has a /64 of them. */
const networkOf = (source: string): string => ipv6Groups(source)?.slice(0, 4).join(':') ?? source
