import type { CallId } from '../../lib/core/ids.ts'
import type { AttemptRecord, CallRow, Speaker } from '../../lib/observe/call-record.ts'
import type { EmitEvent, EventDraft } from '../../lib/observe/event.ts'
import type { Journal, SipTrace } from '../store/port.ts'

/** More attempts, turns or messages than one node ever has of a call. */
const ORDINALS_OF_OWNER = 1_000_000

/** One call's record while it lives: every change is a new revision in the journal, every turn and message a row of its own. */
export class CallRecorder {
  readonly #journal: Journal
  readonly #emit: EmitEvent
  #row: CallRow
  #attempts: number
  #turns: number
  #messages: number

  /**
   * Writes the first revision: from now on the call has a record, whatever becomes of it.
   * @param generation how many nodes had the call before this one: their rows are numbered below ours
   */
  constructor(journal: Journal, emit: EmitEvent, first: CallRow, generation = 0) {
    this.#attempts = this.#turns = this.#messages = generation * ORDINALS_OF_OWNER
    this.#journal = journal
    this.#emit = emit
    this.#row = first
    journal.call(first)
  }

  get row(): CallRow {
    return this.#row
  }

  get id(): CallId {
    return this.#row.id
  }

  update(change: Partial<Omit<CallRow, 'id' | 'revision'>>): void {
    this.#row = { ...this.#row, ...change, revision: this.#row.revision + 1 }
    this.#journal.call(this.#row)
  }

  attempt(attempt: AttemptRecord): void {
    this.#journal.attempt(this.id, this.#attempts++, attempt)
  }

  turn(at: Date, who: Speaker, text: string): void {
    this.#journal.turn(this.id, this.#turns++, { at, who, text })
  }

  sip(message: SipTrace): void {
    this.#journal.sip(this.id, this.#messages++, message)
  }

  /** An event of this call, with the ids that operators filter by. */
  event(draft: EventDraft): void {
    const { trunk, tenant } = this.#row
    this.#emit({ call: this.id, ...(trunk !== null && { trunk }), ...(tenant !== null && { tenant }), ...draft })
  }
}
