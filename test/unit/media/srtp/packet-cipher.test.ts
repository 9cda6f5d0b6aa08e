import assert from 'node:assert/strict'
import fc from 'fast-check'
import { deriveKeys } from '../../../../lib/media/srtp/keys.ts'
import { PacketCipher } from '../../../../lib/media/srtp/packet-cipher.ts'
import { SUITES, type Suite } from '../../../../lib/sip/crypto-suite.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** RFC 3711 B.3. */
const MASTER = { key: hex('E1F97A0D3E018BE0D64FA32C06DE4139'), salt: hex('0EC675AD498AFEEBB6960B3AABE6') }

const masterOf = ({ keyBytes, saltBytes }: Suite) => ({
  key: Buffer.from(Array.from({ length: keyBytes }, (_, i) => i * 7 + 3)),
  salt: Buffer.from(Array.from({ length: saltBytes }, (_, i) => i * 5 + 1)),
})

function rtp(sequence: number, payload: Uint8Array): Buffer {
  const header = hex('80 00 0000 DECAFBAD CAFEBABE')
  header.writeUInt16BE(sequence, 2)
  return Buffer.concat([header, payload])
}

describe('the keys of SRTP', () => {
  it('are derived as in RFC 3711 B.3', () => {
    const keys = deriveKeys(SUITES.AES_CM_128_HMAC_SHA1_80, MASTER, 'rtp')
    assert.equal(keys.cipher.toString('hex'), 'c61e7a93744f39ee10734afe3ff7a087')
    assert.equal(keys.salt.toString('hex'), '30cbbc08863d8c85d49db34a9ae1')
    assert.equal(keys.auth.toString('hex'), 'cebe321f6ff7716b6fd4ab49af256a156d38baa4')
  })
})

describe('a packet under SRTP', () => {
  it('is what every other implementation makes of it', () => {
    const cipher = new PacketCipher(SUITES.AES_CM_128_HMAC_SHA1_80, MASTER)
    const clear = rtp(0x1234, Buffer.alloc(16, 0xab))
    clear.writeUInt8(0x0f, 1)
    const protectedHex = cipher.protectRtp(clear, 12, 0x1234).toString('hex')
    assert.equal(protectedHex, '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb')
  })

  for (const [name, suite] of Object.entries(SUITES)) {
    it(`comes back as it was, and not where anything was changed: ${name}`, () => {
      const cipher = new PacketCipher(suite, masterOf(suite))
      const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 })
      fc.assert(
        fc.property(bytes, fc.nat(0xffff), fc.nat(0xffff), fc.nat(), (payload, sequence, roc, spoil) => {
          const index = roc * 0x1_0000 + sequence
          const clear = rtp(sequence, payload)
          const sealed = cipher.protectRtp(clear, 12, index)
          assert.deepEqual(cipher.unprotectRtp(sealed, 12, index), clear)
          assert.equal(cipher.unprotectRtp(sealed, 12, index + 0x1_0000), null)
          const at = spoil % sealed.length
          sealed.writeUInt8(sealed.readUInt8(at) ^ (1 << (spoil % 8)), at)
          assert.equal(cipher.unprotectRtp(sealed, 12, index), null)
        }),
        { numRuns: 200 },
      )
    })

    it(`of RTCP comes back with its index, and not where anything was changed: ${name}`, () => {
      const cipher = new PacketCipher(suite, masterOf(suite))
      const report = Buffer.concat([hex('80c80006 cafebabe'), Buffer.alloc(20, 7)])
      fc.assert(
        fc.property(fc.nat(0x7fff_ffff), fc.nat(), (index, spoil) => {
          const sealed = cipher.protectRtcp(report, index)
          assert.deepEqual(cipher.unprotectRtcp(sealed), { packet: report, index })
          const at = spoil % sealed.length
          sealed.writeUInt8(sealed.readUInt8(at) ^ (1 << (spoil % 8)), at)
          assert.equal(cipher.unprotectRtcp(sealed), null)
        }),
        { numRuns: 200 },
      )
    })
  }

  it('that is too short to be one is none', () => {
    for (const suite of Object.values(SUITES)) {
      const cipher = new PacketCipher(suite, masterOf(suite))
      for (let length = 12; length < 12 + suite.rtpTagBytes; length++) {
        assert.equal(cipher.unprotectRtp(Buffer.alloc(length), 12, 0), null)
      }
      for (let length = 8; length < 24; length++) assert.equal(cipher.unprotectRtcp(Buffer.alloc(length, 0xff)), null)
    }
  })
})
