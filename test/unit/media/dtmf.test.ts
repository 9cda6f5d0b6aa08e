import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DtmfReceiver, DtmfSender, type Press } from '../../../lib/media/dtmf.ts'

interface EventPacket {
  readonly event: number
  readonly end: boolean
  readonly duration: number
  readonly timestamp: number
  readonly atMs: number
}

function receive(packets: readonly EventPacket[], untilMs = 60_000): readonly Press[] {
  const presses: Press[] = []
  const receiver = new DtmfReceiver((press) => presses.push(press))
  let nowMs = 0
  const passTo = (atMs: number): void => {
    for (; nowMs < atMs; nowMs += 20) receiver.onTime(nowMs)
  }
  for (const { event, end, duration, timestamp, atMs } of packets) {
    passTo(atMs)
    const payload = Uint8Array.of(event, (end ? 0x80 : 0) | 10, duration >> 8, duration & 0xff)
    receiver.onPacket(payload, timestamp >>> 0, atMs)
  }
  passTo(untilMs)
  return presses
}

/** A press of 100 ms: five packets that grow, the last one sent three times. */
function press(event: number, timestamp: number, atMs: number): EventPacket[] {
  const growing = Array.from({ length: 5 }, (_, i) => ({
    event,
    end: i === 4,
    duration: (i + 1) * 160,
    timestamp,
    atMs: atMs + i * 20,
  }))
  const end = growing[4]
  return end === undefined ? growing : [...growing, end, end]
}

describe('Keys over RFC 4733', () => {
  it('are told once, with their length, in spite of three end packets', () => {
    assert.deepEqual(receive(press(11, 8000, 0)), [{ digit: '#', durationMs: 100 }])
  })

  it('are told for the same key pressed twice', () => {
    const twice = [...press(5, 8000, 0), ...press(5, 8000 + 2000, 250)]
    assert.deepEqual(
      receive(twice).map(({ digit }) => digit),
      ['5', '5'],
    )
  })

  it('are told when every end packet is lost, by the next key or by time', () => {
    const unended = press(1, 8000, 0).filter(({ end }) => !end)
    assert.deepEqual(receive(unended), [{ digit: '1', durationMs: 80 }])
    assert.deepEqual(
      receive([...unended, ...press(2, 9600, 140)]).map(({ digit }) => digit),
      ['1', '2'],
    )
  })

  it('go on over segments when held for longer than 8 seconds', () => {
    const first = { event: 0, end: false, duration: 0xffff, timestamp: 1000, atMs: 0 }
    const second = { event: 0, end: true, duration: 8000, timestamp: 1000 + 0xffff, atMs: 100 }
    assert.deepEqual(receive([first, second]), [{ digit: '0', durationMs: 9192 }])
  })

  it('are told once each and in order whatever packets are lost, doubled or late', () => {
    const fate = fc.array(
      fc.record({ copies: fc.integer({ min: 0, max: 2 }), lateMs: fc.integer({ min: 0, max: 15 }) }),
      {
        minLength: 28,
        maxLength: 28,
      },
    )
    fc.assert(
      fc.property(fate, (fates) => {
        const keys = [1, 1, 2, 3].flatMap((event, i) => press(event, 0xffff_f000 + i * 1920, i * 240))
        const packets = keys
          .flatMap((packet, i) => {
            const { copies = 1, lateMs = 0 } = fates[i] ?? {}
            return Array.from({ length: copies }, () => ({ ...packet, atMs: packet.atMs + lateMs }))
          })
          .toSorted((a, b) => a.atMs - b.atMs)
        const alive = [0, 1, 2, 3].filter((i) => packets.some(({ timestamp }) => timestamp === 0xffff_f000 + i * 1920))
        const want = alive.map((i) => '1123'[i])
        assert.deepEqual(
          receive(packets).map(({ digit }) => digit),
          want,
        )
      }),
    )
  })

  it('are ignored where they are no keys, too short, or come as a flood', () => {
    assert.deepEqual(receive([{ event: 16, end: true, duration: 160, timestamp: 0, atMs: 0 }]), [])
    const flood = Array.from({ length: 1000 }, (_, i) => ({
      event: 1,
      end: true,
      duration: 160,
      timestamp: i * 160,
      atMs: i,
    }))
    assert.ok(receive(flood).length <= 1000 / 30 + 1)
    const receiver = new DtmfReceiver(() => assert.fail('no key was pressed'))
    receiver.onPacket(Uint8Array.of(1, 0x80, 0), 0, 0)
  })

  it('arrive as they were sent by our own sender', () => {
    const sender = new DtmfSender()
    assert.equal(sender.press('12a#'), true)
    const packets: EventPacket[] = []
    for (let tick = 0; tick < 60; tick++) {
      const sent = sender.next(tick * 160)
      if (sent === null) continue
      const [event = 0, flags = 0, high = 0, low = 0] = sent.payload
      const packet = {
        event,
        end: flags >= 0x80,
        duration: high * 256 + low,
        timestamp: sent.timestamp,
        atMs: tick * 20,
      }
      for (let copy = 0; copy < sent.copies; copy++) packets.push(packet)
    }
    assert.deepEqual(
      receive(packets).map(({ digit, durationMs }) => `${digit} ${durationMs}`),
      ['1 100', '2 100', 'A 100', '# 100'],
    )
    assert.equal(sender.press('12x'), false)
    assert.equal(sender.press('1'.repeat(65)), false)
  })
})
