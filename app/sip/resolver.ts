import { isIP } from 'node:net'

/** Finds the address of a name; undefined where it has none. Calls back after it has returned. */
export type FindAddress = (name: string, found: (address: string | undefined) => void) => void

/** How long an address is believed. RFC 3263 would take the record's TTL, which the system's resolver does not tell. */
const CACHE_MS = 10_000
const MAX_CACHED = 1024

/**
 * Finds the address of a host by the system's resolver. Addresses, and names resolved lately, are answered at once and in
 * order, so that an ACK does not overtake its INVITE.
 */
export class Resolver {
  readonly #nowMs: () => number
  readonly #findAddress: FindAddress
  readonly #cache = new Map<string, { readonly address: string; readonly untilMs: number }>()

  constructor(nowMs: () => number, findAddress: FindAddress) {
    this.#nowMs = nowMs
    this.#findAddress = findAddress
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
    this.#findAddress(host, (address) => {
      if (address !== undefined) {
        if (this.#cache.size >= MAX_CACHED) this.#cache.clear()
        this.#cache.set(host, { address, untilMs: this.#nowMs() + CACHE_MS })
      }
      found(address)
    })
  }
}
