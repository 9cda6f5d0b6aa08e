/** How many requests of one address are let in: so many at once, and from then on so many a second. */
interface Allowance {
  readonly burst: number
  readonly perSecond: number
}

/** Of an address that has proven nothing yet: enough for an SBC that has just been started. */
const UNPROVEN: Allowance = { burst: 20, perSecond: 2 }

/** Of an address that has shown credentials lately: two requests a call. */
const PROVEN: Allowance = { burst: 400, perSecond: 200 }

/** How long it counts that an address has shown credentials, in ms. */
export const PROVEN_MS = 600_000

/** Most addresses remembered of each kind; beyond it the one that was heard of least recently is forgotten. */
export const MAX_GUESTS = 16_384

interface Guest {
  allowance: number
  atMs: number
}

/**
 * Addresses that belong to no trunk and may ask for a challenge all the same, because they name a host that somebody has credentials
 * for. Each has an allowance of requests (our policy), so that nobody can use us to fill another's line with challenges.
 */
export class GuestList {
  readonly #unproven = new Map<string, Guest>()
  /** Apart from the others: no flood of made-up addresses makes us forget them. */
  readonly #proven = new Map<string, Guest & { untilMs: number }>()

  /** How many addresses are remembered. */
  get size(): number {
    return this.#unproven.size + this.#proven.size
  }

  /** True, and counted, where one more request of the address is within its allowance. */
  admit(address: string, nowMs: number): boolean {
    const proven = this.#provenGuest(address, nowMs)
    if (proven !== undefined) return spend(proven, PROVEN, nowMs)
    const guest = this.#unproven.get(address) ?? { allowance: UNPROVEN.burst, atMs: nowMs }
    remember(this.#unproven, address, guest)
    return spend(guest, UNPROVEN, nowMs)
  }

  /** The address has shown credentials. */
  prove(address: string, nowMs: number): void {
    const { allowance, atMs } = this.#provenGuest(address, nowMs) ?? { allowance: PROVEN.burst, atMs: nowMs }
    this.#unproven.delete(address)
    remember(this.#proven, address, { allowance, atMs, untilMs: nowMs + PROVEN_MS })
  }

  isProven(address: string, nowMs: number): boolean {
    return this.#provenGuest(address, nowMs) !== undefined
  }

  #provenGuest(address: string, nowMs: number): Guest | undefined {
    const guest = this.#proven.get(address)
    if (guest === undefined || guest.untilMs > nowMs) return guest
    this.#proven.delete(address)
    return undefined
  }
}

function spend(guest: Guest, { burst, perSecond }: Allowance, nowMs: number): boolean {
  guest.allowance = Math.min(burst, guest.allowance + ((nowMs - guest.atMs) * perSecond) / 1_000)
  guest.atMs = nowMs
  if (guest.allowance < 1) return false
  guest.allowance -= 1
  return true
}

/** Puts the guest last in the order of forgetting. */
function remember<G>(guests: Map<string, G>, address: string, guest: G): void {
  guests.delete(address)
  guests.set(address, guest)
  const [oldest] = guests.size > MAX_GUESTS ? guests.keys() : []
  if (oldest !== undefined) guests.delete(oldest)
}
