import type { Refusal } from '../../lib/call/agent-call.ts'
import type { TargetId } from '../../lib/call/dialled-state.ts'
import { endReason } from '../../lib/call/end-reason.ts'
import { type CallId, legId, type TrunkId } from '../../lib/core/ids.ts'
import type { EndCause } from '../../lib/observe/call-record.ts'
import type { SessionUuid } from '../../lib/sip/session-id.ts'
import type { Attempt } from '../../lib/trunk/attempt.ts'
import type { HuntFailure } from '../../lib/trunk/hunt-failure.ts'
import type { LegEvent, LegSummary, MediaEngine, MediaLeg } from '../media/port.ts'
import type { CalleeHunt } from './callee-hunt.ts'
import type { IncomingRefer } from './dialog-refers.ts'
import { Reoffers } from './reoffers.ts'
import type { DialogEnd, SipDialog } from './sip-dialog.ts'

export interface DialledBranchParts {
  readonly call: CallId
  readonly target: TargetId
  /** How they are rung. */
  readonly callee: CalleeHunt
  readonly media: MediaEngine
  /** The caller's, which theirs is beside; null where it is not open. */
  readonly callerLeg: () => MediaLeg | null
  readonly onRinging: () => void
  readonly onAnswered: () => void
  readonly onFailed: (failure: HuntFailure) => void
  /** Who answered holds the caller, or does not any more. */
  readonly onHold: (held: boolean) => void
  readonly onEnd: (end: DialogEnd) => void
  /** They ask for somebody else to take their place. */
  readonly onRefer: (refer: IncomingRefer) => void
  /** Nothing is heard of them any more. */
  readonly onSilent: () => void
  /** They and we have no media any more. */
  readonly onUnusable: () => void
  readonly onLegEvent: (event: LegEvent) => void
  /** What goes along with the refusal of an offer of theirs. */
  readonly headersOf: (refusal: Refusal) => Record<string, string>
}

/** One of the persons that a caller may be put through to: first hunted for, then on a dialog and a leg of their own. */
export class DialledBranch {
  readonly #parts: DialledBranchParts
  readonly #reoffers: Reoffers
  /** That of the attempt under way, or of who answered. */
  #leg: MediaLeg | null = null
  #answered: { readonly dialog: SipDialog; readonly answer: string } | null = null
  #trunk: TrunkId | null = null
  #isOver = false
  /** They have hung up, or were: there is nothing left to end. */
  #hasLeft = false

  constructor(parts: DialledBranchParts) {
    this.#parts = parts
    const { onHold, headersOf } = parts
    this.#reoffers = new Reoffers({ leg: () => (this.#isOver ? null : this.#leg), onHold, headersOf })
  }

  /** The Call-ID of every INVITE that left. */
  get sipCallIds(): readonly string[] {
    return this.#parts.callee.sipCallIds
  }

  /** The trunk that was tried last, or that took the call; null: none. */
  get trunk(): TrunkId | null {
    return this.#trunk
  }

  /** Who answered, for Session-ID (RFC 7989); null: nobody has, or they have not said. */
  get sessionUuid(): SessionUuid | null {
    return this.#answered?.dialog.sessionIds.far ?? null
  }

  get sipCallId(): string {
    return this.#answered?.dialog.sipCallId ?? ''
  }

  ring(): void {
    const { callee, onRinging, onFailed } = this.#parts
    const ringing = callee.start({
      isWanted: () => !this.#isOver,
      offer: (attempt) => this.#offer(attempt),
      onSent: (trunk) => {
        this.#trunk = trunk
      },
      onRinging,
      onNext: () => void this.#closeLeg(),
      onAnswered: (dialog, answer) => this.#onAnswered(dialog, answer),
      onFailed: (failure) => {
        void this.close()
        onFailed(failure)
      },
    })
    void ringing
  }

  /** Gives the hunt up; who answers all the same is hung up. */
  cancel(): void {
    this.#parts.callee.cancel()
    void this.close()
  }

  /** Takes their answer, and makes their leg and the caller's one conversation; false where there is no media for that. */
  async connect(): Promise<boolean> {
    const [caller, leg, answered] = [this.#parts.callerLeg(), this.#leg, this.#answered]
    if (caller === null || leg === null || answered === null) return false
    const accepted = await leg.accept(answered.answer)
    if (!accepted.ok) return false
    await this.#parts.media.join(caller, leg)
    leg.start()
    return true
  }

  mute(muted: boolean): void {
    this.#leg?.mute(muted)
  }

  /** Hangs up; resolves when they have answered the BYE. */
  bye(cause: EndCause): Promise<void> {
    if (this.#answered === null || this.#hasLeft) return Promise.resolve()
    this.#hasLeft = true
    return this.#answered.dialog.bye({ Reason: endReason(cause) })
  }

  /** The call is another node's: nothing more is sent. */
  async drop(): Promise<void> {
    this.#answered?.dialog.forget()
    this.mute(true)
    await this.close()
  }

  /** Gives back media, and the place on the trunk; what the leg was, where there is one. Safe to call twice. */
  close(): Promise<LegSummary | null> {
    this.#isOver = true
    this.#parts.callee.end()
    return this.#closeLeg()
  }

  /** Every attempt has a leg, and so an offer, of its own. */
  async #offer({ id, offer, trunk }: Attempt): Promise<string> {
    const { call, target, media, callerLeg } = this.#parts
    const beside = callerLeg()
    if (beside === null) throw new Error('the caller has no media any more')
    // Another offer to the same address takes the place of the one before.
    await this.#closeLeg()
    const leg: MediaLeg = await media.open({
      callId: call,
      legId: legId(`${call}.b${target}-${id}`),
      talker: { kind: 'none' },
      beside,
      onEvent: (event) => {
        if (this.#leg !== leg || this.#isOver) return
        if (event.kind === 'mediaTimeout') this.#parts.onSilent()
        else this.#parts.onLegEvent(event)
      },
    })
    this.#leg = leg
    if (this.#isOver) await this.#closeLeg()
    return leg.offer(offer, trunk.srtp)
  }

  #onAnswered(dialog: SipDialog, answer: string): void {
    this.#answered = { dialog, answer }
    this.#parts.onAnswered()
    // What came right behind the 200 is told now.
    dialog.onDigit(({ digit, durationMs }) => this.#leg?.dtmf(digit, durationMs))
    dialog.onAck((sdp) => void this.#onAck(sdp))
    dialog.onReoffer((reoffer) => this.#reoffers.take(reoffer))
    dialog.onRefer((refer) => this.#parts.onRefer(refer))
    dialog.onEnd((end) => {
      this.#hasLeft = true
      this.#parts.onEnd(end)
    })
  }

  /** The ACK of a re-INVITE of theirs, which may bring the answer to our offer. */
  async #onAck(answer: string | null): Promise<void> {
    const acked = await this.#reoffers.acked(answer)
    if (acked === 'unusable') return this.#parts.onUnusable()
    if (acked !== 'plain') this.#parts.onHold(acked.held)
  }

  async #closeLeg(): Promise<LegSummary | null> {
    const leg = this.#leg
    this.#leg = null
    return leg === null ? null : leg.close()
  }
}
