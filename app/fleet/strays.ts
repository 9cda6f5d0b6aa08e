import type { CallId, NodeId } from '../../lib/core/ids.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Sessions } from '../session/sessions.ts'
import type { CallOwners } from '../store/call-owners.ts'
import { closeDead } from '../store/orphans.ts'
import type { Journal } from '../store/port.ts'
import { parkLost } from './take-over.ts'

export interface StraysOptions {
  readonly self: NodeId
  readonly owners: Pick<CallOwners, 'open' | 'claim'>
  readonly journal: Pick<Journal, 'call' | 'written'>
  readonly sessions: Pick<Sessions, 'parkDead'>
  /** Whether this process has the call, or is about to. */
  readonly has: (call: CallId) => boolean
  readonly emit: EmitEvent
  readonly onError: (error: unknown) => void
}

const INTERVAL_MS = 10_000
const WRITTEN_MS = 2_000

/**
 * Closes the calls that are this node's on record and that it does not have: PostgreSQL gave them to it, and the answer was lost. Nobody else
 * would, for as long as this node lives. A call that is found twice in a row is one; what it has just ended is on record by then.
 */
export class Strays {
  readonly #options: StraysOptions
  readonly #timer: NodeJS.Timeout
  #found: ReadonlySet<CallId> = new Set()
  #looking: Promise<void> | null = null

  constructor(options: StraysOptions, intervalMs: number = INTERVAL_MS) {
    this.#options = options
    this.#timer = setInterval(() => this.#look(), intervalMs).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  #look(): void {
    this.#looking ??= this.#closeThem()
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => {
        this.#looking = null
      })
  }

  async #closeThem(): Promise<void> {
    const { self, owners, journal, has } = this.#options
    await journal.written(WRITTEN_MS)
    const strays = (await owners.open(self, false)).filter(({ row }) => !has(row.id))
    const again = strays.filter(({ row }) => this.#found.has(row.id))
    this.#found = new Set(strays.map(({ row }) => row.id))
    for (const call of await owners.claim(again, self)) {
      closeDead(this.#options, call)
      await parkLost(this.#options, call)
    }
  }
}
