import assert from 'node:assert/strict'
import fc from 'fast-check'
import { supportedCodecs } from '../../../lib/sip/codecs.ts'
import { isSuiteName, SUITES } from '../../../lib/sip/crypto-suite.ts'
import { acceptAnswer, answerOffer, type LocalMedia, makeOffer } from '../../../lib/sip/offer-answer.ts'
import { formatCrypto, MASTER_KEYS_BYTES, masterKeysOf } from '../../../lib/sip/sdes.ts'

const ours = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => i)))
const theirs = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => 255 - i)))

const PLAIN: LocalMedia = {
  address: '192.0.2.10',
  rtpPort: 20_000,
  sessionId: '77',
  codecs: supportedCodecs(['PCMU', 'PCMA']),
  direction: 'sendrecv',
}
const OPTIONAL: LocalMedia = { ...PLAIN, srtp: { policy: 'optional', keys: ours } }
const REQUIRED: LocalMedia = { ...PLAIN, srtp: { policy: 'required', keys: ours } }
/** The other end of the same rules. */
const FAR: LocalMedia = { ...PLAIN, address: '198.51.100.1', srtp: { policy: 'required', keys: theirs } }

const HEAD = ['v=0', 'o=carrier 12 34 IN IP4 198.51.100.1', 's=call', 'c=IN IP4 198.51.100.1', 't=0 0'] as const
const sdp = (...lines: string[]): string => [...HEAD, ...lines, ''].join('\r\n')

const KEY80 = formatCrypto({ tag: 7, suite: 'AES_CM_128_HMAC_SHA1_80', master: theirs.AES_CM_128_HMAC_SHA1_80 })
const KEY32 = formatCrypto({ tag: 2, suite: 'AES_CM_128_HMAC_SHA1_32', master: theirs.AES_CM_128_HMAC_SHA1_32 })
const F8 = 'a=crypto:1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'
const AVP = 'm=audio 4000 RTP/AVP 0'
const SAVP = 'm=audio 4000 RTP/SAVP 0'

/** What becomes of an offer: the answer's `m=` lines, or why it is refused. */
function outcome(offer: string, local: LocalMedia): string {
  const answered = answerOffer(offer, local)
  if (!answered.ok) return answered.error.code
  const lines = answered.value.sdp.split('\r\n').filter((line) => line.startsWith('m='))
  return (
    lines.map((line) => line.split(' ').slice(1, 3).join(' ')).join(', ') +
    (answered.value.agreed.srtp === null ? '' : ' keys')
  )
}

