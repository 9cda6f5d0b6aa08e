import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { FRAME_MS, FRAME_SAMPLES, SILENCE } from '../../lib/media/g711.ts'
import { isAudible } from '../../lib/media/level.ts'
import { emptyRtpHeader, parseRtp, RTP_HEADER_BYTES, writeRtpHeader } from '../../lib/media/rtp.ts'

const HOST = '127.0.0.1'
const EVENT_PAYLOAD_TYPE = 101

/** A phone of one socket: it sends a frame every 20 ms, and remembers when it heard something. */
export class RtpPeer {
  readonly #socket: Socket
  readonly #timer: NodeJS.Timeout
  readonly #header = emptyRtpHeader()
  /** When audible packets came, in milliseconds. */
  readonly audibleAtMs: number[] = []
  /** Their sequence numbers. */
  readonly audible: number[] = []
  packets = 0
  /** Frames of tone that it has sent: fewer than time has had where this process was busy. */
  spoken = 0
  /** Whether it sends a tone; silence otherwise. */
  talks = false
  /** What it sends and counts; other than 0, PCMU, it sends noise for a tone and cannot tell whether it hears something. */
  payloadType = 0
  /** While true nothing is sent. */
  mute = false
  #target: { readonly port: number; readonly address: string } | null = null
  #sequence = 1
  #timestamp = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (packet) => this.#onPacket(packet))
    this.#timer = setInterval(() => this.#sendFrame(), FRAME_MS)
  }

  static async open(): Promise<RtpPeer> {
    const socket = createSocket('udp4')
    socket.bind(0, HOST)
    await once(socket, 'listening')
    return new RtpPeer(socket)
  }

  /** Our description; an offer or an answer. */
  sdp(direction = 'sendrecv', formats = '0 101', version = 1): string {
    return [
      'v=0',
      `o=- 1 ${version} IN IP4 ${HOST}`,
      's=-',
      `c=IN IP4 ${HOST}`,
      't=0 0',
      `m=audio ${this.#socket.address().port} RTP/AVP ${formats}`,
      'a=rtpmap:101 telephone-event/8000',
      'a=rtpmap:107 opus/48000/2',
      'a=ptime:20',
      `a=${direction}`,
      '',
    ].join('\r\n')
  }

  /** Speaks to whom the description names. */
  aim(sdp: string): void {
    const address = /^c=IN IP4 (\S+)/m.exec(sdp)?.[1]
    const port = /^m=audio (\d+)/m.exec(sdp)?.[1]
    if (address === undefined || port === undefined) throw new Error(`no audio in ${sdp}`)
    this.#target = { address, port: Number(port) }
  }

  /** Presses a key by RFC 4733: five packets, and the end three times. */
  press(event: number): void {
    for (let i = 1; i <= 8; i++) {
      const isEnd = i > 5
      const duration = Math.min(i, 6) * FRAME_SAMPLES
      this.#send(
        Buffer.from([event, (isEnd ? 0x80 : 0) | 10, duration >> 8, duration & 0xff]),
        EVENT_PAYLOAD_TYPE,
        i === 1,
      )
    }
    this.#timestamp += 6 * FRAME_SAMPLES
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }

  #sendFrame(): void {
    if (this.mute) return
    const tone = Uint8Array.from({ length: FRAME_SAMPLES }, (_, i) => (i % 16 < 8 ? 0x10 : 0x90))
    const noise = this.payloadType === 0 ? tone : randomBytes(FRAME_SAMPLES)
    if (this.talks) this.spoken++
    this.#send(this.talks ? noise : new Uint8Array(FRAME_SAMPLES).fill(SILENCE.PCMU), this.payloadType, false)
    this.#timestamp += FRAME_SAMPLES
  }

  #send(payload: Uint8Array, payloadType: number, marker: boolean): void {
    if (this.#target === null) return
    const packet = Buffer.alloc(RTP_HEADER_BYTES + payload.length)
    const [sequence, timestamp] = [this.#sequence++ & 0xffff, this.#timestamp >>> 0]
    writeRtpHeader(packet, { payloadType, marker, sequence, timestamp, ssrc: 0x5eed })
    packet.set(payload, RTP_HEADER_BYTES)
    this.#socket.send(packet, this.#target.port, this.#target.address)
  }

  #onPacket(packet: Buffer): void {
    if (parseRtp(packet, this.#header) !== null || this.#header.payloadType !== this.payloadType) return
    this.packets++
    if (this.payloadType !== 0) return
    const payload = packet.subarray(this.#header.payloadStart, this.#header.payloadEnd)
    if (!isAudible(payload, 'PCMU')) return
    this.audibleAtMs.push(performance.now())
    this.audible.push(this.#header.sequence)
  }
}
