import { err, ok, type Result } from '../../../lib/core/result.ts'
import type { SuiteName } from '../../../lib/sip/crypto-suite.ts'
import {
  type AgreedMedia,
  acceptAnswer,
  answerOffer,
  type LocalMedia,
  makeOffer,
} from '../../../lib/sip/offer-answer.ts'
import { parseSdp, type SdpRefusal } from '../../../lib/sip/sdp.ts'
import { SUITE_NAMES } from '../../../lib/sip/secure-audio.ts'
import type { OfferKind } from '../port.ts'

export interface NegotiationParts {
  readonly local: LocalMedia
  /** What our first offer is, where both would do (SRTP is optional). */
  readonly offers: 'plain' | 'secure'
  /** What the far end was told last by whoever had the session before; null: nobody had. */
  readonly previousSdp: string | null
}

/** Offers and answers of one leg (RFC 3264): what was said last, and what is agreed on. */
export class Negotiation {
  readonly #parts: NegotiationParts
  readonly #onAgreed: (agreed: AgreedMedia, before: AgreedMedia | null) => void
  #description: string | undefined
  #agreed: AgreedMedia | null = null

  /** @param onAgreed both sides have agreed, for the first time or anew */
  constructor(parts: NegotiationParts, onAgreed: (agreed: AgreedMedia, before: AgreedMedia | null) => void) {
    this.#parts = parts
    this.#onAgreed = onAgreed
    this.#description = parts.previousSdp ?? undefined
  }

  get agreed(): AgreedMedia | null {
    return this.#agreed
  }

  answer(offerSdp: string): Result<string, SdpRefusal> {
    const answered = answerOffer(offerSdp, this.#parts.local, this.#description)
    if (!answered.ok) return answered
    this.#description = answered.value.sdp
    this.#agree(answered.value.agreed)
    return ok(answered.value.sdp)
  }

  offer(kind: OfferKind): string {
    const { codecs, suites } = this.#offered(kind)
    this.#description = makeOffer({ ...this.#parts.local, codecs }, this.#description, suites)
    return this.#description
  }

  accept(answerSdp: string): Result<void, SdpRefusal> {
    if (this.#description === undefined) {
      const parsed = parseSdp(answerSdp)
      return parsed.ok ? err({ code: 'sdp-no-offer', message: 'an answer came before our offer' }) : parsed
    }
    const accepted = acceptAnswer(this.#description, answerSdp, this.#parts.local.codecs)
    if (!accepted.ok) return accepted
    this.#agree(accepted.value)
    return ok(undefined)
  }

  #agree(agreed: AgreedMedia): void {
    const before = this.#agreed
    this.#agreed = agreed
    this.#onAgreed(agreed, before)
  }

  /**
   * What an offer of ours has. In a session that is up, the protection that it has, and no suite but that of now (RFC 4568 §7.1.4). The
   * `other` offer has the other protection where that is ours to choose, else it lacks the codec that we prefer.
   */
  #offered(kind: OfferKind): { readonly codecs: LocalMedia['codecs']; readonly suites: readonly SuiteName[] } {
    const { codecs, srtp } = this.#parts.local
    const fewer = kind === 'other' && codecs.length > 1 ? codecs.slice(1) : codecs
    if (this.#agreed !== null) {
      return { codecs: fewer, suites: this.#agreed.srtp === null ? [] : [this.#agreed.srtp.suite] }
    }
    if (srtp?.policy !== 'optional') return { codecs: fewer, suites: srtp ? SUITE_NAMES : [] }
    const isSecure = (this.#parts.offers === 'secure') === (kind === 'usual')
    return { codecs, suites: isSecure ? SUITE_NAMES : [] }
  }
}