describe('An offer and encryption', () => {
  const cases: readonly [why: string, offer: string, off: string, optional: string, required: string][] = [
    ['plain audio', sdp(AVP), '20000 RTP/AVP', '20000 RTP/AVP', 'sdp-srtp-required'],
    ['encrypted audio', sdp(SAVP, KEY80), 'sdp-srtp-required', '20000 RTP/SAVP keys', '20000 RTP/SAVP keys'],
    ['encrypted audio with feedback', sdp('m=audio 4000 RTP/SAVPF 0', KEY80), 'sdp-srtp-required', '20000 RTP/SAVPF keys', '20000 RTP/SAVPF keys'],
    ['encrypted audio without a key', sdp(SAVP), 'sdp-srtp-required', 'sdp-srtp-required', 'sdp-srtp-required'],
    ['encrypted audio by a suite of others', sdp(SAVP, F8), 'sdp-srtp-required', 'sdp-srtp-required', 'sdp-srtp-required'],
    ['a key of the session level', [...HEAD, KEY80, SAVP, ''].join('\r\n'), 'sdp-srtp-required', 'sdp-srtp-required', 'sdp-srtp-required'],
    ['DTLS', sdp('m=audio 4000 UDP/TLS/RTP/SAVPF 0', KEY80), 'sdp-srtp-required', 'sdp-srtp-required', 'sdp-srtp-required'],
    ['plain audio with a key', sdp(AVP, KEY80), '20000 RTP/AVP', '20000 RTP/AVP keys', '20000 RTP/AVP keys'],
    ['plain audio with a key of no use', sdp(AVP, F8), '20000 RTP/AVP', '20000 RTP/AVP', 'sdp-srtp-required'],
    ['both, plain first', sdp(AVP, SAVP, KEY80), '20000 RTP/AVP, 0 RTP/SAVP', '0 RTP/AVP, 20000 RTP/SAVP keys', '0 RTP/AVP, 20000 RTP/SAVP keys'],
    ['both, the key of no use', sdp(SAVP, F8, AVP), '0 RTP/SAVP, 20000 RTP/AVP', '0 RTP/SAVP, 20000 RTP/AVP', 'sdp-srtp-required'],
    ['both, the encrypted one without a codec of ours', sdp('m=audio 4000 RTP/SAVP 18', KEY80, AVP), '0 RTP/SAVP, 20000 RTP/AVP', '0 RTP/SAVP, 20000 RTP/AVP', 'sdp-no-common-codec'],
  ] // biome-ignore format: a table
  for (const [why, offer, off, optional, required] of cases) {
    it(`of ${why}: "${off}" without SRTP, "${optional}" where it is optional, "${required}" where it is required`, () => {
      assert.equal(outcome(offer, PLAIN), off)
      assert.equal(outcome(offer, OPTIONAL), optional)
      assert.equal(outcome(offer, REQUIRED), required)
    })
  }

  it('is answered with our key, under the tag and suite of the first key that we can use', () => {
    const answered = answerOffer(sdp(SAVP, F8, KEY32, KEY80), REQUIRED)
    assert.ok(answered.ok)
    const line = formatCrypto({ tag: 2, suite: 'AES_CM_128_HMAC_SHA1_32', master: ours.AES_CM_128_HMAC_SHA1_32 })
    assert.deepEqual(answered.value.sdp.match(/^a=crypto.*$/gm), [line])
    assert.deepEqual(answered.value.agreed.srtp, {
      suite: 'AES_CM_128_HMAC_SHA1_32',
      local: ours.AES_CM_128_HMAC_SHA1_32,
      remote: theirs.AES_CM_128_HMAC_SHA1_32,
    })
  })

  it('is refused without telling anybody of its key', () => {
    const answered = answerOffer(sdp(SAVP, `${KEY80} UNENCRYPTED_SRTP`), REQUIRED)
    assert.ok(!answered.ok)
    assert.match(answered.error.message, /session parameters/)
    assert.doesNotMatch(answered.error.message, /inline/)
  })

  it('reads no more than sixteen keys', () => {
    assert.equal(outcome(sdp(SAVP, ...Array.from({ length: 15 }, () => F8), KEY80), REQUIRED), '20000 RTP/SAVP keys')
    assert.equal(outcome(sdp(SAVP, ...Array.from({ length: 16 }, () => F8), KEY80), REQUIRED), 'sdp-srtp-required')
  })

  it('that comes again is answered in the same words: no new key for a hold, a new one of theirs is taken', () => {
    const first = answerOffer(sdp(SAVP, KEY80), REQUIRED)
    assert.ok(first.ok)
    const held = answerOffer(sdp(SAVP, KEY80, 'a=sendonly'), REQUIRED, first.value.sdp)
    assert.ok(held.ok)
    assert.deepEqual(held.value.agreed.srtp, first.value.agreed.srtp)
    const again = answerOffer(sdp(SAVP, KEY80), REQUIRED, first.value.sdp)
    assert.equal(again.ok && again.value.sdp, first.value.sdp)
    const other = formatCrypto({ tag: 7, suite: 'AES_CM_128_HMAC_SHA1_80', master: ours.AES_CM_128_HMAC_SHA1_80 })
    const changed = answerOffer(sdp(SAVP, other), REQUIRED, first.value.sdp)
    assert.deepEqual(changed.ok && changed.value.agreed.srtp?.remote, ours.AES_CM_128_HMAC_SHA1_80)
    assert.deepEqual(changed.ok && changed.value.agreed.srtp?.local, ours.AES_CM_128_HMAC_SHA1_80)
  })
})

