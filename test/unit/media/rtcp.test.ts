import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Reception } from '../../../lib/media/reception.ts'
import { compactNtp, formatRtcp, parseRtcp, roundTripMs } from '../../../lib/media/rtcp.ts'

describe('RTCP', () => {
  const reception = { ssrc: 7, fractionLost: 64, cumulativeLost: 12, highestSequence: 70_000, jitter: 80 }

  it('reads back the SR, the SDES and the BYE that it writes', () => {
    const sender = { wallMs: 1_700_000_000_500, rtpTimestamp: 160, packets: 50, octets: 8000 }
    const packet = formatRtcp({
      ssrc: 0xdeadbeef,
      cname: 'a1b2@tandem',
      sender,
      reception: { ...reception, lastSr: 5, delaySinceLastSr: 6 },
      bye: true,
    })
    assert.deepEqual(parseRtcp(packet), {
      ssrc: 0xdeadbeef,
      senderNtp: compactNtp(sender.wallMs),
      blocks: [{ ...reception, lastSr: 5, delaySinceLastSr: 6 }],
      cname: 'a1b2@tandem',
      bye: true,
    })
    assert.equal(packet.length % 4, 0)
  })

  it('writes an RR where nothing was sent, without a block where nothing was received', () => {
    const packet = formatRtcp({ ssrc: 1, cname: 'x', sender: null, reception: null, bye: false })
    assert.equal(packet.toString('hex', 0, 8), '80c9000100000001')
    assert.deepEqual(parseRtcp(packet)?.blocks, [])
  })

  it('measures the round trip from the echoed SR, and refuses nonsense', () => {
    const sentMs = 1_700_000_000_000
    const block = { lastSr: compactNtp(sentMs), delaySinceLastSr: 0x8000 }
    assert.ok(Math.abs((roundTripMs(block, sentMs + 500 + 80) ?? 0) - 80) < 0.1)
    assert.equal(roundTripMs({ lastSr: 0, delaySinceLastSr: 0 }, sentMs), null)
    assert.equal(roundTripMs({ ...block, delaySinceLastSr: 0x80_0000 }, sentMs + 10), null)
  })

  it('refuses what is cut off, and never throws on any bytes', () => {
    assert.equal(parseRtcp(Buffer.from('80c90002000000', 'hex')), null)
    assert.equal(parseRtcp(Buffer.from('81c9000100000001', 'hex')), null)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseRtcp(Buffer.from(bytes))))
    const valid = formatRtcp({ ssrc: 1, cname: 'name', sender: null, reception: null, bye: true })
    fc.assert(
      fc.property(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const bent = Buffer.from(valid)
        bent[at] = value
        void parseRtcp(bent)
      }),
    )
  })
})

describe('Reception', () => {
  const receive = (sequences: readonly number[], ssrc = 1): Reception => {
    const reception = new Reception()
    for (const sequence of sequences) reception.onPacket(ssrc, sequence & 0xffff, sequence * 160, sequence * 20, true)
    return reception
  }

  it('counts what is expected and lost over the wrap (RFC 3550 A.3)', () => {
    const reception = receive([65_533, 65_534, 65_536, 65_538])
    assert.deepEqual([reception.packets, reception.expected, reception.lost], [4, 6, 2])
    assert.equal(reception.report()?.highestSequence, 65_538)
  })

  it('does not count reordered packets as lost', () => {
    assert.equal(receive([1, 3, 2, 4]).lost, 0)
  })

  it('reports the fraction lost since the report before', () => {
    const reception = receive([0, 1, 2, 7])
    assert.equal(reception.report()?.fractionLost, 128)
    reception.onPacket(1, 8, 0, 0, true)
    assert.equal(reception.report()?.fractionLost, 0)
    assert.equal(reception.report()?.cumulativeLost, 4)
  })

  it('has no jitter on an even stream and that of the RFC on an uneven one', () => {
    assert.equal(receive([0, 1, 2, 3, 4]).jitterMs, 0)
    const reception = new Reception()
    for (let i = 0; i < 2000; i++) reception.onPacket(1, i, i * 160, i * 20 + (i % 2) * 8, true)
    assert.ok(Math.abs(reception.jitterMs - 8) < 0.1)
  })

  it('keeps jitter out of packets that repeat a timestamp', () => {
    const reception = receive([0, 1])
    reception.onPacket(1, 2, 160, 900, false)
    assert.equal(reception.jitterMs, 0)
  })

  it('goes on counting after another SSRC and after a proven restart', () => {
    const reception = receive([1, 2, 3])
    reception.onPacket(9, 500, 0, 0, true)
    reception.onPacket(9, 40_000, 0, 0, true)
    reception.onPacket(9, 40_001, 0, 0, true)
    assert.equal(reception.lost, 0)
    assert.equal(reception.packets, 5)
  })

  it('tells bursts of loss from scattered loss', () => {
    const every = Array.from({ length: 200 }, (_, i) => i)
    const scattered = receive(every.filter((i) => i % 10 !== 5))
    const bursty = receive(every.filter((i) => i % 100 < 50 || i % 100 >= 60))
    assert.equal(scattered.burstRatio, 1)
    assert.ok(bursty.burstRatio > 8)
  })
})
