import assert from 'node:assert/strict'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import type { LegSpec, TalkerSpec } from '../../../app/media/port.ts'
import { type G711Law, transcodingTable } from '../../../lib/media/g711.ts'
import { audioPort, ECHO, RawPeer, startEngine, TestLeg } from './media-fixture.ts'

const LOUD = 0x42
/** What a byte of one law is in the other one. */
const turned = (byte: number, from: G711Law, to: G711Law): number => transcodingTable(from, to)?.[byte] ?? byte
const NOBODY: TalkerSpec = { kind: 'none' }

/** A frame of one byte that is no silence. */
const frame = (byte: number): Uint8Array => new Uint8Array(160).fill(byte)
const isAll =
  (byte: number) =>
  (_header: unknown, payload: Buffer): boolean =>
    payload.length === 160 && payload.every((each) => each === byte)

/** A far end with its leg, whose dialog is up. */
interface Party {
  readonly peer: RawPeer
  readonly leg: TestLeg
  readonly port: number
}

describe('Two legs that are joined', () => {
  let engine: EmbeddedMedia
  let ports: number
  const peers: RawPeer[] = []

  beforeEach(async () => {
    engine = await startEngine({ workers: 3 })
    ports = engine.freePorts
  })

  afterEach(async () => {
    assert.equal(engine.freePorts, ports - engine.legs)
    await engine.close()
    for (const peer of peers.splice(0)) await peer.close()
  })

  async function party(talker: TalkerSpec, options: Partial<LegSpec> = {}, payloadType = 0): Promise<Party> {
    const peer = await RawPeer.open()
    peers.push(peer)
    const leg = await TestLeg.open(engine, talker, null, 'off', options)
    const offer = payloadType === 0 ? peer.offer() : peer.offer().replace('AVP 0 101', `AVP ${payloadType} 101`)
    const answer = await leg.media.answer(offer)
    assert.ok(answer.ok)
    leg.media.start()
    return { peer, leg, port: audioPort(answer.value) }
  }

  /** Says a byte until the other far end hears another one. */
  async function says(from: Party, byte: number, to: Party, heard: number, payloadType = 0): Promise<void> {
    const hearing = to.peer.receive(isAll(heard))
    const talking = setInterval(() => from.peer.send(from.port, frame(byte), payloadType), 20)
    try {
      await hearing
    } finally {
      clearInterval(talking)
    }
  }

  it('are one conversation, and whoever talked on them is gone', async () => {
    const a = await party(ECHO)
    await says(a, 0x41, a, 0x41)
    const b = await party(NOBODY, { beside: a.leg.media })
    await engine.join(a.leg.media, b.leg.media)
    await Promise.all([says(a, 0x42, b, 0x42), says(b, 0x43, a, 0x43)])
    a.peer.socket.on('message', (packet) => assert.notEqual(packet[12], 0x44, 'an echo'))
    await says(a, 0x44, b, 0x44)
  })

  it('hear each other across codecs, and get their keys by RFC 4733', async () => {
    const a = await party(NOBODY)
    const b = await party(NOBODY, { beside: a.leg.media }, 8)
    await engine.join(a.leg.media, b.leg.media)
    await says(a, LOUD, b, turned(LOUD, 'PCMU', 'PCMA'))
    await says(b, LOUD, a, turned(LOUD, 'PCMA', 'PCMU'), 8)
    const key = b.peer.receive((header, payload) => header.payloadType === 101 && payload[0] === 5)
    a.leg.media.dtmf('5', 100)
    await key
    assert.deepEqual(
      a.leg.events.filter(({ kind }) => kind === 'dtmf'),
      [{ kind: 'dtmf', digit: '5', durationMs: 100 }],
    )
  })

  it('hear what is said now, and not what a stall has held back', async () => {
    const a = await party(NOBODY)
    const b = await party(NOBODY, { beside: a.leg.media })
    await engine.join(a.leg.media, b.leg.media)
    await says(a, 0x42, b, 0x42)
    // Half a second at once, as a network gives it that was stuck.
    for (let i = 0; i < 25; i++) a.peer.send(a.port, frame(0x50 + i))
    const startedMs = performance.now()
    await b.peer.receive(isAll(0x50 + 24))
    assert.ok(performance.now() - startedMs < 250, `${Math.round(performance.now() - startedMs)} ms behind`)
  })

  it('part when one of them is closed: the other far end hears silence, and may be given an agent again', async () => {
    const a = await party(ECHO)
    const b = await party(NOBODY, { beside: a.leg.media })
    await engine.join(a.leg.media, b.leg.media)
    await says(b, 0x43, a, 0x43)
    await b.leg.media.close()
    await a.peer.receive(isAll(0xff))
    await engine.talk(a.leg.media, ECHO)
    assert.deepEqual(await a.leg.media.ready(), { ok: true, value: undefined })
    await says(a, 0x45, a, 0x45)
    await engine.talk(a.leg.media, NOBODY)
    await a.peer.receive(isAll(0xff))
    await a.leg.media.close()
  })

  it('have to be beside each other, on the same engine, and open', async () => {
    const a = await party(NOBODY)
    const b = await party(NOBODY)
    await assert.rejects(engine.join(a.leg.media, b.leg.media), /not beside each other/)
    await assert.rejects(engine.talk({ ...b.leg.media }, NOBODY), /none of this engine/)
    const c = await party(NOBODY, { beside: a.leg.media })
    await c.leg.media.close()
    await assert.rejects(engine.join(a.leg.media, c.leg.media), /not open/)
    await assert.rejects(engine.talk(c.leg.media, ECHO), /not open/)
  })
})