describe('Our own offer and encryption', () => {
  it('is in clear where SRTP is off or optional, and has a key for each suite where it is required or asked for', () => {
    assert.doesNotMatch(makeOffer(PLAIN), /SAVP|crypto/)
    assert.doesNotMatch(makeOffer(OPTIONAL), /SAVP|crypto/)
    for (const offer of [makeOffer(REQUIRED), makeOffer(OPTIONAL, undefined, ['AES_CM_128_HMAC_SHA1_80'])]) {
      assert.match(offer, /^m=audio 20000 RTP\/SAVP 0 8 101\r$/m)
      assert.match(offer, /^a=crypto:1 /m)
    }
    assert.equal(makeOffer(REQUIRED).match(/^a=crypto/gm)?.length, Object.keys(SUITES).length)
    assert.doesNotMatch(makeOffer(PLAIN, undefined, ['AES_CM_128_HMAC_SHA1_80']), /crypto/)
  })

  it('is understood by the other end of the same rules, which both have the same keys of in the end', () => {
    const suites = Object.keys(SUITES)
    fc.assert(
      fc.property(fc.shuffledSubarray(suites, { minLength: 1 }), (some) => {
        const offer = makeOffer(REQUIRED, undefined, some.filter(isSuiteName))
        const answered = answerOffer(offer, FAR)
        assert.ok(answered.ok)
        const accepted = acceptAnswer(offer, answered.value.sdp, PLAIN.codecs)
        assert.ok(accepted.ok)
        const [a, b] = [accepted.value.srtp, answered.value.agreed.srtp]
        assert.equal(a?.suite, some[0])
        assert.deepEqual({ suite: b?.suite, local: b?.remote, remote: b?.local }, a)
      }),
      { numRuns: 30 },
    )
  })

  it('goes on under the name of the section that it follows', () => {
    const before = answerOffer(sdp(AVP, KEY80), OPTIONAL)
    assert.ok(before.ok)
    assert.match(
      makeOffer(OPTIONAL, before.value.sdp, ['AES_CM_128_HMAC_SHA1_80']),
      /m=audio 20000 RTP\/AVP .*\r\n(?:a=.*\r\n)*a=crypto:1 /,
    )
  })

  const offer = makeOffer(REQUIRED)
  const third = formatCrypto({ tag: 4, suite: 'AES_CM_128_HMAC_SHA1_80', master: theirs.AES_CM_128_HMAC_SHA1_80 })
  const answers: readonly [why: string, answer: string, says: RegExp][] = [
    ['in clear', sdp(AVP), /the answer is RTP\/AVP, the offer RTP\/SAVP/],
    ['in clear with a key', sdp(AVP, third), /the answer is RTP\/AVP, the offer RTP\/SAVP/],
    ['without a key', sdp(SAVP), /no key that can be used: there is none/],
    [
      'with a tag that was not offered',
      sdp(SAVP, third.replace(':4 ', ':9 ')),
      /takes key 9 of .*, which was not offered/,
    ],
    [
      'with the tag of another suite',
      sdp(SAVP, third.replace(':4 ', ':5 ')),
      /takes key 5 of .*, which was not offered/,
    ],
    ['by DTLS', sdp('m=audio 4000 UDP/TLS/RTP/SAVPF 0', third), /the answer is UDP\/TLS/],
  ]
  for (const [why, answer, says] of answers) {
    it(`takes no answer ${why}: nothing is ever sent in clear that was to be encrypted`, () => {
      const accepted = acceptAnswer(offer, answer, PLAIN.codecs)
      assert.ok(!accepted.ok)
      assert.equal(accepted.error.code, 'sdp-srtp-required')
      assert.match(accepted.error.message, says)
    })
  }

  it('in clear takes no encrypted answer', () => {
    const accepted = acceptAnswer(makeOffer(OPTIONAL), sdp(SAVP, third), PLAIN.codecs)
    assert.equal(!accepted.ok && accepted.error.code, 'sdp-srtp-required')
  })
})
