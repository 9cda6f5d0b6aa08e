import assert from 'node:assert/strict'
import { hideKeys } from '../../../lib/observe/sip-trace.ts'

const KEY = 'WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'

describe('A SIP message that is kept', () => {
  const keys: readonly (readonly [kind: string, line: string, left: string])[] = [
    [
      'SDES',
      `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4`,
      'inline:****************************************|2^20|1:4',
    ],
    [
      'two of SDES',
      `a=crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:${KEY};inline:${KEY}`,
      `INLINE:${'*'.repeat(40)};inline:${'*'.repeat(40)}`,
    ],
    ['MIKEY', `a=key-mgmt:mikey ${KEY}`, `a=key-mgmt:mikey ${'*'.repeat(40)}`],
    ['the old k=', `k=base64:${KEY}`, `k=base64:${'*'.repeat(40)}`],
  ]
  for (const [kind, line, left] of keys) {
    it(`has no key of ${kind}, and is as long as it was`, () => {
      const message = `INVITE sip:a@b SIP/2.0\r\nContent-Length: 99\r\n\r\nv=0\r\nm=audio 9 RTP/SAVP 0\r\n${line}\r\na=sendrecv\r\n`
      const kept = hideKeys(message)
      assert.ok(!kept.includes(KEY))
      assert.ok(kept.includes(left), kept)
      assert.equal(kept.length, message.length)
      assert.ok(kept.endsWith('\r\na=sendrecv\r\n'))
    })
  }

  it('is else as it was', () => {
    const message = 'OPTIONS sip:inline:a@b SIP/2.0\r\nSubject: k=base64: and a=key-mgmt\r\n\r\n'
    assert.equal(hideKeys(message.replace('inline:', '')), message.replace('inline:', ''))
  })
})
