import type { CallId } from '../../lib/core/ids.ts'
import type { AttemptRecord, CallRow, Speaker } from '../../lib/observe/call-record.ts'
import type { EmitEvent, EventDraft } from '../../lib/observe/event.ts'
import { REVISIONS_A_TERM } from '../../lib/session/record.ts'
import type { Journal, SipTrace } from '../store/port.ts'

/** One call's record while it lives: every change is a new revision in the journal, every turn and message a row of its own. */
export class CallRecorder {
  readonly #journal: Journal
  readonly #emit: EmitEvent
  #row: CallRow
  #attempts: number
  #turns: number
  #messages: number
  #isLost = false

  private constructor(journal: Journal, emit: EmitEvent, row: CallRow, firstOrdinal: number) {
    this.#journal = journal
    this.#emit = emit
    this.#row = row
    this.#attempts = firstOrdinal
    this.#turns = firstOrdinal
    this.#messages = firstOrdinal
  }

  /** Writes the first revision: from now on the call has a record, whatever becomes of it. */
  static begin(journal: Journal, emit: EmitEvent, first: CallRow): CallRecorder {
    journal.call(first)
    return new CallRecorder(journal, emit, first, 0)
  }

  /**
   * Goes on with a record that another node had. Nothing is written yet: the call may still turn out to be lost.
   *
   * @param generation how many nodes had it before: what they have written is never written over
   */
  static takenOver(journal: Journal, emit: EmitEvent, row: CallRow, generation: number): CallRecorder {
    return new CallRecorder(journal, emit, row, generation * REVISIONS_A_TERM)
  }

  get row(): CallRow {
    return this.#row
  }

  get id(): CallId {
    return this.#row.id
  }

  /** The call is another node's: nothing is written of it any more. */
  lost(): void {
    this.#isLost = true
  }

  update(change: Partial<Omit<CallRow, 'id' | 'revision'>>): void {
    if (this.#isLost) return
    this.#row = { ...this.#row, ...change, revision: this.#row.revision + 1 }
    this.#journal.call(this.#row)
  }

  attempt(attempt: AttemptRecord): void {
    if (!this.#isLost) this.#journal.attempt(this.id, this.#attempts++, attempt)
  }

  turn(at: Date, who: Speaker, text: string): void {
    if (!this.#isLost) this.#journal.turn(this.id, this.#turns++, { at, who, text })
  }

  sip(message: SipTrace): void {
    if (!this.#isLost) this.#journal.sip(this.id, this.#messages++, message)
  }

  /** An event of this call, with the ids that operators filter by. */
  event(draft: EventDraft): void {
    if (this.#isLost) return
    const { trunk, tenant } = this.#row
    this.#emit({ call: this.id, ...(trunk !== null && { trunk }), ...(tenant !== null && { tenant }), ...draft })
  }
}
