import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SrtpReceiver, SrtpSender } from '../../../../lib/media/srtp/stream-cipher.ts'
import { SUITES } from '../../../../lib/sip/crypto-suite.ts'

const SUITE = SUITES.AES_CM_128_HMAC_SHA1_80
const MASTER = { key: Buffer.alloc(16, 1), salt: Buffer.alloc(14, 2) }
const OTHER = { key: Buffer.alloc(16, 3), salt: Buffer.alloc(14, 2) }
const HEADER_BYTES = 12
const REPORT = Buffer.from('80c80006cafebabe0000000000000000000000000000000000000000', 'hex')

function rtp(sequence: number, ssrc = 0xcafebabe): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + 160, 0xd5)
  packet.writeUInt8(0x80, 0)
  packet.writeUInt16BE(sequence % 0x1_0000, 2)
  packet.writeUInt32BE(ssrc, 8)
  return packet
}

/** `count` packets of one sender, from a sequence number on. */
function stream(first: number, count: number): readonly Buffer[] {
  const sender = new SrtpSender(SUITE, MASTER)
  return Array.from({ length: count }, (_, i) => sender.protectRtp(rtp(first + i), HEADER_BYTES))
}

const take = (receiver: SrtpReceiver, packet: Uint8Array | undefined): ReturnType<SrtpReceiver['unprotectRtp']> =>
  packet === undefined ? 'forged' : receiver.unprotectRtp(packet, HEADER_BYTES)

describe('a stream under SRTP', () => {
  it('is heard across a wrap of its sequence number, whatever is lost or comes late', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(9)), fc.nat(600), (draws, before) => {
        const first = 0x1_0000 - before
        const receiver = new SrtpReceiver(SUITE, MASTER)
        const packets = stream(first, 700)
        const order = packets
          .map((packet, i) => ({
            packet,
            i,
            at: i + (draws.next().value === 0 ? 30 : 0),
            isLost: draws.next().value === 1,
          }))
          .filter(({ isLost, i }) => i === 0 || !isLost)
          .toSorted((a, b) => a.at - b.at)
        for (const { packet, i } of order) assert.deepEqual(take(receiver, packet), rtp(first + i))
      }),
      { numRuns: 20 },
    )
  })

  it('is heard wherever its numbers begin, though a report of it came before', () => {
    for (const first of [0, 1, 32_766, 32_767, 32_768, 40_000, 65_535]) {
      const receiver = new SrtpReceiver(SUITE, MASTER)
      assert.ok(Buffer.isBuffer(receiver.unprotectRtcp(new SrtpSender(SUITE, MASTER).protectRtcp(REPORT))))
      for (const packet of stream(first, 3)) assert.ok(Buffer.isBuffer(take(receiver, packet)), `from ${first}`)
    }
  })

  it('is heard though its first packets were lost across a wrap', () => {
    const receiver = new SrtpReceiver(SUITE, MASTER)
    for (const packet of stream(0x1_0000 - 6, 40).slice(10)) assert.ok(Buffer.isBuffer(take(receiver, packet)))
    assert.equal(receiver.rollOvers, 1)
  })

  it('takes no packet twice', () => {
    const receiver = new SrtpReceiver(SUITE, MASTER)
    const packets = stream(100, 300)
    for (const packet of packets) assert.ok(Buffer.isBuffer(take(receiver, packet)))
    for (const packet of packets) assert.equal(take(receiver, packet), 'repeated')
  })

  it('is not moved by what somebody else sends', () => {
    const receiver = new SrtpReceiver(SUITE, MASTER)
    const [first, second] = stream(100, 2)
    assert.ok(Buffer.isBuffer(take(receiver, first)))
    const forger = new SrtpSender(SUITE, OTHER)
    for (let sequence = 0; sequence < 0x1_0000; sequence += 999) {
      assert.ok(!Buffer.isBuffer(take(receiver, forger.protectRtp(rtp(sequence), HEADER_BYTES))))
    }
    assert.deepEqual(take(receiver, second), rtp(101))
  })

  it('can be joined in its midst by who knows about how often it has wrapped', () => {
    const sender = new SrtpSender(SUITE, MASTER)
    let last: Buffer = Buffer.alloc(0)
    for (let at = 0; at < 3 * 0x1_0000 + 500; at += 101) last = sender.protectRtp(rtp(at), HEADER_BYTES)
    assert.equal(take(new SrtpReceiver(SUITE, MASTER), last), 'forged')
    const late = new SrtpReceiver(SUITE, MASTER, 2)
    assert.ok(Buffer.isBuffer(late.unprotectRtcp(sender.protectRtcp(REPORT))))
    assert.ok(Buffer.isBuffer(take(late, last)))
    assert.equal(late.rollOvers, 3)
  })

  it('keeps no more streams than a far end can need', () => {
    const receiver = new SrtpReceiver(SUITE, MASTER)
    const sealed = Array.from({ length: 9 }, (_, ssrc) =>
      new SrtpSender(SUITE, MASTER).protectRtp(rtp(1, ssrc), HEADER_BYTES),
    )
    for (const packet of sealed) assert.ok(Buffer.isBuffer(take(receiver, packet)))
    assert.equal(take(receiver, sealed[8]), 'repeated', 'the newest is remembered')
  })

  it('takes a report once, and none of somebody else', () => {
    const sender = new SrtpSender(SUITE, MASTER)
    const receiver = new SrtpReceiver(SUITE, MASTER)
    for (let i = 0; i < 200; i++) {
      const sealed = sender.protectRtcp(REPORT)
      assert.deepEqual(receiver.unprotectRtcp(sealed), REPORT)
      assert.equal(receiver.unprotectRtcp(sealed), 'repeated')
    }
    assert.equal(receiver.unprotectRtcp(new SrtpSender(SUITE, OTHER).protectRtcp(REPORT)), 'forged')
  })
})
