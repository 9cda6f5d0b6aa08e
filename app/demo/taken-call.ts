import type { InviteFate } from '../../lib/demo/carrier-fault.ts'
import { withDeadline } from '../deadline.ts'
import type { LegEvent } from '../media/port.ts'
import type { IncomingInvite } from '../signaling/incoming-invite.ts'
import type { SipDialog } from '../signaling/sip-dialog.ts'
import type { CarrierLeg, CarrierMedia } from './carrier-media.ts'
import type { CarrierProcessOptions } from './carrier-messages.ts'
import type { CarrierEvent } from './carrier-port.ts'

/** A far end that does not answer the BYE of a carrier that closes is not waited for. */
const BYE_PATIENCE_MS = 500

export interface TakenCallParts {
  readonly options: Pick<CarrierProcessOptions, 'ringMs' | 'talkMs'>
  readonly media: CarrierMedia
  readonly emit: (event: CarrierEvent) => void
  /** The call is over and holds nothing any more; called once. */
  readonly onOver: () => void
}

/** Events of `CarrierEvent` without what all have in common. */
type Seen =
  | { readonly kind: 'invite' | 'ringing' | 'answered' }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'ended'; readonly by: 'carrier' | 'tandem'; readonly longestGapMs: number | null }

/** A call that Tandem places over a carrier, as the carrier and its callee take it. */
export class TakenCall {
  readonly #parts: TakenCallParts
  readonly #invite: IncomingInvite
  #leg: CarrierLeg | null = null
  #dialog: SipDialog | null = null
  #timer: NodeJS.Timeout | undefined
  #over = false

  constructor(parts: TakenCallParts, invite: IncomingInvite) {
    this.#parts = parts
    this.#invite = invite
    invite.onCancel(() => this.#end('tandem'))
  }

  /** Does with the INVITE what the carrier's fault, or the number, wants; the SIP server has said 100 to it already. */
  begin(fate: InviteFate): void {
    this.#see({ kind: 'invite' })
    if (fate.kind === 'refuse') this.#refuse(fate.status, fate.retryAfterS)
    else if (fate.kind === 'answer') this.#ring()
  }

  /** Hangs up, or lets the INVITE be. */
  async close(): Promise<void> {
    const dialog = this.#dialog
    this.#end('carrier')
    if (dialog !== null) await withDeadline(dialog.bye(), BYE_PATIENCE_MS)
  }

  #ring(): void {
    this.#invite.respond(180, 'Ringing')
    this.#see({ kind: 'ringing' })
    this.#timer = setTimeout(() => {
      this.#answer().catch((cause: unknown) => {
        process.emitWarning(cause instanceof Error ? cause : String(cause))
        this.#refuse(500, null)
      })
    }, this.#parts.options.ringMs)
  }

  #refuse(status: number, retryAfterS: number | null): void {
    if (this.#over) return
    this.#invite.respond(status, 'Refused', retryAfterS === null ? {} : { 'Retry-After': String(retryAfterS) })
    this.#see({ kind: 'refused', status })
    this.#release()
  }

  async #answer(): Promise<void> {
    const opened = await this.#parts.media.open((event) => this.#onLegEvent(event))
    // Cancelled while the port was being opened.
    if (this.#over) return opened.close()
    this.#leg = opened
    const { leg, heard } = opened
    const { offer } = this.#invite
    const answer = offer === null ? null : leg.answer(offer)
    if (answer?.ok === false) return this.#refuse(488, null)
    const answered = await this.#invite.answer(answer === null ? leg.offer('usual') : answer.value)
    if (!answered.ok) return this.#end('tandem')
    const dialog = answered.value
    this.#dialog = dialog
    dialog.onEnd(() => this.#end('tandem'))
    dialog.onReoffer((reoffer) => {
      const again = reoffer.offer === null ? null : leg.answer(reoffer.offer)
      if (again?.ok === false) reoffer.refuse(488, 'Not Acceptable Here')
      else reoffer.accept(again === null ? leg.offer('usual') : again.value)
    })
    dialog.onAck((sdp) => {
      if (sdp !== null) leg.accept(sdp)
      leg.start()
    })
    heard.start(performance.now())
    this.#see({ kind: 'answered' })
    const { talkMs } = this.#parts.options
    if (talkMs !== null) this.#timer = setTimeout(() => this.#hangUp(), talkMs)
  }

  #onLegEvent(event: LegEvent): void {
    if (event.kind === 'mediaTimeout' || event.kind === 'failed') this.#hangUp()
  }

  #hangUp(): void {
    const dialog = this.#dialog
    this.#end('carrier')
    void dialog?.bye()
  }

  #end(by: 'carrier' | 'tandem'): void {
    if (this.#over) return
    const longestGapMs = this.#dialog === null ? null : (this.#leg?.heard.longestGapMs(performance.now()) ?? null)
    this.#see({ kind: 'ended', by, longestGapMs })
    this.#release()
  }

  #release(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#dialog = null
    void this.#leg?.close()
    this.#parts.onOver()
  }

  #see(seen: Seen): void {
    const { sipCallId, facts } = this.#invite
    this.#parts.emit({ ...seen, atMs: Date.now(), sipCallId, number: facts.dialled })
  }
}
