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
  it('of counter mode is encrypted with the key stream of RFC 3711 B.2', () => {
    const salt = hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD')
    const keys = { cipher: hex('2B7E151628AED2A6ABF7158809CF4F3C'), auth: Buffer.alloc(20), salt }
    const cipher = new PacketCipher(SUITES.AES_CM_128_HMAC_SHA1_80, keys, keys)
    const clear = Buffer.concat([hex('80000000 00000000 00000000'), Buffer.alloc(32)])
    const stream = 'e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab'
    assert.equal(cipher.protectRtp(clear, 12, 0).subarray(12, 44).toString('hex'), stream)
  })

  /** RFC 7714 §16.1.1 and §16.2.1: "Gallia est omnis divisa in partes tres". */
  const GALLIA = hex(
    '8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573',
  )
  const gcmKeys = (bytes: number) => ({
    cipher: Buffer.from(Array.from({ length: bytes }, (_, i) => i)),
    auth: Buffer.alloc(0),
    salt: hex('51756964 2070726f 2071756f'),
  })
  const sealed: readonly [section: string, suite: Suite, packet: string][] = [
    [
      '16.1.1',
      SUITES.AEAD_AES_128_GCM,
      `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf
       8833899d 7f27beb1 6a9152cf 765ee439 0cce`,
    ],
    [
      '16.2.1',
      SUITES.AEAD_AES_256_GCM,
      `8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799
       b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`,
    ],
  ]
  for (const [section, suite, packet] of sealed) {
    it(`of GCM is that of RFC 7714 §${section}`, () => {
      const keys = gcmKeys(suite.keyBytes)
      const cipher = new PacketCipher(suite, keys, keys)
      assert.deepEqual(cipher.protectRtp(GALLIA, 12, 0xf17b), hex(packet))
      assert.deepEqual(cipher.unprotectRtp(hex(packet), 12, 0xf17b), GALLIA)
    })
  }

  it('of RTCP and GCM is that of RFC 7714 §17.1', () => {
    const keys = gcmKeys(16)
    const cipher = new PacketCipher(SUITES.AEAD_AES_128_GCM, keys, keys)
    const clear = hex(
      `81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef
       deadbeef`,
    )
    const packet = hex(
      `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
       0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4`,
    )
    assert.deepEqual(cipher.protectRtcp(clear, 0x5d4), packet)
    assert.deepEqual(cipher.unprotectRtcp(packet), { packet: clear, index: 0x5d4 })
  })

  it('is what every other implementation makes of it', () => {
    const cipher = PacketCipher.of(SUITES.AES_CM_128_HMAC_SHA1_80, MASTER)
    const clear = rtp(0x1234, Buffer.alloc(16, 0xab))
    clear.writeUInt8(0x0f, 1)
    const protectedHex = cipher.protectRtp(clear, 12, 0x1234).toString('hex')
    assert.equal(protectedHex, '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb')
  })

  for (const [name, suite] of Object.entries(SUITES)) {
    it(`comes back as it was, and not where anything was changed: ${name}`, () => {
      const cipher = PacketCipher.of(suite, masterOf(suite))
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
      const cipher = PacketCipher.of(suite, masterOf(suite))
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
      const cipher = PacketCipher.of(suite, masterOf(suite))
      for (let length = 12; length < 12 + suite.rtpTagBytes; length++) {
        assert.equal(cipher.unprotectRtp(Buffer.alloc(length), 12, 0), null)
      }
      for (let length = 8; length < 24; length++) assert.equal(cipher.unprotectRtcp(Buffer.alloc(length, 0xff)), null)
    }
  })
})
