/** RTP ports, first and last of the range; RTP takes even ones, RTCP the odd ones above (RFC 3550 §11). */
export interface PortRange {
  readonly from: number
  readonly to: number
}

/**
 * The RTP port pairs of a node, named by their even port. First in, first out: a pair that was given back rests as long
 * as the pool allows, so that packets that are still on their way to an old call do not meet a new one.
 */
export class PortPool {
  readonly size: number
  readonly #free: number[] = []
  #head = 0
  readonly #taken = new Set<number>()

  constructor(range: PortRange) {
    for (let port = range.from + (range.from % 2); port + 1 <= range.to; port += 2) this.#free.push(port)
    this.size = this.#free.length
  }

  /** Pairs that could be taken now. */
  get available(): number {
    return this.#free.length - this.#head
  }

  /** The pair that has rested longest; null where all are taken. */
  take(): number | null {
    const port = this.#free[this.#head]
    if (port === undefined) return null
    this.#head++
    if (this.#head > 1024 && this.#head * 2 > this.#free.length) {
      this.#free.splice(0, this.#head)
      this.#head = 0
    }
    this.#taken.add(port)
    return port
  }

  /** Gives a pair back, once both of its sockets are closed. A pair that is not taken is ignored. */
  give(port: number): void {
    if (this.#taken.delete(port)) this.#free.push(port)
  }
}
