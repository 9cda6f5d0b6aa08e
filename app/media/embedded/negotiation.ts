import { err, ok, type Result } from '../../../lib/core/result.ts'
import type { SuiteName } from '../../../lib/sip/crypto-suite.ts'
import {
  type AgreedMedia,
  acceptAnswer,
  answerOffer,
  type LocalMedia,
  makeOffer,
} from '../../../lib/sip/offer-answer.ts'
import type { MasterKeys } from '../../../lib/sip/sdes.ts'
import { parseSdp, type SdpRefusal } from '../../../lib/sip/sdp.ts'
import { SUITE_NAMES } from '../../../lib/sip/secure-audio.ts'
import type { OfferKind, SrtpSpec } from '../port.ts'

export interface NegotiationParts {
  readonly local: Omit<LocalMedia, 'srtp'>
  readonly srtp: SrtpSpec
  /** Ours, for the whole leg. */
  readonly keys: MasterKeys
  /** What the far end was told last by whoever had the session before; null: nobody had. */
  readonly previousSdp: string | null
  /** Of these it knows our keys; empty: of none. */
  readonly previousSuites: readonly SuiteName[]
}

/** Offers and answers of one leg (RFC 3264): what was said last, and what is agreed on. */
export class Negotiation {
  readonly #parts: NegotiationParts
  readonly #onAgreed: (agreed: AgreedMedia, before: AgreedMedia | null) => void
  #srtp: SrtpSpec
  #description: string | undefined
  #agreed: AgreedMedia | null = null

  /** @param onAgreed both sides have agreed, for the first time or anew */
  constructor(parts: NegotiationParts, onAgreed: (agreed: AgreedMedia, before: AgreedMedia | null) => void) {
    this.#parts = parts
    this.#onAgreed = onAgreed
    this.#srtp = parts.srtp
    this.#description = parts.previousSdp ?? undefined
  }

  get agreed(): AgreedMedia | null {
    return this.#agreed
  }

  answer(offerSdp: string): Result<string, SdpRefusal> {
    const answered = answerOffer(offerSdp, this.#local(), this.#description)
    if (!answered.ok) return answered
    this.#description = answered.value.sdp
    this.#agree(answered.value.agreed)
    return ok(answered.value.sdp)
  }

  /** @param srtp from now on; null: as it was */
  offer(kind: OfferKind, srtp: SrtpSpec | null): string {
    this.#srtp = srtp ?? this.#srtp
    const { codecs, suites } = this.#offered(kind)
    this.#description = makeOffer({ ...this.#local(), codecs }, this.#description, suites)
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

  #local(): LocalMedia {
    const { local, keys } = this.#parts
    const policy = this.#srtp === 'required' ? 'required' : 'optional'
    return { ...local, srtp: this.#srtp === 'off' ? null : { policy, keys } }
  }

  /**
   * What an offer of ours has. In a session that is up, the protection that it has, and no suite but that of now (RFC 4568 §7.1.4); in one
   * that was another leg's, no suite but those that the far end knows our keys of. The `other` offer has the other protection where
   * that is ours to choose, else it lacks the codec that we prefer.
   */
  #offered(kind: OfferKind): { readonly codecs: LocalMedia['codecs']; readonly suites: readonly SuiteName[] } {
    const { local, previousSuites } = this.#parts
    const { codecs } = local
    const fewer = kind === 'other' && codecs.length > 1 ? codecs.slice(1) : codecs
    if (this.#agreed !== null) {
      return { codecs: fewer, suites: this.#agreed.srtp === null ? [] : [this.#agreed.srtp.suite] }
    }
    const suites = previousSuites.length > 0 ? previousSuites : SUITE_NAMES
    if (this.#srtp === 'off') return { codecs: fewer, suites: [] }
    if (this.#srtp === 'required') return { codecs: fewer, suites }
    const isSecure = (this.#srtp === 'preferred') === (kind === 'usual')
    return { codecs, suites: isSecure ? suites : [] }
  }
}
