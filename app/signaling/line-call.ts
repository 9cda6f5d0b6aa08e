import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd, Refusal } from '../../lib/call/agent-call.ts'
import type { OrderOutcome } from '../../lib/call/call-order.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import type { LineInput } from '../../lib/call/line-input.ts'
import type { Step } from '../../lib/core/step.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { formatWarning } from '../../lib/sip/warning.ts'
import type { LegEvent, LegSummary, MediaEngine, MediaLeg } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSession } from '../session/call-session.ts'
import type { Line } from '../session/line-session.ts'
import { closeRecord, dropCall } from './agent-leg.ts'
import type { CallRecorder } from './call-recorder.ts'
import { CallTransfers } from './call-transfers.ts'
import { onLegEvent } from './leg-events.ts'
import { Reoffers } from './reoffers.ts'
import type { SharedCall } from './shared-call.ts'
import type { DialogEnd, SipDialog } from './sip-dialog.ts'
import type { TransferDesk } from './transfer-desk.ts'
import type { TransferOrder } from './transfer-order.ts'

export interface LineParts {
  readonly recorder: CallRecorder
  /** What other nodes know of the call. */
  readonly shared: SharedCall
  readonly metrics: Metrics
  readonly media: MediaEngine
  /** The conversation that it is part of. */
  readonly session: Pick<CallSession, 'item' | 'variable' | 'said' | 'row' | 'ended' | 'fenced'>
  /** Who talks to the far end, as the session has it. Rejects where there is none. */
  readonly agent: () => Promise<AgentSpec>
  /** Where it is recorded; null: nowhere. */
  readonly recording: NewRecording | null
  /** Whom it may be handed to. */
  readonly desk: TransferDesk
}

/**
 * A call of an agent, whoever began it: steps its machine (lib/call), one input after the other, and has what its leg, its dialog and this node do
 * come to it.
 */
export abstract class LineCall<State, Input, Effect> {
  readonly #parts: LineParts
  readonly #inputs: (Input | LineInput)[] = []
  readonly #transfers: CallTransfers
  #stepping = false
  #agent: AgentSpec | null = null
  #isHeld = false
  /** Resolves when our BYE, if we sent one, has been answered. */
  protected hungUp: Promise<void> = Promise.resolve()
  protected state: State
  /** What the call is on. */
  protected leg: MediaLeg | null = null
  protected readonly reoffers = new Reoffers({
    leg: () => (this.isOver ? null : this.leg),
    onHold: (held) => this.onHold(held),
    headersOf: (refusal) => this.headersOf(refusal),
  })

  constructor(parts: LineParts, state: State) {
    this.#parts = parts
    this.state = state
    const { recorder, media, desk, session, recording } = parts
    this.#transfers = new CallTransfers({
      ...{ recorder, media, desk, session, isRecorded: recording !== null },
      line: () => this.#talking(),
      onState: () => this.#showState(),
      onAgentEvent: (event) => this.#onOwnLegEvent(event),
      hangUp: (by, cause) => this.hangUp(by, cause),
    })
  }

  hangUp(by: EndedBy, cause: EndCause): void {
    this.input({ kind: 'hangUp', by, cause })
  }

  /** The SIP server is gone, and what we had there with it. */
  lost(): void {
    this.input({ kind: 'lost' })
  }

  /** Hands the far end to a person. */
  transfer(order: TransferOrder): OrderOutcome {
    return this.#transfers.begin(order)
  }

  /** The term in which this node writes its record. */
  get epoch(): number {
    return this.#parts.recorder.row.epoch
  }

  /** While it is muted nothing is sent to the far end's ear. */
  mute(muted: boolean): void {
    this.leg?.mute(muted)
  }

  /** The call is another node's. */
  fence(): void {
    this.#parts.recorder.lost()
    this.input({ kind: 'fenced' })
  }

  protected abstract step(input: Input | LineInput): Step<State, Effect>

  protected abstract perform(effect: Effect): void

  /** Nothing comes of it any more. */
  protected abstract get isOver(): boolean

  /** The far end talks to somebody. */
  protected abstract get isUp(): boolean

  /** The ACK of a 2xx, with the answer where the offer was ours. */
  protected abstract onAck(answer: string | null): Promise<void>

  /** Inputs that come of effects wait for their turn. */
  protected input(input: Input | LineInput): void {
    this.#inputs.push(input)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const { state, effects } = this.step(next)
      this.state = state
      for (const effect of effects) this.perform(effect)
    }
    this.#stepping = false
  }

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
    const isTransferred = end.cause === 'normal' && this.#transfers.isJoined
    const over = this.#transfers.end(end.cause)
    const hungUp = Promise.all([this.hungUp, this.#transfers.hungUp]).then(() => undefined)
    await over
    await closeRecord(this.#parts, isTransferred ? { ...end, cause: 'transferred' } : end, leg, hungUp)
  }

  /** The call is another node's: nothing of it is on the wire or on record here any more, but the end of whatever was begun to hand it on. */
  protected async drop(dialog: SipDialog | null): Promise<void> {
    const over = this.#transfers.end('node-lost')
    await dropCall(this.#parts, this.leg, dialog)
    await over
  }

  /** Hears what comes in the dialog, also what came right behind the message that made it. `ended`: what its end is to the machine. */
  protected follow(dialog: SipDialog, ended: (end: DialogEnd) => Input | LineInput): void {
    dialog.onDigit(({ digit, durationMs }) => this.leg?.dtmf(digit, durationMs))
    dialog.onAck((sdp) => void this.onAck(sdp))
    dialog.onReoffer((reoffer) => this.reoffers.take(reoffer))
    dialog.onEnd((end) => this.input(ended(end)))
  }

  /** What goes along with the refusal of an offer of the far end. */
  protected headersOf({ warning, detail }: Refusal): Record<string, string> {
    return warning === null ? {} : { Warning: formatWarning(warning, detail) }
  }

  /** Hangs up. */
  protected bye(dialog: SipDialog | undefined | null, cause: EndCause): void {
    this.hungUp = dialog?.bye({ Reason: endReason(cause) }) ?? this.hungUp
  }

  protected onHold(held: boolean): void {
    this.input({ kind: held ? 'held' : 'retrieved' })
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

  #talking(): { readonly leg: MediaLeg; readonly agent: AgentSpec } | null {
    const { leg } = this
    return leg === null || this.#agent === null || !this.isUp ? null : { leg, agent: this.#agent }
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
