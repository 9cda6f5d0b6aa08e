import { err, ok, type Result } from '../core/result.ts'
import { isSuiteName, type MasterKey, SUITES, type SuiteName } from './crypto-suite.ts'
import { type CryptoAttribute, formatCrypto, MAX_CRYPTO_ATTRIBUTES, type MasterKeys, parseCrypto } from './sdes.ts'
import type { MediaSection, SdpRefusal } from './sdp.ts'

/**
 * Whether audio is encrypted. `off`: never. `optional`: where the far end would, and our own first offer is in clear; `preferred`: the same,
 * our own first offer being encrypted. `required`: always.
 */
export type SrtpSpec = 'off' | 'optional' | 'preferred' | 'required'

/** What we do about encryption; null in its place: nothing, all is plain RTP. */
export interface LocalSrtp {
  /** `required` takes no audio in clear; `optional` takes both, and what is encrypted rather. */
  readonly policy: 'optional' | 'required'
  /** Ours, the same for the whole leg: a re-offer needs no other key (RFC 4568 §7.1.4). Two legs never share any. */
  readonly keys: MasterKeys
}

/** Keys that both sides have agreed on: each protects what it sends with its own. */
export interface AgreedSrtp {
  readonly suite: SuiteName
  readonly local: MasterKey
  readonly remote: MasterKey
}

/** What our offers have, best first. */
export const SUITE_NAMES: readonly SuiteName[] = Object.keys(SUITES).filter(isSuiteName)

const PLAIN = new Set(['RTP/AVP', 'RTP/AVPF'])
const SECURE = new Set(['RTP/SAVP', 'RTP/SAVPF'])

/**
 * The key of an offered audio section that is taken; null where it is taken in clear. `RTP/AVP` with keys is what Asterisk and
 * some phones offer where they would like encryption (no RFC has it): it is taken as encrypted, and in clear where the keys are no use.
 */
export function offeredCrypto(
  section: MediaSection,
  srtp: LocalSrtp | null,
): Result<CryptoAttribute | null, SdpRefusal> {
  const protocol = section.protocol.toUpperCase()
  if (!PLAIN.has(protocol) && !SECURE.has(protocol)) return unusable(section.protocol)
  if (srtp === null) return PLAIN.has(protocol) ? ok(null) : unusable(section.protocol)
  const usable = firstUsable(section)
  if (usable.ok) return usable
  if (SECURE.has(protocol)) return refused(`${section.protocol} without a key that can be used: ${usable.error}`)
  return srtp.policy === 'optional'
    ? ok(null)
    : refused(`${section.protocol} is offered, and audio has to be encrypted`)
}

/** What the answer to our own offer has agreed on; null: audio in clear, as we offered it. */
export function answeredSrtp(offered: MediaSection, section: MediaSection): Result<AgreedSrtp | null, SdpRefusal> {
  const ours = offered.crypto.flatMap((value) => {
    const parsed = parseCrypto(value)
    return parsed.ok ? [parsed.value] : []
  })
  const protocol = section.protocol.toUpperCase()
  if (ours.length === 0) return PLAIN.has(protocol) ? ok(null) : unusable(section.protocol)
  if (
    SECURE.has(protocol) !== SECURE.has(offered.protocol.toUpperCase()) ||
    !(PLAIN.has(protocol) || SECURE.has(protocol))
  ) {
    return refused(`the answer is ${section.protocol}, the offer ${offered.protocol}`)
  }
  const theirs = firstUsable(section)
  if (!theirs.ok) return refused(`the answer has no key that can be used: ${theirs.error}`)
  const { tag, suite, master } = theirs.value
  const mine = ours.find((each) => each.tag === tag && each.suite === suite)
  if (mine === undefined) return refused(`the answer takes key ${tag} of ${suite}, which was not offered`)
  return ok({ suite, local: mine.master, remote: master })
}

/** `a=crypto` of an answer: our key under the tag and suite of the one that is taken (RFC 4568 §5.1.2). */
export const answerCryptoLine = ({ tag, suite }: CryptoAttribute, { keys }: LocalSrtp): string =>
  formatCrypto({ tag, suite, master: keys[suite] })

/** `a=crypto` of an offer, one for each suite. */
export const offerCryptoLines = (suites: readonly SuiteName[], { keys }: LocalSrtp): readonly string[] =>
  suites.map((suite, i) => formatCrypto({ tag: i + 1, suite, master: keys[suite] }))

/** The offerer's order is its preference (RFC 4568 §5.1.1): the first one that we can do. */
function firstUsable({ crypto }: MediaSection): Result<CryptoAttribute, string> {
  let first: string | null = null
  for (const value of crypto.slice(0, MAX_CRYPTO_ATTRIBUTES)) {
    const parsed = parseCrypto(value)
    if (parsed.ok) return parsed
    first ??= parsed.error
  }
  return err(first ?? 'there is none')
}

function unusable(protocol: string): Result<never, SdpRefusal> {
  if (protocol.toUpperCase().includes('SAVP')) return refused(`only encrypted audio is offered: ${protocol}`)
  return err({ code: 'sdp-no-common-codec', message: `unknown transport of audio: ${protocol}` })
}

const refused = (message: string): Result<never, SdpRefusal> => err({ code: 'sdp-srtp-required', message })
