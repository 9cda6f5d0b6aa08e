import type { PastItem } from '../../lib/agent/past.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import { firstOrdinal, type SessionRow } from '../../lib/session/record.ts'
import { endSession, leaveCall, type ResumePolicy } from '../../lib/session/session.ts'
import type { Journal } from '../store/port.ts'
import type { CallerIndex } from './caller-index.ts'

export interface SessionBookParts {
  readonly journal: Pick<Journal, 'session' | 'item'>
  readonly index: Pick<CallerIndex, 'set' | 'forget'>
  /** What the tenant wants of its sessions, by the config in force. */
  readonly policy: () => ResumePolicy
}

/**
 * One call's hold on its session, by one owner: keeps its row and what is said in it on record. From the answer of the call
 * (`began`) to its end (`leave`); before and after, nothing is written.
 */
export class SessionBook {
  readonly #parts: SessionBookParts
  #row: SessionRow
  #ordinal: number
  #open = false

  /** @param first the row as this owner begins with it: a new one, or one that PostgreSQL gave */
  constructor(parts: SessionBookParts, first: SessionRow) {
    this.#parts = parts
    this.#row = first
    this.#ordinal = firstOrdinal(first.revision)
  }

  get row(): SessionRow {
    return this.#row
  }

  /** The call is up, on this trunk. */
  began(trunk: TrunkId | null): void {
    if (this.#open) return
    this.#open = true
    this.#write({ ...this.#row, trunk, revision: this.#row.revision + 1 })
  }

  /** Something was said, heard, or looked up. */
  item(item: PastItem): void {
    if (this.#row.state === 'ended') return
    this.#parts.journal.item(this.#row.id, this.#ordinal++, { callId: this.#row.callId, item })
  }

  /** A fact that tools, resumed calls and other nodes are told from now on. */
  variable(name: string, value: string): void {
    if (this.#row.state !== 'live') return
    const row = { ...this.#row, variables: { ...this.#row.variables, [name]: value } }
    if (this.#open) this.#write({ ...row, revision: row.revision + 1 })
    else this.#row = row
  }

  /** The call is over; the session waits for another one, or is over too. Gives the row back as it stands then. */
  leave(cause: EndCause, at: Date): SessionRow {
    if (!this.#open) return this.#row
    this.#open = false
    this.#write(leaveCall(this.#row, cause, at, this.#parts.policy()))
    return this.#row
  }

  /** Another call of this owner goes on with it, and has this hold on it from now on. */
  passOn(to: Pick<SessionRow, 'callId' | 'caller' | 'trunk' | 'variables'>): void {
    this.#write({ ...this.#row, ...to, revision: this.#row.revision + 1 })
  }

  /** The session is over, whatever the tenant wants of those whose call has ended. */
  end(cause: EndCause): void {
    if (!this.#open) return
    this.#open = false
    this.#write({ ...endSession(this.#row), cause })
  }

  /** The session is another owner's from now on: nothing of this call is written any more. */
  lost(): void {
    this.#open = false
    this.#parts.index.forget(this.#row.id)
    this.#row = { ...this.#row, state: 'ended' }
  }

  #write(row: SessionRow): void {
    this.#row = row
    this.#parts.journal.session(row)
    this.#parts.index.set(row)
  }
}
