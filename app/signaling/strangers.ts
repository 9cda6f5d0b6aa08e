import { AccessGate } from '../sip/access-gate.ts'
import type { AccessSnapshot, GuestVerdict } from '../sip/server.ts'

/** What is known of sources that belong to no trunk, where an application has to answer them. */
export interface Strangers {
  /** Whether it may hear whether we would serve a call: a trunk, a node, an SBC that has shown its credentials. */
  mayKnow(address: string): boolean
  /** Whether it may get one more challenge; counted. */
  mayAsk(address: string): boolean
  /** It got a 403, which is counted. False where it is banned: then it is not worth a word. */
  refused(address: string): boolean
  /** What came of its credentials. */
  judged(address: string, verdict: GuestVerdict): void
}

/** drachtio-server lets every source in and has said 100 before we see it: bans and allowances are kept here. */
export class StrangersAtDrachtio implements Strangers {
  readonly #gate = new AccessGate(() => performance.now())

  setAccess(access: AccessSnapshot): void {
    this.#gate.set(access)
  }

  /** Under the names that the embedded server has for them. */
  get counters(): Readonly<Record<string, number>> {
    return { refused: this.#gate.refusedCount, dropped: this.#gate.droppedCount }
  }

  mayKnow(address: string): boolean {
    return this.#gate.isKnown(address) || this.#gate.isProven(address)
  }

  mayAsk(address: string): boolean {
    return !this.#gate.isBanned(address) && this.#gate.admitGuest(address)
  }

  refused(address: string): boolean {
    if (this.#gate.isBanned(address)) return false
    this.#gate.refuse(address)
    return true
  }

  judged(address: string, verdict: GuestVerdict): void {
    // Wrong ones get a 403, and that is what is counted.
    if (verdict === 'proven') this.#gate.judgeGuest(address, verdict)
  }
}

/** The embedded server has kept them out, and bans them, before an application sees any. */
export const embeddedStrangers = (server: { judgeGuest(address: string, verdict: GuestVerdict): void }): Strangers => ({
  mayKnow: () => true,
  mayAsk: () => true,
  refused: () => true,
  judged: (address, verdict) => server.judgeGuest(address, verdict),
})
