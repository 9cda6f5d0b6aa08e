import type { CallId, NodeId, SessionId } from '../../lib/core/ids.ts'
import type { AttemptRecord, CallRow, TurnRecord } from '../../lib/observe/call-record.ts'
import type { EventDraft, TandemEvent } from '../../lib/observe/event.ts'
import type { SessionItem, SessionRow } from '../../lib/session/record.ts'
import {
  attemptEntry,
  callEntry,
  eventEntry,
  itemEntry,
  sessionEntry,
  sipEntry,
  turnEntry,
} from '../../lib/store/entry.ts'
import type { DiskJournal } from './disk-journal.ts'
import type { Journal, SipTrace } from './port.ts'
import { StoreError } from './store-error.ts'

/** The journal of a node on disk: stamps what comes with number and time and queues it for Postgres. */
export class NodeJournal implements Journal {
  readonly #disk: DiskJournal
  readonly #node: NodeId
  readonly #now: () => Date
  #lastAtMs = 0

  constructor(disk: DiskJournal, node: NodeId, now: () => Date = () => new Date()) {
    this.#disk = disk
    this.#node = node
    this.#now = now
  }

  event(draft: EventDraft): TandemEvent {
    const sequence = this.#disk.takeSequence()
    const { event: name, level = 'info' } = draft
    const stamp = { id: `${this.#node}-${sequence}`, at: this.#timestamp(), event: name, node: this.#node, level }
    const event: TandemEvent = { ...stamp, ...draft, ...stamp }
    this.#disk.append(eventEntry(sequence, event))
    return event
  }

  call(row: CallRow, claim?: number): void {
    this.#disk.append(callEntry(this.#disk.takeSequence(), row, claim))
  }

  attempt(callId: CallId, ordinal: number, attempt: AttemptRecord): void {
    this.#disk.append(attemptEntry(this.#disk.takeSequence(), callId, ordinal, attempt))
  }

  turn(callId: CallId, ordinal: number, turn: TurnRecord): void {
    this.#disk.append(turnEntry(this.#disk.takeSequence(), callId, ordinal, turn))
  }

  session(row: SessionRow): void {
    this.#disk.append(sessionEntry(this.#disk.takeSequence(), row))
  }

  item(sessionId: SessionId, ordinal: number, item: SessionItem): void {
    this.#disk.append(itemEntry(this.#disk.takeSequence(), sessionId, ordinal, item))
  }

  sip(callId: CallId, ordinal: number, message: SipTrace): void {
    this.#disk.append(sipEntry(this.#disk.takeSequence(), callId, ordinal, message))
  }

  synced(): Promise<void> {
    return this.#disk.synced()
  }

  async written(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new StoreError('journal-timeout', `Postgres has not taken all records within ${timeoutMs} ms`))
      }, timeoutMs)
    })
    try {
      await Promise.race([this.#disk.written(), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Never goes back, so that the events of a node are in the order of their times too when the clock is set. */
  #timestamp(): string {
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#now().getTime())
    return new Date(this.#lastAtMs).toISOString()
  }
}
