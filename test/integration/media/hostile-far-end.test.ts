import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import { audioPort, ECHO, HOST, RawPeer, startEngine, TestLeg } from './media-fixture.ts'

const SILENT = 0xff
const frame = (value: number, samples = 160): Uint8Array => new Uint8Array(samples).fill(value)

/** Sends `payloads`, each when the packet clock of the leg has ticked: its packets are the test's clock. */
async function sendPaced(peer: RawPeer, port: number, payloads: readonly Uint8Array[], everyTicks = 1): Promise<void> {
  for (const payload of payloads) {
    peer.send(port, payload)
    for (let tick = 0; tick < everyTicks; tick++) await once(peer.socket, 'message')
  }
}

describe('A far end on the embedded media engine', () => {
  let engine: EmbeddedMedia
  const peers: RawPeer[] = []

  const newPeer = async (ssrc?: number): Promise<RawPeer> => {
    const peer = await RawPeer.open(ssrc)
    peers.push(peer)
    return peer
  }

  /** An echoing leg that has answered the peer's offer, and its RTP port. */
  async function answered(peer: RawPeer, extra: readonly string[] = []): Promise<{ leg: TestLeg; port: number }> {
    const leg = await TestLeg.open(engine, ECHO)
    const answer = await leg.media.answer(peer.offer(extra))
    assert.ok(answer.ok)
    leg.media.start()
    return { leg, port: audioPort(answer.value) }
  }

  afterEach(async () => {
    await engine.close()
    await Promise.all(peers.splice(0).map((peer) => peer.close()))
  })

  it('gets a steady stream from the answer on: silence, numbered and timed without a gap', async () => {
    engine = await startEngine()
    const peer = await newPeer()
    await answered(peer)
    const seen: { sequence: number; timestamp: number }[] = []
    await peer.receive(({ sequence, timestamp }, payload) => {
      assert.ok(payload.every((byte) => byte === SILENT))
      seen.push({ sequence, timestamp })
      return seen.length === 10
    })
    for (const [i, { sequence, timestamp }] of seen.entries()) {
      assert.equal(sequence, ((seen[0]?.sequence ?? 0) + i) & 0xffff)
      assert.equal(timestamp, ((seen[0]?.timestamp ?? 0) + i * 160) >>> 0)
    }
  })

  it('is heard by the talker and hears it, with a marker where speech begins', async () => {
    engine = await startEngine()
    const peer = await newPeer()
    const { leg, port } = await answered(peer)
    const echoed = peer.receive(({ marker }, payload) => marker && payload.every((byte) => byte === 0x42))
    peer.send(port, frame(0x42))
    await echoed
    assert.ok((await leg.event('firstPacket')).afterMs >= 0)
  })

  it('may send packets of 30 ms', async () => {
    engine = await startEngine()
    const peer = await newPeer()
    const { port } = await answered(peer, ['a=ptime:30'])
    let echoed = 0
    const all = peer.receive((_header, payload) => {
      echoed += payload.filter((byte) => byte !== SILENT).length
      return echoed === 10 * 240
    })
    await sendPaced(
      peer,
      port,
      Array.from({ length: 10 }, (_, i) => frame(i + 1, 240)),
      1,
    )
    await all
  })

  it('cannot be pushed aside by a stranger who knows the port', async () => {
    engine = await startEngine()
    const peer = await newPeer()
    const attacker = await newPeer(0x666)
    const { leg, port } = await answered(peer)
    await sendPaced(peer, port, [frame(1), frame(2)])
    for (let i = 0; i < 30; i++) attacker.send(port, frame(0x66))
    attacker.socket.on('message', () => assert.fail('audio went to the attacker'))
    let last = 0
    const done = peer.receive((_header, payload) => {
      assert.ok(!payload.includes(0x66))
      last = Math.max(last, ...payload.filter((byte) => byte !== SILENT))
      return last === 12
    })
    await sendPaced(
      peer,
      port,
      Array.from({ length: 10 }, (_, i) => frame(i + 3)),
    )
    await done
    assert.equal((await leg.event('stranger')).port, attacker.port)
    assert.equal((await leg.media.close()).media?.in.packets, 12)
    assert.equal(leg.events.filter(({ kind }) => kind === 'stranger').length, 1)
  })

  it('puts the call on hold: nothing is sent then, and the stream goes on after it', async () => {
    engine = await startEngine({ silenceTimeoutMs: 60 })
    const peer = await newPeer()
    const { leg } = await answered(peer)
    let before = 0
    await peer.receive(({ timestamp }) => {
      before = timestamp
      return true
    })
    const held = await leg.media.answer(peer.offer([], 'sendonly', 2))
    assert.ok(held.ok && held.value.includes('a=recvonly'))
    // What was sent before the answer came is in the socket already; after it there is silence on the wire.
    await drained(peer)
    let heldPackets = 0
    const count = (): void => void heldPackets++
    peer.socket.on('message', count)
    const other = await TestLeg.open(engine, ECHO)
    const witness = await newPeer()
    assert.ok((await other.media.answer(witness.offer())).ok)
    for (let tick = 0; tick < 10; tick++) await once(witness.socket, 'message')
    peer.socket.off('message', count)
    assert.equal(heldPackets, 0)
    assert.ok(!leg.events.slice(1).some(({ kind }) => kind === 'mediaTimeout'))

    assert.ok((await leg.media.answer(peer.offer([], 'sendrecv', 3))).ok)
    await peer.receive(({ timestamp }) => ((timestamp - before) | 0) >= 10 * 160)
  })

  it('is told to have gone silent, once, after the configured time', async () => {
    engine = await startEngine({ silenceTimeoutMs: 120 })
    const peer = await newPeer()
    const { leg, port } = await answered(peer)
    await sendPaced(peer, port, [frame(1)])
    const { silentMs } = await leg.event('mediaTimeout')
    assert.ok(silentMs >= 120 && silentMs < 1000)
    await sendPaced(peer, port, [], 10)
    assert.equal(leg.events.filter(({ kind }) => kind === 'mediaTimeout').length, 1)
  })

  it('may send garbage, RTCP garbage and payloads nobody agreed on without any harm', async () => {
    engine = await startEngine()
    const peer = await newPeer()
    const { leg, port } = await answered(peer)
    for (const garbage of [
      '',
      '80',
      'ffffffff',
      '8f00'.padEnd(24, '0'),
      '81c8ffff00000001',
      '80c90001'.padEnd(16, '1'),
    ]) {
      peer.socket.send(Buffer.from(garbage, 'hex'), port, HOST)
      peer.socket.send(Buffer.from(garbage, 'hex'), port + 1, HOST)
    }
    peer.send(port, frame(1), 13)
    const echoed = peer.receive((_header, payload) => payload.includes(0x55))
    peer.send(port, frame(0x55))
    await echoed
    assert.equal((await leg.media.close()).media?.in.packets, 2)
  })

  it('that meets a bug of the talker loses its own leg, and no other', async () => {
    const warnings: string[] = []
    engine = await startEngine({ onWarning: (message) => warnings.push(message) })
    const [victim, other] = [await newPeer(), await newPeer()]
    const { leg, port } = await answered(victim)
    const { port: otherPort } = await answered(other)
    victim.send(port, frame(0x13))
    assert.match((await leg.event('failed')).message, /poison/)
    assert.match(warnings.join(), /poison/)
    const echoed = other.receive((_header, payload) => payload.includes(0x42))
    other.send(otherPort, frame(0x42))
    await echoed
    await leg.media.close()
  })

  it('is refused in words where its SDP cannot be used', async () => {
    engine = await startEngine()
    const peer = await newPeer()
    const leg = await TestLeg.open(engine, { kind: 'phone' })
    const refused = await leg.media.answer(peer.offer().replace('RTP/AVP', 'RTP/SAVP'))
    assert.equal(refused.ok ? '' : refused.error.code, 'sdp-srtp-required')
    const early = await leg.media.accept(peer.offer())
    assert.equal(early.ok ? '' : early.error.code, 'sdp-no-offer')
    assert.deepEqual(await leg.media.close(), { media: null, agent: null, recording: null })
  })
})

/** Lets packets that the kernel holds already come in. */
async function drained(peer: RawPeer): Promise<void> {
  const flush = await RawPeer.open()
  flush.send(peer.port, frame(0x77))
  await peer.receive((_header, payload) => payload.includes(0x77))
  await flush.close()
}
