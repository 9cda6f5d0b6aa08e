import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  JITTER_BUFFER_BYTES,
  JitterBuffer,
  type JitterBufferOptions,
  type Pulled,
} from '../../../lib/media/jitter-buffer.ts'

const SILENCE = 0xff
const EARLY = { release: 'early', late: 'stretch', depthMs: 40, silence: SILENCE } as const
const DUE = { release: 'due', late: 'drop', depthMs: 60, silence: SILENCE } as const

interface Packet {
  readonly atMs: number
  readonly sequence: number
  readonly timestamp: number
  readonly payload: Uint8Array
  readonly ssrc?: number
}

interface Heard {
  readonly frames: { readonly atMs: number; readonly what: Pulled; readonly first: number }[]
  readonly bytes: number[]
  readonly buffer: JitterBuffer
}

/** Runs packets and a 20 ms clock through a buffer in virtual time. */
function listen(options: JitterBufferOptions, packets: readonly Packet[], forMs: number): Heard {
  const buffer = new JitterBuffer(options, new Uint8Array(JITTER_BUFFER_BYTES).fill(7), 0)
  const frame = new Uint8Array(160)
  const heard: Heard = { frames: [], bytes: [], buffer }
  const drain = (atMs: number): void => {
    for (let what = buffer.pull(frame, atMs); what !== 'none'; what = buffer.pull(frame, atMs)) {
      heard.frames.push({ atMs, what, first: frame[0] ?? 0 })
      heard.bytes.push(...frame)
    }
  }
  const queue = packets.toSorted((a, b) => a.atMs - b.atMs)
  for (let tickMs = 0; tickMs <= forMs; tickMs += 20) {
    while (queue[0] !== undefined && queue[0].atMs <= tickMs) {
      const packet = queue.shift()
      if (packet === undefined) break
      buffer.push(packet.ssrc ?? 1, packet.sequence & 0xffff, packet.timestamp >>> 0, packet.payload, packet.atMs)
      drain(packet.atMs)
    }
    drain(tickMs)
  }
  return heard
}

/** `count` packets of `ptimeMs`, sent on time; byte values count packets from 1. */
function stream(count: number, { ptimeMs = 20, sequence = 0, timestamp = 0, startMs = 0 } = {}): Packet[] {
  return Array.from({ length: count }, (_, i) => ({
    atMs: startMs + i * ptimeMs,
    sequence: sequence + i,
    timestamp: timestamp + i * ptimeMs * 8,
    payload: new Uint8Array(ptimeMs * 8).fill((i % 200) + 1),
  }))
}

const audible = (heard: Heard): number[] => heard.bytes.filter((byte) => byte !== SILENCE)

