import assert from 'node:assert/strict'
import fc from 'fast-check'
import { emptyRtpHeader, isRtcp, parseRtp, RTP_HEADER_BYTES, writeRtpHeader } from '../../../lib/media/rtp.ts'
import { seqDelta, timestampDelta, unwrapSeq, unwrapTimestamp } from '../../../lib/media/sequence.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('RTP packets', () => {
  it('are read with CSRCs, an extension and padding, down to the payload', () => {
    const packet = hex('b2 80 0001 00000002 00000003 aaaaaaaa bbbbbbbb bede0001 01020304 d1d2 0002')
    const header = emptyRtpHeader()
    assert.equal(parseRtp(packet, header), null)
    assert.deepEqual(header, {
      payloadType: 0,
      marker: true,
      sequence: 1,
      timestamp: 2,
      ssrc: 3,
      payloadStart: 28,
      payloadEnd: 30,
    })
  })

  const refused: readonly [string, string, string][] = [
    ['shorter than a header', '80 00 0001 00000002 000000', 'too-short'],
    ['of another version', '40 00 0001 00000002 00000003', 'bad-version'],
    ['with more CSRCs than bytes', '8f 00 0001 00000002 00000003', 'bad-csrc'],
    ['with an extension that is cut off', '90 00 0001 00000002 00000003 bede', 'bad-extension'],
    [
      'with an extension that is longer than the packet',
      '90 00 0001 00000002 00000003 bede0002 01020304',
      'bad-extension',
    ],
    ['with more padding than payload', 'a0 00 0001 00000002 00000003 01 05', 'bad-padding'],
    ['with padding of length 0', 'a0 00 0001 00000002 00000003 01 00', 'bad-padding'],
  ]
  for (const [why, packet, fault] of refused) {
    it(`are refused ${why}`, () => assert.equal(parseRtp(hex(packet), emptyRtpHeader()), fault))
  }

  it('are refused above 1500 bytes', () => {
    const packet = Buffer.alloc(1501)
    packet[0] = 0x80
    assert.equal(parseRtp(packet, emptyRtpHeader()), 'too-long')
  })

  it('read back as they were written', () => {
    const fields = fc.record({
      payloadType: fc.integer({ min: 0, max: 127 }),
      marker: fc.boolean(),
      sequence: fc.integer({ min: 0, max: 0xffff }),
      timestamp: fc.integer({ min: 0, max: 0xffff_ffff }),
      ssrc: fc.integer({ min: 0, max: 0xffff_ffff }),
    })
    fc.assert(
      fc.property(fields, (written) => {
        const packet = new Uint8Array(RTP_HEADER_BYTES + 4)
        writeRtpHeader(packet, written)
        const header = emptyRtpHeader()
        assert.equal(parseRtp(packet, header), null)
        assert.deepEqual(header, { ...written, payloadStart: 12, payloadEnd: 16 })
      }),
    )
  })

  it('never make the parser point outside the packet, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1600 }), (packet) => {
        const header = emptyRtpHeader()
        if (parseRtp(packet, header) !== null) return
        assert.ok(header.payloadStart <= header.payloadEnd && header.payloadEnd <= packet.length)
      }),
    )
  })

  it('are told from RTCP on a shared port by their second byte', () => {
    assert.equal(isRtcp(Uint8Array.of(0x80, 200)), true)
    assert.equal(isRtcp(Uint8Array.of(0x80, 0x80 | 8)), false)
    assert.equal(isRtcp(Uint8Array.of(0x80, 101)), false)
  })
})

describe('Serial numbers', () => {
  it('are compared over their wrap', () => {
    assert.equal(seqDelta(65_535, 0), 1)
    assert.equal(seqDelta(0, 65_535), -1)
    assert.equal(timestampDelta(0xffff_ffff, 159), 160)
    assert.equal(timestampDelta(159, 0xffff_ffff), -160)
  })

  it('unwrap to a number that grows on, forwards and backwards', () => {
    const step = fc.array(fc.integer({ min: -32_767, max: 32_767 }), { maxLength: 50 })
    fc.assert(
      fc.property(step, fc.integer({ min: 0, max: 0xffff }), (steps, start) => {
        let unwrapped = start
        let timestamp = start
        for (const each of steps) {
          assert.equal(unwrapSeq(unwrapped, (unwrapped + each) & 0xffff), unwrapped + each)
          unwrapped += each
          assert.equal(unwrapTimestamp(timestamp, (timestamp + each * 60_000) >>> 0), timestamp + each * 60_000)
          timestamp += each * 60_000
        }
      }),
    )
  })
})
