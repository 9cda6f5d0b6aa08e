import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'

/** How long a nonce may be used before a new one is asked for, in ms (our policy). */
export const NONCE_LIFETIME_MS = 300_000

/** Most nonces whose counts are remembered at a time (our policy). */
export const MAX_TRACKED_NONCES = 16_384

const TIME_BYTES = 6
const RANDOM_BYTES = 6
const MAC_BYTES = 16

/**
 * Makes a nonce that proves its own age, so that none need be stored: time, salt, and an HMAC over both and the realm.
 * `nowMs` is any clock that all nodes which share the key share too; `random` holds at least 6 bytes.
 */
export function makeNonce(key: Buffer, realm: string, nowMs: number, random: Buffer): string {
  const head = Buffer.alloc(TIME_BYTES + RANDOM_BYTES)
  head.writeUIntBE(Math.floor(nowMs), 0, TIME_BYTES)
  random.copy(head, TIME_BYTES, 0, RANDOM_BYTES)
  return Buffer.concat([head, sign(key, realm, head)]).toString('base64url')
}

/**
 * `fresh`; `stale`, which is ours but too old, to be answered with `stale=true` (RFC 7616 §3.3); or `forged`, which is
 * not ours at all.
 */
export function judgeNonce(key: Buffer, realm: string, nowMs: number, nonce: string): 'fresh' | 'stale' | 'forged' {
  const bytes = Buffer.from(nonce, 'base64url')
  if (bytes.length !== TIME_BYTES + RANDOM_BYTES + MAC_BYTES) return 'forged'
  const head = bytes.subarray(0, TIME_BYTES + RANDOM_BYTES)
  if (!timingSafeEqual(sign(key, realm, head), bytes.subarray(head.length))) return 'forged'
  const ageMs = nowMs - head.readUIntBE(0, TIME_BYTES)
  return ageMs >= 0 && ageMs <= NONCE_LIFETIME_MS ? 'fresh' : 'stale'
}

const sign = (key: Buffer, realm: string, head: Buffer): Buffer =>
  createHmac('sha256', key).update(head).update(realm).digest().subarray(0, MAC_BYTES)

/**
 * The highest nonce count seen of each nonce: a count that does not grow is a replay (RFC 7616 §3.4.6). Bounded: the
 * nonce that was used least recently is forgotten first. `isNew` then takes an old count of it, within its lifetime.
 */
export class NonceCounts {
  readonly #highest = new Map<string, number>()

  get size(): number {
    return this.#highest.size
  }

  /** Records the count of a request whose digest is valid; false for a replay. */
  isNew(nonce: string, nonceCount: number): boolean {
    const highest = this.#highest.get(nonce) ?? 0
    if (nonceCount <= highest) return false
    this.#highest.delete(nonce)
    this.#highest.set(nonce, nonceCount)
    if (this.#highest.size > MAX_TRACKED_NONCES) {
      const [oldest] = this.#highest.keys()
      if (oldest !== undefined) this.#highest.delete(oldest)
    }
    return true
  }
}
