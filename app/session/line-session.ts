import { MAX_HISTORY_ITEMS } from '../../lib/agent/history.ts'
import type { PastItem } from '../../lib/agent/past.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { CallId, SessionId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import { parkedEvent } from '../../lib/session/parked-event.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import type { CallRecorder } from '../signaling/call-recorder.ts'
import type { SessionBook } from './session-book.ts'

/** What a call that is up can be asked and told by its session. */
export interface Line {
  /** For how long no RTP has come, in milliseconds; null: on hold, or nobody knows. */
  silentMs(): Promise<number | null>
  /** The caller is on another call: this one ends. */
  giveWay(): void
}

/** Another call, which goes on with the session of one that ends. */
export interface Heir {
  /** Once. @param book null: nothing of it is on record any more @param said so far, in calls before too */
  inherit(book: SessionBook | null, said: readonly PastItem[]): void
}

export interface LineSessionParts {
  /** Everybody who might be asked to give way stands here, by session. */
  readonly lines: Map<SessionId, Pick<LineSession, 'giveWay'>>
  /** The session waits for a further call. */
  readonly onParked: (session: SessionRow, call: CallRow) => void
}

/** The session of one call, however the call came to this node: may be asked to give way, and is left once, by the end of the call or by its loss. */
export abstract class LineSession {
  readonly #parts: LineSessionParts
  readonly #recorder: CallRecorder
  readonly #left: Promise<void>
  #tellLeft: () => void = () => undefined
  readonly #said: PastItem[] = []
  #isOver = false
  #heir: Heir | null = null
  /** Null: the session is not this call's yet. */
  protected book: SessionBook | null = null
  /** Null: the call is not up yet. */
  protected line: Line | null = null

  constructor(parts: LineSessionParts, recorder: CallRecorder) {
    this.#parts = parts
    this.#recorder = recorder
    this.#left = new Promise((resolve) => {
      this.#tellLeft = resolve
    })
  }

  /** The row as it stands; null before `open`. */
  get row(): SessionRow | null {
    return this.book?.row ?? null
  }

  /** The latest of what was said, heard and looked up, in calls before this one too: what another agent on this line is told. */
  get said(): readonly PastItem[] {
    return this.#said
  }

  /** Resolves when the call is over and its session is where it belongs. */
  get left(): Promise<void> {
    return this.#left
  }

  /** Something was said, heard, or looked up. */
  item(item: PastItem): void {
    this.remember(item)
    this.book?.item(item)
  }

  /** The agent keeps a fact. */
  variable(name: string, value: string): void {
    this.book?.variable(name, value)
  }

  /** The call is over, with whatever is told of it. */
  ended(end: CallEnd, at: Date): void {
    if (this.#isOver) return
    this.#isOver = true
    this.onEnded(end, at)
  }

  /** The call, and with it the session, is another node's. */
  fenced(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.onFenced()
  }

  /** The call that goes on with the session when this one ends, whyever that is. */
  bequeath(heir: Heir): void {
    this.#heir = heir
  }

  /** Its heir has it from now on, though this call is not over yet; nothing that is said here any more is part of it. */
  pass(): void {
    if (this.#heir === null || this.book === null) return
    const [heir, book] = [this.#heir, this.book]
    this.#heir = null
    this.book = null
    heir.inherit(book, this.said)
  }

  /** Ends the call where its leg has been silent for so long, or rings yet; whether it has. */
  async giveWay(silentMs: number): Promise<boolean> {
    if (this.#isOver) return false
    if (this.line === null) {
      if (!this.giveUp()) return false
    } else {
      const silent = await this.line.silentMs()
      if (silent === null || silent < silentMs) return false
      this.line.giveWay()
    }
    await this.#left
    return true
  }

  protected get isOver(): boolean {
    return this.#isOver
  }

  /** Once. Whatever else it does, it says `tellLeft` in the end. */
  protected abstract onEnded(end: CallEnd, at: Date): void

  /** Once, and not after the end. Whatever else it does, it says `tellLeft` in the end. */
  protected onFenced(): void {
    this.book?.lost()
    this.stepAside()
    this.tellLeft()
  }

  /** Ends a call that is not up yet; whether it can. */
  protected giveUp(): boolean {
    return false
  }

  protected remember(...items: readonly PastItem[]): void {
    this.#said.push(...items)
    this.#said.splice(0, this.#said.length - MAX_HISTORY_ITEMS)
  }

  /** The call goes on with the session of another one. */
  protected tellResumed(id: SessionId, resumedFrom: CallId): void {
    this.#recorder.update({ session: { id, resumedFrom } })
    this.#recorder.event({ event: 'session.resumed', session: id, resumedFrom })
  }

  /** From now on it may be asked to give a session up. */
  protected stand(session: SessionId): void {
    this.#parts.lines.set(session, this)
  }

  /** Nobody asks it any more. */
  protected stepAside(): void {
    const { row } = this
    if (row !== null && this.#parts.lines.get(row.id) === this) this.#parts.lines.delete(row.id)
  }

  /** Leaves the session to its heir, or to whoever calls next, or ends it. */
  protected leave(end: CallEnd, at: Date): void {
    this.pass()
    // There was nothing to pass: it is for the heir to go on without.
    this.#heir?.inherit(null, this.said)
    const row = this.book?.leave(end.cause, at) ?? null
    if (row?.state !== 'parked') return
    this.#recorder.event(parkedEvent(row))
    this.#parts.onParked(row, this.#recorder.row)
  }

  protected tellLeft(): void {
    this.#tellLeft()
  }
}
