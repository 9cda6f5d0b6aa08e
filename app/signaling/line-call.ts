import type { Refusal } from '../../lib/call/agent-call.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import type { LineInput } from '../../lib/call/line-input.ts'
import type { Step } from '../../lib/core/step.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { formatWarning } from '../../lib/sip/warning.ts'
import type { LegEvent, MediaLeg } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { CallSession } from '../session/call-session.ts'
import type { Line } from '../session/line-session.ts'
import type { CallRecorder } from './call-recorder.ts'
import { onLegEvent } from './leg-events.ts'
import { Reoffers } from './reoffers.ts'
import type { SharedCall } from './shared-call.ts'
import type { DialogEnd, SipDialog } from './sip-dialog.ts'

export interface LineParts {
  readonly recorder: CallRecorder
  /** What other nodes know of the call. */
  readonly shared: SharedCall
  readonly metrics: Metrics
  /** The conversation that it is part of. */
  readonly session: Pick<CallSession, 'item' | 'variable'>
}

/**
 * A call of an agent, whoever began it: steps its machine (lib/call), one input after the other, and has what its leg, its dialog and this node do
 * come to it.
 */
export abstract class LineCall<State, Input, Effect> {
  readonly #parts: LineParts
  readonly #inputs: (Input | LineInput)[] = []
  #stepping = false
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
  }

  hangUp(by: EndedBy, cause: EndCause): void {
    this.input({ kind: 'hangUp', by, cause })
  }

  /** The SIP server is gone, and what we had there with it. */
  lost(): void {
    this.input({ kind: 'lost' })
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
    const state = held ? 'held' : 'active'
    const { recorder, shared } = this.#parts
    if (recorder.row.state === state || recorder.row.state === 'ended') return
    recorder.update({ state })
    shared.changed()
  }

  protected onLegEvent(event: LegEvent): void {
    const { recorder, metrics, session, shared } = this.#parts
    onLegEvent(event, { recorder, metrics, session, hangUp: (by, cause) => this.hangUp(by, cause) })
    if (event.kind === 'agent.variable') shared.changed()
  }
}
