import type { NodeId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { EventDraft } from '../../lib/observe/event.ts'
import type { CallOwners, OpenCall } from './call-owners.ts'
import type { Journal } from './port.ts'

interface DeadCallSinks {
  readonly journal: Pick<Journal, 'call'>
  readonly emit: (draft: EventDraft) => void
}

/**
 * Closes the record of a call whose node is gone: `node-lost`, at the time of the last thing on record about it. It is written in the
 * term of the owner that is dead, so that the end which that one may have journaled replaces it, whichever of both comes first, and nothing else does.
 * It counts only while the claim stands: this node may die before it is written, and find it in its journal when the call goes on elsewhere.
 */
export function closeDead({ journal, emit }: DeadCallSinks, { row, ownerTerm, ownerEpoch, lastAt }: OpenCall): void {
  const end = { by: 'system', sip: null, cause: 'node-lost' } as const
  const revision = row.revision + 1
  const closed: CallRow = { ...row, epoch: ownerTerm, revision, state: 'ended', endedAt: lastAt, end }
  journal.call(closed, ownerEpoch)
  const { id: call, trunk, tenant } = row
  emit({
    event: 'call.ended',
    level: 'warn',
    call,
    ...(trunk === null ? {} : { trunk }),
    ...(tenant === null ? {} : { tenant }),
    end,
    endedAt: lastAt,
  })
}

/** The calls that this node left open when it died. */
export class Orphans {
  readonly #owners: CallOwners
  readonly #journal: Journal
  readonly #node: NodeId
  readonly #closed: OpenCall[] = []
  #listener: ((call: OpenCall) => void) | null = null

  constructor(owners: CallOwners, journal: Journal, node: NodeId) {
    this.#owners = owners
    this.#journal = journal
    this.#node = node
  }

  /**
   * Closes their records, but for those that another node has taken over by now. To be called when all that an earlier run journaled is
   * in Postgres and nothing of this run is.
   */
  async close(): Promise<void> {
    const claimed = await this.#owners.claim(await this.#owners.open(this.#node, false), this.#node)
    for (const call of claimed) {
      closeDead({ journal: this.#journal, emit: (draft) => void this.#journal.event(draft) }, call)
      if (this.#listener === null) this.#closed.push(call)
      else this.#listener(call)
    }
  }

  /** Hears of each that was closed, also before: its session is to be parked. */
  onClosed(listener: (call: OpenCall) => void): void {
    this.#listener = listener
    for (const call of this.#closed.splice(0)) listener(call)
  }
}
