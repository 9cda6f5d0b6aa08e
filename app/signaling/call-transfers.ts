import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { OrderOutcome } from '../../lib/call/call-order.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { LegEvent, MediaEngine, MediaLeg, TalkerSpec } from '../media/port.ts'
import type { LineSession } from '../session/line-session.ts'
import type { CallRecorder } from './call-recorder.ts'
import { Transfer } from './transfer.ts'
import type { TransferDesk } from './transfer-desk.ts'
import type { TransferOrder } from './transfer-order.ts'

export interface CallTransfersParts {
  readonly recorder: CallRecorder
  readonly media: MediaEngine
  readonly desk: TransferDesk
  readonly session: Pick<LineSession, 'said' | 'row'>
  /** Whether the call is recorded. */
  readonly isRecorded: boolean
  /** What the caller is on, and who talks to them; null: the call is not up. */
  readonly line: () => { readonly leg: MediaLeg; readonly agent: AgentSpec } | null
  /** `CallRow.state` is another one. */
  readonly onState: () => void
  readonly onAgentEvent: (event: LegEvent) => void
  readonly hangUp: (by: EndedBy, cause: EndCause) => void
}

/** The transfers of one call: one at a time, and what becomes of the caller where one ends. */
export class CallTransfers {
  readonly #parts: CallTransfersParts
  #current: Transfer | null = null
  #begun = 0

  constructor(parts: CallTransfersParts) {
    this.#parts = parts
  }

  /** A person is being rung, or talks to the caller. */
  get isUnderWay(): boolean {
    return this.#current !== null
  }

  /** The caller talks to a person. */
  get isJoined(): boolean {
    return this.#current?.isJoined === true
  }

  begin(order: TransferOrder): OrderOutcome {
    const { desk, recorder, media } = this.#parts
    const line = this.#parts.line()
    if (line === null) return refused('the call is not answered')
    if (this.#current !== null) return refused('a transfer is under way already')
    if (!media.joins) return refused('calls that FreeSWITCH carries cannot be transferred in this version')
    const callee = desk.callee(recorder, order.to, order.ringTimeoutMs)
    if (!callee.ok) return { kind: 'refused', ...callee.error }
    const transfer = new Transfer({
      order,
      ordinal: ++this.#begun,
      recorder,
      media,
      callee: callee.value,
      callerLeg: line.leg,
      briefing: () => this.#talker(line.agent, 'briefing', order.toolCall),
      onTold: (problem) => {
        if (order.toolCall !== null) line.leg.transferred(order.toolCall, problem)
        this.#parts.onState()
      },
      onEnd: () => this.#parts.hangUp('callee', 'transferred'),
      onBack: () => void this.#comeBack(line),
      onAgentEvent: this.#parts.onAgentEvent,
      onReleased: (sipCallIds) => {
        desk.release(sipCallIds)
        if (this.#current === transfer) this.#current = null
        this.#parts.onState()
      },
    })
    this.#current = transfer
    this.#parts.onState()
    return { kind: 'done' }
  }

  /** The call is over: so is the person's part in it. Resolves when media and trunk are given back. */
  async end(cause: EndCause): Promise<void> {
    const transfer = this.#current
    transfer?.callEnded(cause)
    await transfer?.released
  }

  /** Resolves when our BYE to the person, if there is one, has been answered. */
  get hungUp(): Promise<void> {
    return this.#current?.hungUp ?? Promise.resolve()
  }

  /** The agent talks to the caller again. */
  async #comeBack({ leg, agent }: { readonly leg: MediaLeg; readonly agent: AgentSpec }): Promise<void> {
    const { media, hangUp } = this.#parts
    try {
      await media.talk(leg, this.#talker(agent, 'left', null))
      if (!(await leg.ready()).ok) hangUp('system', 'agent-fault')
    } catch {
      hangUp('system', 'agent-fault')
    }
  }

  /** The agent of the call, told what was said so far. @param pending the tool call that is not answered yet: who is on the other line is its answer */
  #talker(agent: AgentSpec, note: 'left' | 'briefing', pending: string | null): TalkerSpec {
    const { session, recorder, isRecorded } = this.#parts
    const items = session.said.filter((item) => item.kind !== 'toolCall' || item.callId !== pending)
    const variables = session.row?.variables ?? agent.variables
    const spec = { ...agent, variables, past: { items, note }, callId: recorder.id }
    return {
      kind: 'agent',
      agent: note === 'left' ? { ...spec, recorded: isRecorded } : { ...spec, recorded: false, mcp: [] },
    }
  }
}

const refused = (message: string): OrderOutcome => ({ kind: 'refused', code: 'state', message })
