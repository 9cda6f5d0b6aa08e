/** When an address is banned, and for how long. */
export interface BanPolicy {
  /** So many requests of an unknown address within the window ban it. */
  readonly refusals: number
  readonly windowMs: number
  /** How long a ban lasts after the last packet that was dropped for it. */
  readonly durationMs: number
}

/** Our policy: 20 in 60 s, for ten minutes. */
export const DEFAULT_BAN_POLICY: BanPolicy = { refusals: 20, windowMs: 60_000, durationMs: 600_000 }

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
  /** In force from the next packet on; bans that are running keep their end. */
  policy: BanPolicy

  constructor(policy: BanPolicy = DEFAULT_BAN_POLICY) {
    this.policy = policy
  }

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
    entry.bannedUntilMs = nowMs + this.policy.durationMs
    return true
  }

  /** Counts one request of an unknown address. True if it is banned from now on. */
  count(address: string, nowMs: number): boolean {
    const known = this.#entries.get(address)
    const entry =
      known !== undefined && known.windowEndsAtMs > nowMs
        ? known
        : { count: 0, windowEndsAtMs: nowMs + this.policy.windowMs, bannedUntilMs: 0 }
    entry.count += 1
    if (entry.count >= this.policy.refusals) entry.bannedUntilMs = nowMs + this.policy.durationMs
    this.#entries.delete(address)
    this.#entries.set(address, entry)
    if (this.#entries.size > MAX_TRACKED) this.#forgetOldest()
    return entry.bannedUntilMs > 0
  }

  /** An address that has become known starts anew. */
  pardon(isKnown: (address: string) => boolean): void {
    for (const address of this.#entries.keys()) if (isKnown(address)) this.#entries.delete(address)
  }

  /** Forgets the requests of one address, and its ban. */
  forget(address: string): void {
    this.#entries.delete(address)
  }

  #forgetOldest(): void {
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
