import type { PastItem } from '../../lib/agent/past.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { inTime } from '../deadline.ts'
import type { CallRecorder } from '../signaling/call-recorder.ts'
import { type Heir, type Line, LineSession, type LineSessionParts } from './line-session.ts'
import type { SessionBook } from './session-book.ts'

/** The conversation of a call that is under way, as another call of this node may go on with it. */
export type Bequest = Pick<LineSession, 'row' | 'said' | 'bequeath' | 'pass'>

export interface InheritedSessionFacts {
  readonly recorder: CallRecorder
  /** Of whom it is inherited. */
  readonly from: Bequest
  /** Number of the new far end in E.164, by which a further call is known as theirs; empty: nobody's. */
  readonly caller: string
  /** The facts about this call that the agent is told, beside those of the conversation. */
  readonly variables: Readonly<Record<string, string>>
}

/** How long the call before may take to end. */
const PASSING_MS = 5_000

/**
 * The session of a call to which an agent was handed on: that of the call before, as soon as that one has left it. Both are calls of this node, and
 * one term of ownership goes on: PostgreSQL is not asked, and the hold on the session itself (`SessionBook`) passes from the one to the other.
 */
export class InheritedSession extends LineSession implements Heir {
  readonly #facts: InheritedSessionFacts
  #agent: AgentSpec | null = null
  #isHere = false
  #isAnswered = false
  #onInherited: () => void = () => undefined
  #pass: (passed: boolean) => void = () => undefined
  readonly #passed: Promise<boolean>

  constructor(parts: LineSessionParts, facts: InheritedSessionFacts) {
    super(parts, facts.recorder)
    this.#facts = facts
    this.#passed = new Promise((resolve) => {
      this.#pass = resolve
    })
  }

  /**
   * The agent of the conversation, told what was said so far; the same one for as long as nothing more is said. Rejects where there is no such
   * agent any more.
   */
  async open(agents: ReadonlyMap<string, CallAgent>): Promise<AgentSpec> {
    const { from, variables } = this.#facts
    const { said } = this.#isHere ? this : from
    const row = this.book?.row ?? from.row
    const found = row === null ? undefined : agents.get(row.agent)
    if (row === null || found === undefined) throw new Error('the agent of the conversation is not known any more')
    const told = this.#agent?.past?.items
    if (this.#agent !== null && told?.at(-1) === said.at(-1)) return this.#agent
    this.#agent = {
      ...found,
      variables: { ...row.variables, ...variables },
      past: { items: [...said], note: 'handedOn' },
    }
    return this.#agent
  }

  /** Resolves when the session is this call's; rejects where it will not be. */
  async inherited(): Promise<void> {
    const passed = await inTime(this.#passed, PASSING_MS, 'the call before does not end', () => undefined)
    if (!passed) throw new Error('the session is not to be had any more')
  }

  /** Once, when the session has become this call's; may have happened when the call is answered. */
  onInherited(listener: () => void): void {
    this.#onInherited = listener
  }

  inherit(book: SessionBook | null, said: readonly PastItem[]): void {
    if (this.isOver) return book?.end('normal')
    this.#isHere = true
    this.remember(...said)
    if (book !== null) this.#keep(book)
    this.#pass(true)
    this.#onInherited()
  }

  #keep(book: SessionBook): void {
    const { callId } = book.row
    this.book = book
    this.#write(book)
    this.tellResumed(book.row.id, callId)
    this.stand(book.row.id)
  }

  /** The call is up. */
  began(line: Line): void {
    this.line = line
    this.#isAnswered = true
    if (this.book !== null) this.#write(this.book)
  }

  override item(item: PastItem): void {
    // What an agent says that rings yet is said by the one of the call before.
    if (this.#isHere) super.item(item)
  }

  /** The session is on this call, over the trunk that it is tried or was answered on. */
  #write(book: SessionBook): void {
    const { recorder, caller, variables } = this.#facts
    const { id: callId, trunk } = recorder.row
    book.passOn({ callId, caller, trunk, variables: { ...book.row.variables, ...variables } })
  }

  protected override onEnded(end: CallEnd, at: Date): void {
    this.stepAside()
    // Whoever never answered has no part in it, and nobody else has it any more.
    if (this.#isAnswered) this.leave(end, at)
    else this.book?.end(end.cause)
    this.#pass(false)
    this.tellLeft()
  }

  protected override onFenced(): void {
    this.#pass(false)
    super.onFenced()
  }
}
