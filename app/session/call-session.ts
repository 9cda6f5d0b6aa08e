import type { PastItem } from '../../lib/agent/past.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { SessionId, TenantId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { parkedEvent } from '../../lib/session/parked-event.ts'
import type { SessionRow } from '../../lib/session/record.ts'
import { newSession } from '../../lib/session/session.ts'
import type { CallRecorder } from '../signaling/call-recorder.ts'
import { giveBack, type LookUpParts, lookUp, PATIENCE_MS, type Resumption } from './look-up.ts'
import { SessionBook, type SessionBookParts } from './session-book.ts'

export interface CallSessionFacts {
  readonly recorder: CallRecorder
  readonly tenant: TenantId
  /** The person's number in E.164; empty: nobody's. */
  readonly caller: string
  /** Whether it goes on with a session that was cut off: where there is one, never, or it comes to nothing without. */
  readonly resumes: 'perhaps' | 'never' | 'surely'
  /** The agent's name, and the facts about this call that it is told. */
  readonly agent: string
  readonly variables: Readonly<Record<string, string>>
}

/** What a call that is up can be asked and told by its session. */
export interface Line {
  /** For how long no RTP has come, in milliseconds; null: on hold, or nobody knows. */
  silentMs(): Promise<number | null>
  /** The caller is on another call: this one ends. */
  giveWay(): void
}

export interface CallSessionParts extends LookUpParts {
  readonly journal: SessionBookParts['journal']
  readonly index: LookUpParts['index'] & SessionBookParts['index']
  readonly policy: SessionBookParts['policy']
  /** Everybody who might be asked to give way stands here, by session. */
  readonly lines: Map<SessionId, Pick<CallSession, 'giveWay'>>
  /** The session waits for a further call. */
  readonly onParked: (session: SessionRow, call: CallRow) => void
}

/** The session of one call: a new one, or one that its caller was cut off from, as PostgreSQL gave it. */
export class CallSession {
  readonly #parts: CallSessionParts
  readonly #facts: CallSessionFacts
  readonly #left: Promise<void>
  #tellLeft: () => void = () => undefined
  #opened: Promise<AgentSpec> | null = null
  #taken: Resumption | null = null
  #book: SessionBook | null = null
  #line: Line | null = null
  #giveUp: (() => void) | null = null
  #ended = false

  constructor(parts: CallSessionParts, facts: CallSessionFacts) {
    this.#parts = parts
    this.#facts = facts
    this.#left = new Promise((resolve) => {
      this.#tellLeft = resolve
    })
  }

  /** The row as it stands; null before `open`. */
  get row(): SessionRow | null {
    return this.#book?.row ?? null
  }

  /** The call that this one goes on after; null: none. */
  get resumedFrom(): Resumption['from'] | null {
    return this.#taken?.from ?? null
  }

  /** Resolves when the call is over and its session is where it belongs. */
  get left(): Promise<void> {
    return this.#left
  }

  /**
   * The agent of the call, by what is known of the conversation: where it goes on, the one that it was with, told what was said so far.
   * A little later than at once where the stores are slow; asked again, it is the same one.
   *
   * @param agents the tenant's, by name
   */
  open(agents: ReadonlyMap<string, CallAgent>): Promise<AgentSpec> {
    this.#opened ??= this.#open(agents)
    return this.#opened
  }

  async #open(agents: ReadonlyMap<string, CallAgent>): Promise<AgentSpec> {
    const { recorder, tenant, caller, agent, variables, resumes } = this.#facts
    const { id, node, trunk, session } = recorder.row
    const patienceMs = resumes === 'surely' ? PATIENCE_MS.nobody : PATIENCE_MS.caller
    const call = { tenant, caller, call: id, node, trunk }
    const taken = resumes === 'never' ? null : await lookUp(this.#parts, call, patienceMs)
    if (taken === null && resumes === 'surely') throw new Error('the session is on another call by now')
    if (taken !== null && this.#ended) void giveBack(this.#parts, taken)
    else this.#taken = taken
    if (this.#taken !== null && this.#giveUp !== null) this.#parts.lines.set(this.#taken.row.id, this)
    const own = { id: session.id, tenant, caller, agent, callId: id, node, trunk, variables }
    const row =
      taken === null
        ? newSession(own, new Date())
        : { ...taken.row, variables: { ...taken.row.variables, ...variables } }
    this.#book = new SessionBook(this.#parts, row)
    const found = agents.get(row.agent) ?? agents.get(agent)
    if (found === undefined) throw new Error(`no agent named ${agent}: it was looked up before`)
    const past = taken === null ? {} : { past: { items: taken.items, note: 'dropped' as const } }
    return { ...found, variables: row.variables, ...past }
  }

  /** The call rings at the person; `giveUp` ends it where they call by themselves meanwhile. */
  ringing(giveUp: () => void): void {
    this.#giveUp = giveUp
  }

  /** The call is up. */
  began(line: Line): void {
    const { recorder } = this.#facts
    this.#line = line
    if (this.#taken !== null) {
      const session = { id: this.#taken.row.id, resumedFrom: this.#taken.from }
      recorder.update({ session })
      recorder.event({ event: 'session.resumed', session: session.id, resumedFrom: session.resumedFrom })
    }
    this.#book?.began(recorder.row.trunk)
    if (this.#book !== null) this.#parts.lines.set(this.#book.row.id, this)
  }

  /** Something was said, heard, or looked up. */
  item(item: PastItem): void {
    this.#book?.item(item)
  }

  /** The call is over, with whatever is told of it. */
  ended(end: CallEnd, at: Date): void {
    if (this.#ended) return
    this.#ended = true
    const { row } = this
    if (row !== null && this.#parts.lines.get(row.id) === this) this.#parts.lines.delete(row.id)
    if (this.#line !== null) this.#leave(end, at)
    const left = this.#line === null && this.#taken !== null ? giveBack(this.#parts, this.#taken) : Promise.resolve()
    void left.then(() => this.#tellLeft())
  }

  /** The call, and with it the session, is another node's. */
  fenced(): void {
    if (this.#ended) return
    this.#ended = true
    const row = this.row
    this.#book?.lost()
    if (row !== null && this.#parts.lines.get(row.id) === this) this.#parts.lines.delete(row.id)
    this.#tellLeft()
  }

  /** Ends the call where its leg has been silent for so long, or rings yet; whether it has. */
  async giveWay(silentMs: number): Promise<boolean> {
    if (this.#ended) return false
    if (this.#line !== null) {
      const silent = await this.#line.silentMs()
      if (silent === null || silent < silentMs) return false
      this.#line.giveWay()
    } else {
      if (this.#giveUp === null) return false
      this.#giveUp()
    }
    await this.#left
    return true
  }

  #leave(end: CallEnd, at: Date): void {
    const { recorder } = this.#facts
    const row = this.#book?.leave(end.cause, at) ?? null
    if (row?.state === 'parked') tellParked(this.#parts, recorder, row)
  }
}

/** A session waits for a further call. */
export function tellParked(
  { onParked }: Pick<CallSessionParts, 'onParked'>,
  recorder: CallRecorder,
  row: SessionRow,
): void {
  recorder.event(parkedEvent(row))
  onParked(row, recorder.row)
}
