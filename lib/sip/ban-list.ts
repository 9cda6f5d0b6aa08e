/** How many requests of an unknown address within the window ban it (our policy). */
export const BAN_AFTER = 20
export const BAN_WINDOW_MS = 60_000
/** How long a ban lasts after the last packet that was dropped for it (our policy). */
export const BAN_MS = 300_000
/** Most addresses remembered at a time; beyond it the oldest is forgotten. */
export const MAX_TRACKED = 16_384

interface Entry {
  count: number
  windowEndsAtMs: number
  bannedUntilMs: number
}

/** Counts the requests of unknown addresses and says which of them are not worth parsing any more. */
export class BanList {
  readonly #entries = new Map<string, Entry>()

  /** How many addresses are remembered. */
  get size(): number {
    return this.#entries.size
  }

  isBanned(address: string, nowMs: number): boolean {
    const entry = this.#entries.get(address)
    if (entry === undefined || entry.bannedUntilMs === 0) return false
    if (entry.bannedUntilMs <= nowMs) {
      this.#entries.delete(address)
      return false
    }
    entry.bannedUntilMs = nowMs + BAN_MS
    return true
  }

  /** Counts one request of an unknown address. True if it is banned from now on. */
  count(address: string, nowMs: number): boolean {
    const known = this.#entries.get(address)
    const entry =
      known !== undefined && known.windowEndsAtMs > nowMs
        ? known
        : { count: 0, windowEndsAtMs: nowMs + BAN_WINDOW_MS, bannedUntilMs: 0 }
    entry.count += 1
    if (entry.count >= BAN_AFTER) entry.bannedUntilMs = nowMs + BAN_MS
    this.#entries.delete(address)
    this.#entries.set(address, entry)
    if (this.#entries.size > MAX_TRACKED) this.#forgetOldest()
    return entry.bannedUntilMs > 0
  }

  /** An address that has become known starts anew. */
  pardon(isKnown: (address: string) => boolean): void {
    for (const address of this.#entries.keys()) if (isKnown(address)) this.#entries.delete(address)
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
