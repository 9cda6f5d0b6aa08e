import type { AgentSpec } from '../../lib/agent/spec.ts'
import { type CallEnd, TAKEN_FROM_US } from '../../lib/call/agent-call.ts'
import type { OrderOutcome } from '../../lib/call/call-order.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import type { LineInput } from '../../lib/call/line-input.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { LegEvent, LegSummary, MediaEngine } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSession } from '../session/call-session.ts'
import type { Line } from '../session/line-session.ts'
import { closeRecord, dropCall } from './agent-leg.ts'
import type { CallRecorder } from './call-recorder.ts'
import { CallTransfers, type TalkingLine } from './call-transfers.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import { onLegEvent } from './leg-events.ts'
import { untilTold } from './refer-notifier.ts'
import type { SharedCall } from './shared-call.ts'
import type { DialogEnd, SipDialog } from './sip-dialog.ts'
import { SteppedCall } from './stepped-call.ts'
import type { TransferDesk } from './transfer-desk.ts'
import type { TransferOrder } from './transfer-order.ts'

export interface LineParts {
  readonly recorder: CallRecorder
  /** What other nodes know of the call. */
  readonly shared: SharedCall
  readonly metrics: Metrics
  readonly media: MediaEngine
  /** The conversation that it is part of. */
  readonly session: Pick<CallSession, 'item' | 'variable' | 'said' | 'row' | 'ended' | 'fenced' | 'bequeath' | 'pass'>
  /** Who talks to the far end, as the session has it. Rejects where there is none. */
  readonly agent: () => Promise<AgentSpec>
  /** Where it is recorded; null: nowhere. */
  readonly recording: NewRecording | null
  /** Whom it may be handed to. */
  readonly desk: TransferDesk
  /** The caller's INVITE; absent: we have placed the call, or it is not known here. */
  readonly invite?: Pick<IncomingInvite, 'header'>
  /** How often the conversation has been handed on before; absent: never. */
  readonly handOns?: number
}

/** A call of an agent, whoever began it: has what its leg does come to it, and may be handed to a person. */
export abstract class LineCall<State, Input, Effect> extends SteppedCall<State, Input, Effect> {
  readonly #parts: LineParts
  readonly #transfers: CallTransfers
  #agent: AgentSpec | null = null
  #dialog: SipDialog | null = null
  #isHeld = false
  /** Resolves when the far end has been told why we hang up; null: nobody tells it. */
  #told: Promise<void> | null = null

  constructor(parts: LineParts, state: State) {
    super(parts.recorder, state)
    this.#parts = parts
    const { recorder, media, session, recording, invite, handOns = 0 } = parts
    const desk = invite === undefined ? parts.desk : parts.desk.of(invite)
    this.#transfers = new CallTransfers({
      ...{ recorder, media, desk, session, handOns, isRecorded: recording !== null },
      line: () => this.#talking(),
      onState: () => this.#showState(),
      onAgentEvent: (event) => this.#onOwnLegEvent(event),
      hangUp: (by, cause, told) => {
        this.#told = told ?? null
        this.hangUp(by, cause)
      },
    })
  }

  /** Hands the far end to a person. */
  override transfer(order: TransferOrder): OrderOutcome {
    return this.#transfers.begin(order)
  }

  /** The far end talks to somebody. */
  protected abstract get isUp(): boolean

  /** What the call's session may ask of it, and tell it. */
  protected get line(): Line {
    return {
      silentMs: async () => (await this.leg?.silentMs()) ?? null,
      giveWay: () => this.hangUp('system', 'media-timeout'),
    }
  }

  /** Who talks to the far end: the same one whenever it is asked. */
  protected async askAgent(): Promise<AgentSpec> {
    this.#agent = await this.#parts.agent()
    return this.#agent
  }

  /** The last of a call: closes its record, and gives back what was begun to hand it on. @param leg what is being closed */
  protected async closeRecord(end: CallEnd, leg: Promise<LegSummary> | undefined): Promise<void> {
    // Who was put through to a person was not let go by the agent.
    const { isJoined } = this.#transfers
    const over = this.#transfers.end(end)
    const isTransferred = end.cause === 'normal' && (isJoined || this.#transfers.isBequeathed)
    const hungUp = Promise.all([this.hungUp, this.#transfers.hungUp]).then(() => undefined)
    await over
    await closeRecord(this.#parts, isTransferred ? { ...end, cause: 'transferred' } : end, leg, hungUp)
  }

  /** The call is another node's: nothing of it is on the wire or on record here any more, but the end of whatever was begun to hand it on. */
  protected async drop(dialog: SipDialog | null): Promise<void> {
    const over = this.#transfers.end(TAKEN_FROM_US)
    await dropCall(this.#parts, this.leg, dialog)
    await over
  }

  protected override follow(dialog: SipDialog, ended: (end: DialogEnd) => Input | LineInput): void {
    this.#dialog = dialog
    if (this.#parts.desk.takesRefer(this.#parts.recorder)) dialog.onRefer((refer) => this.#transfers.onRefer(refer))
    super.follow(dialog, ended)
  }

  protected override bye(dialog: SipDialog | undefined | null, cause: EndCause): void {
    if (this.#told === null) return super.bye(dialog, cause)
    this.hungUp = untilTold(this.#told).then(() => dialog?.bye({ Reason: endReason(cause) }))
  }

  protected override onHold(held: boolean): void {
    super.onHold(held)
    this.#isHeld = held
    this.#showState()
  }

  protected onLegEvent(event: LegEvent): void {
    this.#onOwnLegEvent(event)
    if (event.kind === 'agent.variable') this.#parts.shared.changed()
    if (event.kind === 'agent.transfer') this.#onTransferTool(event)
  }

  #onOwnLegEvent(event: LegEvent): void {
    const { recorder, metrics, session } = this.#parts
    onLegEvent(event, { recorder, metrics, session, hangUp: (by, cause) => this.hangUp(by, cause) })
  }

  #onTransferTool({ callId, to: name }: Extract<LegEvent, { kind: 'agent.transfer' }>): void {
    const target = this.#agent?.transfers?.find((each) => each.name === name)
    const outcome: OrderOutcome =
      target === undefined
        ? { kind: 'refused', code: 'request', message: `there is nobody called ${name}` }
        : this.transfer({ ...target, by: 'agent', toolCall: callId })
    if (outcome.kind === 'refused') this.leg?.transferred(callId, outcome.message)
  }

  #talking(): TalkingLine | null {
    const [dialog, leg, agent] = [this.#dialog, this.leg, this.#agent]
    return dialog === null || leg === null || agent === null || !this.isUp ? null : { dialog, leg, agent }
  }

  #showState(): void {
    const { recorder, shared } = this.#parts
    const isTransferring = this.#transfers.isUnderWay && !this.#transfers.isJoined
    const state = isTransferring ? 'transferring' : this.#isHeld ? 'held' : 'active'
    if (this.isOver || recorder.row.state === state || recorder.row.state === 'ended') return
    recorder.update({ state })
    shared.changed()
  }
}
