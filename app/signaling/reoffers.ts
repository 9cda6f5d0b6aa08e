import type { Refusal } from '../../lib/call/agent-call.ts'
import { refusalOfSdp } from '../../lib/call/sdp-refusal.ts'
import { isHold } from '../../lib/sip/sdp.ts'
import type { MediaLeg } from '../media/port.ts'
import type { Reoffer } from './sip-dialog.ts'

export interface ReofferSink {
  /** The leg that the dialog's audio is on; null where there is none any more. */
  readonly leg: () => MediaLeg | null
  /** Who may not hear the agent is held. */
  readonly onHold: (held: boolean) => void
  /** What goes along with a refusal. */
  readonly headersOf: (refusal: Refusal) => Record<string, string>
}

/** Answers the re-INVITEs and UPDATEs of a dialog (RFC 3264 §8), one after the other. */
export class Reoffers {
  readonly #sink: ReofferSink
  #queue: Promise<void> = Promise.resolve()
  #awaitsAnswer = false

  constructor(sink: ReofferSink) {
    this.#sink = sink
  }

  /** We made the offer in our last 2xx, so that the ACK brings the answer (RFC 3261 §13.2.1). */
  expectAnswer(): void {
    this.#awaitsAnswer = true
  }

  take(reoffer: Reoffer): void {
    this.#queue = this.#queue
      .then(() => this.#answer(reoffer))
      .catch(() => reoffer.refuse(500, 'Server Internal Error'))
  }

  /**
   * The ACK of a 2xx. `unusable`: it ought to have brought an answer, and there is no audio to have without; a boolean: it has, and
   * this says whether it puts us on hold.
   */
  async acked(answer: string | null): Promise<'unusable' | 'plain' | { readonly held: boolean }> {
    if (!this.#awaitsAnswer) return 'plain'
    this.#awaitsAnswer = false
    const accepted = answer === null ? null : await this.#sink.leg()?.accept(answer)
    return accepted?.ok === true ? { held: answer !== null && isHold(answer) } : 'unusable'
  }

  async #answer(reoffer: Reoffer): Promise<void> {
    const leg = this.#sink.leg()
    if (leg === null) return reoffer.refuse(481, 'Call/Transaction Does Not Exist')
    if (reoffer.offer === null) {
      const offer = await leg.offer()
      this.#awaitsAnswer = true
      return reoffer.accept(offer)
    }
    const answer = await leg.answer(reoffer.offer)
    if (!answer.ok) {
      const refusal = refusalOfSdp(answer.error)
      return reoffer.refuse(refusal.status, refusal.reason, this.#sink.headersOf(refusal))
    }
    reoffer.accept(answer.value)
    // Held is who may not hear the agent: sendonly or inactive from the far end (RFC 3264 §8.4).
    this.#sink.onHold(!/^a=(sendrecv|sendonly)/m.test(answer.value))
  }
}
