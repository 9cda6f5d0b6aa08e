import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { EmbeddedMedia } from '../../../app/media/embedded/engine.ts'
import { emptyRtpHeader, parseRtp, RTP_HEADER_BYTES, writeRtpHeader } from '../../../lib/media/rtp.ts'
import { SrtpReceiver, SrtpSender } from '../../../lib/media/srtp/stream-cipher.ts'
import { isSuiteName, type MasterKey, SUITES, type SuiteName } from '../../../lib/sip/crypto-suite.ts'
import {
  formatCrypto,
  keyLines,
  MASTER_KEYS_BYTES,
  masterKeysOf,
  parseCrypto,
  withoutKeys,
} from '../../../lib/sip/sdes.ts'
import { audioPort, connect, ECHO, HOST, inTempDir, startEngine, TestLeg, writeWav } from './media-fixture.ts'

const SUITE: SuiteName = 'AES_CM_128_HMAC_SHA1_80'
const KEYS = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => i)))
const OTHER_KEYS = masterKeysOf(Buffer.from(Array.from({ length: MASTER_KEYS_BYTES }, (_, i) => 255 - i)))
const LOUD = 0x42
const PHONE = { kind: 'phone' } as const

/** A far end that does SRTP by itself, one packet at a time. */
class SecurePeer {
  readonly socket: Socket
  readonly #ssrc = 0x1234
  #sequence = 1000
  #timestamp = 50_000
  #sender: SrtpSender
  #master: MasterKey

  constructor(socket: Socket, master: MasterKey) {
    this.socket = socket
    this.#master = master
    this.#sender = new SrtpSender(SUITES[SUITE], master)
  }

  static async open(master = KEYS[SUITE]): Promise<SecurePeer> {
    const socket = createSocket('udp4')
    socket.bind(0, HOST)
    await once(socket, 'listening')
    return new SecurePeer(socket, master)
  }

  /** Goes on with another key. */
  rekey(master: MasterKey): void {
    this.#master = master
    this.#sender = new SrtpSender(SUITES[SUITE], master)
  }

