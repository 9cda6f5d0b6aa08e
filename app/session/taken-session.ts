import type { PastItem } from '../../lib/agent/past.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { TenantId } from '../../lib/core/ids.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { REVISIONS_A_TERM, type SessionRow } from '../../lib/session/record.ts'
import { newSession } from '../../lib/session/session.ts'
import { inTime } from '../deadline.ts'
import type { CallRecorder } from '../signaling/call-recorder.ts'
import type { SessionStore } from '../store/session-store.ts'
import type { CallSessionParts } from './call-session.ts'
import { type Line, LineSession } from './line-session.ts'
import { SessionBook } from './session-book.ts'

export interface TakenSessionFacts {
  readonly recorder: CallRecorder
  readonly tenant: TenantId
  /** As the dead node had shared it, for a session that never came to PostgreSQL. */
  readonly caller: string
  readonly agent: string
  readonly variables: Readonly<Record<string, string>>
  /** How many nodes had the call before. */
  readonly generation: number
}

export interface TakenSessionParts extends Omit<CallSessionParts, 'sessions'> {
  readonly sessions: Pick<SessionStore, 'read' | 'items' | 'takeOver'>
}

/** How long PostgreSQL may take to say what was said, and whose the session is: it has just given this node the call. */
const ASK_MS = 2_000

/** What is said before the session is ours waits for that; more than this is more than an agent says in that time. */
const MAX_EARLY_ITEMS = 100

/** The session of a live call that this node takes over: it becomes this node's as the call goes on here, and not before. */
export class TakenSession extends LineSession {
  readonly #parts: TakenSessionParts
  readonly #facts: TakenSessionFacts
  readonly #early: PastItem[] = []
  #earlyVariables: Readonly<Record<string, string>> = {}
  #row: SessionRow | null = null
  #isOnRecord = false
  #owned: Promise<void> = Promise.resolve()

  constructor(parts: TakenSessionParts, facts: TakenSessionFacts) {
    super(parts, facts.recorder)
    this.#parts = parts
    this.#facts = facts
  }

  /** The row as it stands; null before `open`. */
  override get row(): SessionRow | null {
    return super.row ?? this.#row
  }

  /**
   * The agent that the call was with, told what was said so far. Rejects where the session is on another call by now, as the caller has called
   * again, and where PostgreSQL does not say.
   */
  async open(agents: ReadonlyMap<string, CallAgent>): Promise<AgentSpec> {
    const { recorder, generation, ...own } = this.#facts
    const { id, epoch, session, node, trunk, startedAt } = recorder.row
    const { sessions } = this.#parts
    const found = await inTime(sessions.read(session.id), ASK_MS, 'PostgreSQL is slow', ignore)
    if (found !== null && (found.callId !== id || found.state !== 'live')) throw new Error('its session is elsewhere')
    const first = newSession({ ...own, id: session.id, callId: id, node, trunk }, startedAt)
    this.#row = found ?? { ...first, epoch, revision: generation * REVISIONS_A_TERM }
    this.#isOnRecord = found !== null
    const agent = agents.get(this.#row.agent)
    if (agent === undefined) throw new Error(`there is no agent named ${this.#row.agent} here`)
    const items = found === null ? [] : await inTime(sessions.items(session.id), ASK_MS, 'PostgreSQL is slow', ignore)
    this.remember(...items)
    return { ...agent, variables: this.#row.variables, past: { items, note: 'moved' } }
  }

  /** The call goes on here. */
  began(line: Line): void {
    this.line = line
    this.#owned = this.#own(line)
  }

  override item(item: PastItem): void {
    super.item(item)
    if (this.book === null && this.#early.length < MAX_EARLY_ITEMS) this.#early.push(item)
  }

  override variable(name: string, value: string): void {
    super.variable(name, value)
    if (this.book === null) this.#earlyVariables = { ...this.#earlyVariables, [name]: value }
  }

  protected override onEnded(end: CallEnd, at: Date): void {
    // A call that ended before it could go on here leaves a session that is to end as well.
    if (this.line === null) this.#owned = this.#own(NOBODY)
    void this.#owned.then(() => {
      this.stepAside()
      this.leave(end, at)
      this.tellLeft()
    })
  }

  protected override onFenced(): void {
    void this.#owned.then(() => super.onFenced())
  }

  /** Never rejects. Where the session is another call's by now, that caller is here no more. */
  async #own(line: Line): Promise<void> {
    const { recorder } = this.#facts
    try {
      const row = await this.#take()
      if (row === null) return line.giveWay()
      this.book = new SessionBook(this.#parts, row)
      this.book.began(recorder.row.trunk)
      for (const item of this.#early.splice(0)) this.book.item(item)
      for (const [name, value] of Object.entries(this.#earlyVariables)) this.book.variable(name, value)
      this.stand(row.id)
    } catch (error) {
      // The call goes on; what is said from here on is in its transcript, and no further call takes it up.
      this.#parts.onError(error)
    }
  }

  async #take(): Promise<SessionRow | null> {
    const { id: call, epoch, node, session } = this.#facts.recorder.row
    if (!this.#isOnRecord) return this.#row
    const taking = this.#parts.sessions.takeOver({ session: session.id, call, epoch }, node)
    return inTime(taking, ASK_MS, 'PostgreSQL is slow', ignore)
  }
}

const NOBODY: Line = { silentMs: async () => null, giveWay: () => undefined }

const ignore = (): void => undefined
