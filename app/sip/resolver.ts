import { lookup } from 'node:dns'
import { isIP } from 'node:net'

/** How long an address is believed. RFC 3263 would take the record's TTL, which the system's resolver does not tell. */
const CACHE_MS = 10_000
const MAX_CACHED = 1024

/**
 * Finds the address of a host by the system's resolver. Addresses, and names resolved lately, are answered at once and in
 * order, so that an ACK does not overtake its INVITE.
 */
export class Resolver {
  readonly #nowMs: () => number
  readonly #cache = new Map<string, { readonly address: string; readonly untilMs: number }>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Calls back with the address, or undefined where the name has none. */
  resolve(host: string, found: (address: string | undefined) => void): void {
    if (isIP(host) !== 0) {
      found(host)
      return
    }
    const cached = this.#cache.get(host)
    if (cached !== undefined && cached.untilMs > this.#nowMs()) {
      found(cached.address)
      return
    }
    lookup(host, (error, address) => {
      if (error !== null) {
        found(undefined)
        return
      }
      if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
      this.#cache.set(host, { address, untilMs: this.#nowMs() + CACHE_MS })
      found(address)
    })
  }
}