  offer(version = 1, extra: readonly string[] = []): string {
    return [
      'v=0',
      `o=- 1 ${version} IN IP4 ${HOST}`,
      's=-',
      `c=IN IP4 ${HOST}`,
      't=0 0',
      `m=audio ${this.socket.address().port} RTP/SAVP 0`,
      formatCrypto({ tag: 1, suite: SUITE, master: this.#master }),
      'a=rtcp-mux',
      ...extra,
      '',
    ].join('\r\n')
  }

  /** The next packet of the stream, in clear. */
  plain(value = LOUD): Buffer {
    const packet = Buffer.alloc(RTP_HEADER_BYTES + 160, value)
    const [sequence, timestamp] = [this.#sequence, this.#timestamp]
    writeRtpHeader(packet, { payloadType: 0, marker: false, sequence, timestamp, ssrc: this.#ssrc })
    this.#sequence = (this.#sequence + 1) & 0xffff
    this.#timestamp += 160
    return packet
  }

  /** Sends so many packets that reach nobody; for the cipher it is enough to be told of every hundredth. */
  grow(packets: number): void {
    for (let left = packets; left > 0; left -= 100) {
      this.#sequence = (this.#sequence + Math.min(left, 100)) & 0xffff
      this.sealed()
    }
  }

  sealed(value = LOUD): Buffer {
    return this.#sender.protectRtp(this.plain(value), RTP_HEADER_BYTES)
  }

  send(packet: Buffer, port: number): void {
    this.socket.send(packet, port, HOST)
  }

  /** The payload of the next RTP packet that the leg's key has made and `wanted` accepts; anything else fails. */
  async hears(receiver: SrtpReceiver, wanted: (payload: Buffer) => boolean): Promise<void> {
    for (;;) {
      const [packet]: Buffer[] = await once(this.socket, 'message')
      assert.ok(packet !== undefined)
      if ((packet[1] ?? 0) >= 192 && (packet[1] ?? 0) <= 223) continue
      const clear = receiver.unprotectRtp(packet, RTP_HEADER_BYTES)
      assert.ok(Buffer.isBuffer(clear), `what the leg sends is ${String(clear)}`)
      const header = emptyRtpHeader()
      assert.equal(parseRtp(clear, header), null)
      if (wanted(clear.subarray(header.payloadStart, header.payloadEnd))) return
    }
  }
}

/** What the leg protects with, by its SDP. */
function keyIn(sdp: string): MasterKey {
  const [, value = ''] = /^a=crypto:(.*)\r$/m.exec(sdp) ?? []
  const parsed = parseCrypto(value)
  assert.ok(parsed.ok)
  return parsed.value.master
}

const isLoud = (payload: Buffer): boolean => payload.every((byte) => byte === LOUD)

describe('A leg under SRTP', () => {
  let engine: EmbeddedMedia
  const sockets: Socket[] = []

  const newPeer = async (): Promise<SecurePeer> => {
    const peer = await SecurePeer.open()
    sockets.push(peer.socket)
    return peer
  }

  /** An echoing leg that has answered the peer's offer: its port, and what opens its packets. */
  async function answered(peer: SecurePeer) {
    const leg = await TestLeg.open(engine, ECHO, null, 'required')
    const answer = await leg.media.answer(peer.offer())
    assert.ok(answer.ok)
    leg.media.start()
    const receiver = new SrtpReceiver(SUITES[SUITE], keyIn(answer.value))
    return { leg, sdp: answer.value, port: audioPort(answer.value), receiver }
  }

  beforeEach(async () => {
    engine = await startEngine()
  })

  afterEach(async () => {
    await engine.close()
    for (const socket of sockets.splice(0)) socket.close()
  })

  it('hears its far end and is heard, and says so in its record', async () => {
    const peer = await newPeer()
    const { leg, port, receiver } = await answered(peer)
    const heard = peer.hears(receiver, isLoud)
    peer.send(peer.sealed(), port)
    await heard
    const { media } = await leg.media.close()
    assert.equal(media?.srtp, true)
    assert.equal(media.in.packets, 1)
  })

  it('that goes on with the session of another one hears a far end whose numbers have wrapped three times since', async () => {
    const peer = await newPeer()
    const { sdp } = await answered(peer)
    const goesOn = { previousSdp: withoutKeys(sdp), previousKeys: keyLines(sdp) }
    const leg = await TestLeg.open(engine, ECHO, null, 'required', goesOn)
    const offer = await leg.media.offer()
    const accepted = await leg.media.accept(peer.offer())
    assert.ok(accepted.ok)
    leg.media.start()
    peer.grow(3 * 0x1_0000)
    const heard = peer.hears(new SrtpReceiver(SUITES[SUITE], keyIn(offer)), isLoud)
    peer.send(peer.sealed(), audioPort(offer))
    await heard
    assert.equal((await leg.media.close()).media?.in.packets, 1)
  })

  it('takes nothing that was injected, changed or sent again: not as audio, not as a sign of life, not as a source', async () => {
    const peer = await newPeer()
    const attacker = await newPeer()
    attacker.rekey(OTHER_KEYS[SUITE])
    const { leg, port, receiver } = await answered(peer)
    attacker.socket.on('message', () => assert.fail('audio went to the attacker'))
    for (let i = 0; i < 20; i++) attacker.send(i % 2 === 0 ? attacker.sealed() : attacker.plain(), port)
    const forged = await leg.event('forged')
    assert.equal(forged.port, attacker.socket.address().port)
    assert.ok(!leg.events.some(({ kind }) => kind === 'firstPacket'))

    const heard = peer.hears(receiver, isLoud)
    const first = peer.sealed()
    peer.send(first, port)
    await heard
    for (let i = 0; i < 20; i++) attacker.send(first, port)
    const changed = peer.sealed()
    changed.writeUInt8(changed.readUInt8(40) ^ 1, 40)
    peer.send(changed, port)
    const last = peer.hears(receiver, (payload) => payload.every((byte) => byte === 0x43))
    peer.send(peer.sealed(0x43), port)
    await last
    const { media } = await leg.media.close()
    assert.equal(media?.in.packets, 2)
    assert.equal(leg.events.filter(({ kind }) => kind === 'forged').length, 1)
    assert.equal(leg.events.filter(({ kind }) => kind === 'stranger').length, 0)
  })

  it('keeps its stream and key through hold and resume, and follows another key of its far end at once', async () => {
    const peer = await newPeer()
    const { leg, sdp, port, receiver } = await answered(peer)
    const held = await leg.media.answer(peer.offer(2, ['a=sendonly']))
    assert.ok(held.ok)
    assert.deepEqual(keyIn(held.value), keyIn(sdp))
    const resumed = await leg.media.answer(peer.offer(3))
    assert.ok(resumed.ok)
    const before = peer.hears(receiver, isLoud)
    peer.send(peer.sealed(), port)
    await before

    peer.rekey(OTHER_KEYS[SUITE])
    const rekeyed = await leg.media.answer(peer.offer(4))
    assert.ok(rekeyed.ok)
    assert.deepEqual(keyIn(rekeyed.value), keyIn(sdp))
    const after = peer.hears(receiver, (payload) => payload.every((byte) => byte === 0x44))
    peer.send(peer.sealed(0x44), port)
    await after
  })

  it('answers nothing in clear where SRTP is required, and nothing encrypted where it is off', async () => {
    const peer = await newPeer()
    const required = await TestLeg.open(engine, ECHO, null, 'required')
    const plain = await required.media.answer(
      peer
        .offer()
        .replace('RTP/SAVP', 'RTP/AVP')
        .replace(/a=crypto.*\r\n/, ''),
    )
    assert.equal(!plain.ok && plain.error.code, 'sdp-srtp-required')
    const off = await TestLeg.open(engine, ECHO)
    const secure = await off.media.answer(peer.offer())
    assert.equal(!secure.ok && secure.error.code, 'sdp-srtp-required')
  })

  const firstOffers = [
    ['off', false, false],
    ['optional', false, true],
    ['preferred', true, false],
    ['required', true, true],
  ] as const
  for (const [srtp, usual, other] of firstOffers) {
    it(`that is ${srtp} offers ${usual ? 'keys' : 'none'} first, and ${other ? 'keys' : 'none'} where that was refused`, async () => {
      const offers = [
        await (await TestLeg.open(engine, PHONE, null, srtp)).media.offer('usual'),
        await (await TestLeg.open(engine, PHONE, null, srtp)).media.offer('other'),
      ]
      assert.deepEqual(
        offers.map((sdp) => sdp.includes('RTP/SAVP') && sdp.includes('a=crypto:')),
        [usual, other],
      )
    })
  }

  it('never has a key that another leg has', async () => {
    const offers = await Promise.all(
      [1, 2, 3].map(async () => (await TestLeg.open(engine, PHONE, null, 'required')).media.offer()),
    )
    const keys = offers.flatMap((sdp) => [...sdp.matchAll(/inline:(\S+)/g)].map(([, key]) => key))
    assert.equal(keys.length, 3 * Object.keys(SUITES).filter(isSuiteName).length)
    assert.equal(new Set(keys).size, keys.length)
  })

  it('carries a call between two of ours, each hearing what the other one says', async () => {
    await inTempDir(async (path) => {
      const tone = Int16Array.from({ length: 4000 }, (_, i) =>
        Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / 8000)),
      )
      await writeWav(path('tone.wav'), tone)
      const caller = await TestLeg.open(engine, { ...PHONE, playFile: path('tone.wav') }, null, 'required')
      const callee = await TestLeg.open(engine, { ...PHONE, playFile: path('tone.wav') }, null, 'optional')
      await connect(caller, callee)
      caller.media.start()
      callee.media.start()
      await Promise.all([caller.event('firstAudio'), callee.event('firstAudio')])
      for (const leg of [caller, callee]) {
        assert.equal((await leg.media.close()).media?.srtp, true)
        assert.ok(!leg.events.some(({ kind }) => kind === 'forged'))
      }
    })
  })
})
