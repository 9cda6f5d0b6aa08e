import type { EndCause } from '../../lib/observe/call-record.ts'
import type { Transfer } from './transfer.ts'

/** Transfers of one call whose media and trunk are not given back yet, also of who is no longer on the line. */
export class OpenTransfers {
  readonly #open = new Set<Transfer>()

  add(transfer: Transfer): void {
    this.#open.add(transfer)
  }

  delete(transfer: Transfer): void {
    this.#open.delete(transfer)
  }

  /** The call is over for all of them. Resolves when what they had is given back. */
  async end(cause: EndCause): Promise<void> {
    for (const transfer of this.#open) transfer.callEnded(cause)
    await Promise.all([...this.#open].map(({ released }) => released))
  }

  /** Resolves when our BYEs, if there are any, have been answered. */
  get hungUp(): Promise<void> {
    return Promise.all([...this.#open].map(({ hungUp }) => hungUp)).then(() => undefined)
  }
}
