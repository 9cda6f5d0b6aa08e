import {
  type AgentCallEffect,
  type AgentCallInput,
  type AgentCallState,
  stepAgentCall,
} from '../../lib/call/agent-call.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { namedUuid } from '../../lib/sip/session-id.ts'
import type { LegEvent } from '../media/port.ts'
import type { CallSession } from '../session/call-session.ts'
import { untilReady } from './agent-leg.ts'
import type { StrandedCaller } from './dialled-call-parts.ts'
import { LineCall, type LineParts } from './line-call.ts'

export interface ReturnedCallParts extends LineParts {
  readonly session: CallSession
  readonly caller: StrandedCaller
  /** Called once, when the record is closed and media given back. */
  readonly onReleased: () => void
}

/** The rest of a call whose caller was put through to a person and has lost them: one between a caller and an agent, as any other that is up. */
export class ReturnedCall extends LineCall<AgentCallState, AgentCallInput, AgentCallEffect> {
  readonly #parts: ReturnedCallParts

  constructor(parts: ReturnedCallParts) {
    super(parts, { kind: 'up', held: parts.caller.held })
    this.#parts = parts
    const { leg, dialog } = parts.caller
    this.leg = leg
    dialog.sessionIds.speakFor(() => namedUuid(parts.recorder.id))
    this.follow(dialog, (end) => ({ kind: end }))
    void this.#begin().catch(() => this.hangUp('system', 'agent-fault'))
  }

  /** What happens on the caller's leg, which was opened by somebody else. */
  onEvent(event: LegEvent): void {
    this.onLegEvent(event)
  }

  protected override step(input: AgentCallInput): ReturnType<typeof stepAgentCall> {
    return stepAgentCall(this.state, input)
  }

  protected override get isOver(): boolean {
    return this.state.kind === 'ended'
  }

  protected override get isUp(): boolean {
    return this.state.kind === 'up'
  }

  protected override perform(effect: AgentCallEffect): void {
    switch (effect.kind) {
      case 'bye':
        return this.bye(this.#parts.caller.dialog, effect.cause)
      case 'drop':
        void this.#drop()
        return
      case 'release':
        void this.#release(effect)
        return
      case 'ring':
      case 'answer':
      case 'reject':
      case 'start':
        // It was rung, answered and begun before.
        return
      default:
        return assertNever(effect)
    }
  }

  /** The agent is told of what has happened, and speaks first. */
  async #begin(): Promise<void> {
    const { session, shared, media, recorder, recording, caller } = this.#parts
    const agent = await this.askAgent()
    if (this.isOver) return
    session.began(this.line)
    shared.up(caller.dialog)
    const told = { callId: recorder.id, recorded: recording !== null, past: { items: [], note: 'stranded' } } as const
    await media.talk(caller.leg, { kind: 'agent', agent: { ...agent, ...told } })
    if ((await untilReady(caller.leg)) !== null) this.hangUp('system', 'agent-fault')
  }

  protected override async onAck(answer: string | null): Promise<void> {
    const acked = await this.reoffers.acked(answer)
    if (acked === 'unusable') return this.hangUp('system', 'rejected')
    if (acked !== 'plain') this.onHold(acked.held)
  }

  async #drop(): Promise<void> {
    await this.drop(this.#parts.caller.dialog)
    this.#parts.onReleased()
  }

  async #release({ end }: Extract<AgentCallEffect, { kind: 'release' }>): Promise<void> {
    this.#parts.shared.end()
    await this.closeRecord(end, this.leg?.close())
    this.#parts.onReleased()
  }
}
