import { BRANCH_COOKIE } from './via.ts'

/** Fills a buffer with random bytes; `crypto.randomFillSync` in production, a seeded generator in tests. */
export type FillRandom = (bytes: Uint8Array) => void

/** Bytes drawn from the system at a time, as a call of it costs far more than the bytes do. */
const POOL_BYTES = 4096
const TAG_BYTES = 8
const BRANCH_BYTES = 12
const UUID_BYTES = 16

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/**
 * Makes the identifiers that RFC 3261 wants globally unique: branches (§8.1.1.7), tags (§19.3) and Call-IDs, and
 * the UUIDs of the wire protocol. All are cryptographically random, so that none can be guessed by a stranger.
 */
export class IdMaker {
  readonly #fill: FillRandom
  readonly #pool = new Uint8Array(POOL_BYTES)
  #used = POOL_BYTES

  constructor(fill: FillRandom) {
    this.#fill = fill
  }

  /** A Via branch with RFC 3261's magic cookie. */
  branch(): string {
    return BRANCH_COOKIE + this.#hex(BRANCH_BYTES)
  }

  /** A From or To tag of 64 random bits. */
  tag(): string {
    return this.#hex(TAG_BYTES)
  }

  /** A UUID of version 4 (RFC 9562 §5.4); also used as Call-ID. */
  uuid(): string {
    const at = this.#take(UUID_BYTES)
    const pool = this.#pool
    pool[at + 6] = ((pool[at + 6] ?? 0) & 0x0f) | 0x40
    pool[at + 8] = ((pool[at + 8] ?? 0) & 0x3f) | 0x80
    const part = (from: number, to: number): string => this.#text(at + from, at + to)
    return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}-${part(8, 10)}-${part(10, 16)}`
  }

  #hex(bytes: number): string {
    const at = this.#take(bytes)
    return this.#text(at, at + bytes)
  }

  #take(bytes: number): number {
    if (this.#used + bytes > POOL_BYTES) {
      this.#fill(this.#pool)
      this.#used = 0
    }
    const at = this.#used
    this.#used += bytes
    return at
  }

  #text(from: number, to: number): string {
    let text = ''
    for (let i = from; i < to; i++) text += HEX[this.#pool[i] ?? 0]
    return text
  }
}