describe('The jitter buffer', () => {
  it('gives frames out as they come where nothing is missing', () => {
    const heard = listen(EARLY, stream(5, { startMs: 3 }), 100)
    assert.deepEqual(
      heard.frames.slice(0, 5).map(({ atMs, first }) => [atMs, first]),
      [3, 23, 43, 63, 83].map((atMs, i) => [atMs, i + 1]),
    )
  })

  it('puts reordered packets in order and counts duplicates', () => {
    const [a, b, c, d] = stream(4)
    assert.ok(a && b && c && d)
    const heard = listen(EARLY, [a, { ...c, atMs: 22 }, { ...b, atMs: 25 }, { ...b, atMs: 26 }, d], 60)
    assert.deepEqual(
      heard.frames.map(({ first }) => first),
      [1, 2, 3, 4],
    )
    assert.equal(heard.buffer.latePackets + heard.buffer.duplicates, 1)
  })

  it('waits 40 ms for a missing packet, then fills in silence and goes on', () => {
    const packets = stream(6).filter(({ sequence }) => sequence !== 2)
    const heard = listen(EARLY, packets, 120)
    assert.deepEqual(
      heard.frames.map(({ atMs, what, first }) => [atMs, what, first]),
      [
        [0, 'audio', 1],
        [20, 'audio', 2],
        [80, 'silence', SILENCE],
        [80, 'audio', 4],
        [80, 'audio', 5],
        [100, 'audio', 6],
      ],
    )
  })

  it('drops a packet that comes after its time was filled', () => {
    const packets = stream(6).map((packet) => (packet.sequence === 2 ? { ...packet, atMs: 95 } : packet))
    const heard = listen(EARLY, packets, 100)
    assert.equal(heard.buffer.latePackets, 1)
    assert.ok(!heard.bytes.includes(3))
  })

  it('feeds silence on the clock from the start on, and when packets stop', () => {
    const heard = listen(EARLY, stream(5, { startMs: 200 }), 1000)
    const beforeMs = heard.frames.filter(({ first }) => first === SILENCE).map(({ atMs }) => atMs)
    assert.equal(beforeMs.filter((atMs) => atMs < 200).length, 8)
    assert.ok(beforeMs.filter((atMs) => atMs > 340).every((atMs, i, all) => i === 0 || atMs - (all[i - 1] ?? 0) === 20))
    assert.deepEqual(new Set(audible(heard)), new Set([1, 2, 3, 4, 5]))
  })

  it('loses nothing of what a stalled network delivers in one burst', () => {
    const packets = stream(20).map((packet) =>
      packet.atMs > 100 ? { ...packet, atMs: Math.max(packet.atMs, 300) } : packet,
    )
    const heard = listen(EARLY, packets, 500)
    assert.equal(audible(heard).length, 20 * 160)
    assert.equal(heard.buffer.resyncs, 2)
  })

  it('keeps its place in time over a pause of discontinuous transmission', () => {
    const after = stream(3, { startMs: 1060, sequence: 3, timestamp: 1060 * 8 })
    const heard = listen(EARLY, [...stream(3), ...after], 1200)
    const resumed = heard.frames.filter(({ first, atMs }) => first !== SILENCE && atMs > 500)
    assert.deepEqual(
      resumed.map(({ atMs }) => atMs),
      [1060, 1080, 1100],
    )
    assert.equal(heard.buffer.resyncs, 1)
  })

  for (const [why, restart] of [
    ['another SSRC', { ssrc: 2 }],
    ['a jump of the timestamps', {}],
  ] as const) {
    it(`goes on without a hole after ${why}`, () => {
      const after = stream(5, { startMs: 100, sequence: 5, timestamp: 4_000_000_000 })
      const heard = listen(EARLY, [...stream(5), ...after.map((packet) => ({ ...packet, ...restart }))], 180)
      assert.equal(audible(heard).length, 10 * 160)
      assert.equal(heard.frames.length, 10)
      assert.equal(heard.buffer.resyncs, 2)
    })
  }

  it('survives a restart of the sequence numbers', () => {
    const after = stream(5, { startMs: 2000, sequence: 7, timestamp: 16_000 })
    const heard = listen(EARLY, [...stream(100, { sequence: 30_000 }), ...after], 2200)
    assert.equal(audible(heard).length, 105 * 160)
  })

  it('gives each frame at its time, the depth later, where it is a clocked buffer', () => {
    const jittered = stream(10).map((packet, i) => ({ ...packet, atMs: packet.atMs + (i % 3) * 18 }))
    const heard = listen(DUE, jittered, 300)
    const audio = heard.frames.filter(({ what }) => what === 'audio')
    assert.deepEqual(
      audio.map(({ atMs }) => atMs),
      Array.from({ length: 10 }, (_, i) => 60 + i * 20),
    )
  })

  it('drops late packets with a fixed delay, until five in a row show that the delay is wrong', () => {
    const slower = stream(20, { startMs: 400, sequence: 10, timestamp: 1600 })
    const heard = listen(DUE, [...stream(10), ...slower], 1000)
    assert.equal(heard.buffer.latePackets, 4)
    assert.equal(audible(heard).length, (10 + 16) * 160)
  })

  for (const ptimeMs of [10, 30, 40, 60]) {
    it(`makes frames of 20 ms of packets of ${ptimeMs} ms, losing nothing`, () => {
      const heard = listen(EARLY, stream(12, { ptimeMs }), 12 * ptimeMs + 100)
      assert.equal(audible(heard).length, 12 * ptimeMs * 8)
      assert.equal(heard.frames.slice(0, 5).filter(({ what }) => what !== 'audio').length, 0)
    })
  }

  it('crosses the wrap of sequence numbers and timestamps', () => {
    const heard = listen(EARLY, stream(50, { sequence: 65_510, timestamp: 0xffff_ffff - 3000 }), 1000)
    assert.equal(audible(heard).length, 50 * 160)
    assert.equal(heard.buffer.resyncs, 1)
  })

  it('is continuous in time whatever comes: one frame per 20 ms, never two, never none', () => {
    const fault = fc.record({
      lost: fc.boolean(),
      copies: fc.integer({ min: 1, max: 2 }),
      delayMs: fc.integer({ min: 0, max: 70 }),
    })
    fc.assert(
      fc.property(
        fc.array(fault, { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 0, max: 0xffff }),
        (faults, sequence) => {
          const packets = stream(faults.length, { sequence, timestamp: sequence * 65_537 }).flatMap((packet, i) => {
            const { lost = false, copies = 1, delayMs = 0 } = faults[i] ?? {}
            return lost ? [] : Array.from({ length: copies }, () => ({ ...packet, atMs: packet.atMs + delayMs }))
          })
          const heard = listen(DUE, packets, 3000)
          // On the clock: what was given out lags the clock by the depth, and by what the fastest packet moved it.
          assert.ok(Math.abs(heard.frames.length - (3000 - DUE.depthMs) / 20) <= 5)
          const order = audible(heard).filter((byte, i, all) => byte !== all[i - 1])
          assert.deepEqual(
            order,
            order.toSorted((a, b) => a - b),
          )
        },
      ),
    )
  })

  it('takes any packets of a hostile sender without growing or throwing', () => {
    const packet = fc.record({
      atMs: fc.integer({ min: 0, max: 2000 }),
      sequence: fc.integer({ min: 0, max: 0xffff }),
      timestamp: fc.integer({ min: 0, max: 0xffff_ffff }),
      ssrc: fc.integer({ min: 0, max: 3 }),
      payload: fc.uint8Array({ maxLength: 1500 }),
    })
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 60 }), fc.constantFrom(EARLY, DUE), (packets, options) => {
        const heard = listen(options, packets, 2500)
        assert.ok(heard.frames.length >= 100)
        assert.ok(heard.bytes.length <= 2500 * 8 + 60 * 1500 + 60 * 8 * 500)
      }),
    )
  })
})
