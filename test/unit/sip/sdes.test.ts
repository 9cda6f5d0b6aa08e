import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isSuiteName, SUITES } from '../../../lib/sip/crypto-suite.ts'
import {
  formatCrypto,
  keyLines,
  keysInLines,
  MASTER_KEYS_BYTES,
  masterKeysOf,
  parseCrypto,
  withoutKeys,
} from '../../../lib/sip/sdes.ts'

const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'

describe('a=crypto', () => {
  const good: readonly [why: string, value: string][] = [
    ['as in RFC 4568 §4', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`],
    ['with a lifetime', `1 AES_CM_128_HMAC_SHA1_32 inline:${KEY}|2^20`],
    ['with a lifetime in digits', `2 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1048576`],
  ]
  for (const [why, value] of good) {
    it(`is read ${why}`, () => {
      const read = parseCrypto(value)
      assert.ok(read.ok)
      assert.equal(Buffer.concat([read.value.master.key, read.value.master.salt]).toString('base64'), KEY)
    })
  }

  const bad: readonly [why: string, value: string, says: RegExp][] = [
    ['of an unknown suite', `1 F8_128_HMAC_SHA1_80 inline:${KEY}`, /F8_128_HMAC_SHA1_80 is not supported/],
    ['with a key identifier', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4`, /MKI/],
    ['with a key identifier alone', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|1:4`, /MKI/],
    ['with two keys', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY};inline:${KEY}`, /more than one key/],
    ['without encryption', `1 AES_CM_128_HMAC_SHA1_80 inline:${KEY} UNENCRYPTED_SRTP`, /session parameters/],
    ['with too short a key', '1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1j', /has 9 bytes, .* takes 30/],
    ['with a key of another suite', `1 AEAD_AES_256_GCM inline:${KEY}`, /has 30 bytes, .* takes 44/],
    ['without a key', '1 AES_CM_128_HMAC_SHA1_80', /no a=crypto/],
    ['with another key method', '1 AES_CM_128_HMAC_SHA1_80 uri:https://example.net', /inline/],
    ['with a tag without end', `${'1'.repeat(10)} AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, /no a=crypto/],
  ]
  for (const [why, value, says] of bad) {
    it(`is refused ${why}`, () => {
      const read = parseCrypto(value)
      assert.ok(!read.ok)
      assert.match(read.error, says)
      assert.ok(!read.error.includes(KEY), 'no key is told of')
    })
  }

  it('is read as it was written, whatever the key', () => {
    const random = fc.uint8Array({ minLength: MASTER_KEYS_BYTES, maxLength: MASTER_KEYS_BYTES })
    for (const name of Object.keys(SUITES).filter(isSuiteName)) {
      fc.assert(
        fc.property(random, (bytes) => {
          const written = { tag: 1, suite: name, master: masterKeysOf(Buffer.from(bytes))[name] }
          assert.deepEqual(parseCrypto(formatCrypto(written).slice('a=crypto:'.length)), { ok: true, value: written })
        }),
        { numRuns: 50 },
      )
    }
  })

  it('has a key of its own for each suite, and none of too few random bytes', () => {
    const random = Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => i))
    const all = Object.values(masterKeysOf(random)).flatMap(({ key, salt }) => [...key, ...salt])
    assert.deepEqual(all, [...random])
    assert.throws(() => masterKeysOf(random.subarray(1)), RangeError)
  })

  it('is gone from a description that is to be kept, whatever its line ends with', () => {
    const line = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`
    for (const end of ['\r\n', '\n', '\r']) {
      assert.equal(
        withoutKeys(['v=0', line, line.toUpperCase(), 'a=sendrecv', line].join(end)),
        `v=0${end}a=sendrecv${end}`,
      )
    }
  })

  it('is found again in the lines of a description, and what is no key is left out', () => {
    const keys = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => i)))
    const lines = [
      'a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:short',
      formatCrypto({ tag: 1, suite: 'AEAD_AES_128_GCM', master: keys.AEAD_AES_128_GCM }),
      formatCrypto({ tag: 2, suite: 'AES_CM_128_HMAC_SHA1_80', master: keys.AES_CM_128_HMAC_SHA1_80 }),
    ]
    const sdp = ['v=0', 'm=audio 9 RTP/SAVP 0', ...lines, 'a=sendrecv', ''].join('\r\n')
    assert.equal(keyLines(sdp), `${lines.join('\r\n')}\r\n`)
    assert.equal(keyLines(withoutKeys(sdp)), '')
    const { AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80 } = keys
    assert.deepEqual(keysInLines(keyLines(sdp)), { AEAD_AES_128_GCM, AES_CM_128_HMAC_SHA1_80 })
    assert.deepEqual(keysInLines(''), {})
  })

  it('is never more than refused', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => void parseCrypto(text)))
  })
})
