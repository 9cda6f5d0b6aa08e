import type { Refusal } from '../../lib/call/agent-call.ts'
import type { OrderOutcome } from '../../lib/call/call-order.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import type { LineInput } from '../../lib/call/line-input.ts'
import type { Step } from '../../lib/core/step.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import { formatWarning } from '../../lib/sip/warning.ts'
import type { MediaLeg } from '../media/port.ts'
import type { CallRecorder } from './call-recorder.ts'
import { Reoffers } from './reoffers.ts'
import type { DialogEnd, SipDialog } from './sip-dialog.ts'
import type { TransferOrder } from './transfer-order.ts'

/**
 * A call whose far end is on a leg of ours, whoever it talks to: steps its machine (lib/call), one input after the other, and has what its leg,
 * its dialog and this node do come to it.
 */
export abstract class SteppedCall<State, Input, Effect> {
  readonly #recorder: CallRecorder
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

  constructor(recorder: CallRecorder, state: State) {
    this.#recorder = recorder
    this.state = state
  }

  hangUp(by: EndedBy, cause: EndCause): void {
    this.input({ kind: 'hangUp', by, cause })
  }

  /** The SIP server is gone, and what we had there with it. */
  lost(): void {
    this.input({ kind: 'lost' })
  }

  /** Hands the far end to a person. */
  abstract transfer(order: TransferOrder): OrderOutcome

  /** The term in which this node writes its record. */
  get epoch(): number {
    return this.#recorder.row.epoch
  }

  /** While it is muted nothing is sent to the far end's ear. */
  mute(muted: boolean): void {
    this.leg?.mute(muted)
  }

  /** The call is another node's. */
  fence(): void {
    this.#recorder.lost()
    this.input({ kind: 'fenced' })
  }

  protected abstract step(input: Input | LineInput): Step<State, Effect>

  protected abstract perform(effect: Effect): void

  /** Nothing comes of it any more. */
  protected abstract get isOver(): boolean

  /** The ACK of a 2xx, with the answer where the offer was ours. */
  protected abstract onAck(answer: string | null): Promise<void>

  /** The far end holds us, or does not any more. */
  protected onHold(held: boolean): void {
    this.input({ kind: held ? 'held' : 'retrieved' })
  }

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
}
