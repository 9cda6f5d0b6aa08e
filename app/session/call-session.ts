import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { TenantId } from '../../lib/core/ids.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { newSession } from '../../lib/session/session.ts'
import type { CallRecorder } from '../signaling/call-recorder.ts'
import { type Line, LineSession, type LineSessionParts } from './line-session.ts'
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

export interface CallSessionParts extends LookUpParts, LineSessionParts {
  readonly journal: SessionBookParts['journal']
  readonly index: LookUpParts['index'] & SessionBookParts['index']
  readonly policy: SessionBookParts['policy']
}

/** The session of one call: a new one, or one that its caller was cut off from, as PostgreSQL gave it. */
export class CallSession extends LineSession {
  readonly #parts: CallSessionParts
  readonly #facts: CallSessionFacts
  #opened: Promise<AgentSpec> | null = null
  #taken: Resumption | null = null
  #giveUp: (() => void) | null = null

  constructor(parts: CallSessionParts, facts: CallSessionFacts) {
    super(parts, facts.recorder)
    this.#parts = parts
    this.#facts = facts
  }

  /** The call that this one goes on after; null: none. */
  get resumedFrom(): Resumption['from'] | null {
    return this.#taken?.from ?? null
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
    if (taken !== null && this.isOver) void giveBack(this.#parts, taken)
    else this.#taken = taken
    if (this.#taken !== null && this.#giveUp !== null) this.stand(this.#taken.row.id)
    const own = { id: session.id, tenant, caller, agent, callId: id, node, trunk, variables }
    const row =
      taken === null
        ? newSession(own, new Date())
        : { ...taken.row, variables: { ...taken.row.variables, ...variables } }
    this.book = new SessionBook(this.#parts, row)
    const found = agents.get(row.agent) ?? agents.get(agent)
    if (found === undefined) throw new Error(`no agent named ${agent}: it was looked up before`)
    this.remember(...(taken?.items ?? []))
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
    this.line = line
    if (this.#taken !== null) this.tellResumed(this.#taken.row.id, this.#taken.from)
    this.book?.began(recorder.row.trunk)
    if (this.book !== null) this.stand(this.book.row.id)
  }

  protected override onEnded(end: CallEnd, at: Date): void {
    this.stepAside()
    if (this.line !== null) this.leave(end, at)
    const left = this.line === null && this.#taken !== null ? giveBack(this.#parts, this.#taken) : Promise.resolve()
    void left.then(() => this.tellLeft())
  }

  protected override giveUp(): boolean {
    this.#giveUp?.()
    return this.#giveUp !== null
  }
}
