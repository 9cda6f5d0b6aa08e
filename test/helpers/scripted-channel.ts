import { randomUUID } from 'node:crypto'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { WebSocket } from 'ws'
import { decodeG711, encodeG711, FRAME_MS, FRAME_SAMPLES } from '../../lib/media/g711.ts'
import { emptyRtpHeader, parseRtp, RTP_HEADER_BYTES, writeRtpHeader } from '../../lib/media/rtp.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import type { Peer } from '../integration/sip-server/peer.ts'
import type { ScriptedFreeSwitch } from './scripted-freeswitch.ts'

const HOST = '127.0.0.1'
/** What the module holds back before it plays for the first time, and passes on at least. */
const FIRST_SAMPLES = 1280
const LUMP_SAMPLES = 640

/** One channel of a scripted FreeSWITCH: PCMU by RTP on one side, mod_audio_fork's WebSocket on the other, without its marks. */
class Channel {
  readonly uuid = randomUUID()
  readonly #rtp: UdpSocket
  readonly #header = emptyRtpHeader()
  readonly #timer: NodeJS.Timeout
  #control: Socket | null = null
  #fork: WebSocket | null = null
  #remote: { readonly address: string; readonly port: number } | null = null
  #held: number[] = []
  #queue: number[] = []
  #primed = false
  #sequence = 0
  packetsIn = 0
  packetsOut = 0

  private constructor(rtp: UdpSocket) {
    this.#rtp = rtp
    rtp.on('message', (packet) => this.#onRtp(packet))
    this.#timer = setInterval(() => this.#sendFrame(), FRAME_MS)
  }

  static async open(): Promise<Channel> {
    const rtp = createSocket('udp4').bind(0, HOST)
    await once(rtp, 'listening')
    return new Channel(rtp)
  }

  get sdp(): string {
    const { port } = this.#rtp.address()
    const head = ['v=0', `o=- 1 1 IN IP4 ${HOST}`, 's=-', `c=IN IP4 ${HOST}`, 't=0 0']
    return [...head, `m=audio ${port} RTP/AVP 0 101`, 'a=rtpmap:101 telephone-event/8000', ''].join('\r\n')
  }

  /** Where the offer wants RTP. */
  aim(sdp: string): void {
    const address = /^c=IN IP4 (\S+)/m.exec(sdp)?.[1]
    const port = Number(/^m=audio (\d+)/m.exec(sdp)?.[1] ?? 0)
    this.#remote = address === undefined || /^a=(?:inactive|sendonly)/m.test(sdp) ? null : { address, port }
  }

  /** Connects to who asked for it, as the dialplan's `socket` does. */
  control(place: string, userAgent: string): void {
    const [host = '', port] = place.split(':')
    const socket = connect(Number(port), host)
    this.#control = socket
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      for (const command of data.toString().split('\n\n').filter(Boolean)) {
        const facts = `Event-Name: CHANNEL_DATA\nChannel-Unique-ID: ${this.uuid}\nvariable_sip_user_agent: ${userAgent}\n`
        socket.write(`Content-Type: command/reply\nReply-Text: +OK\n${command === 'connect' ? facts : ''}\n`)
      }
    })
  }

  fork(url: string): void {
    const fork = new WebSocket(url, 'audio.drachtio.org')
    this.#fork = fork
    fork.on('error', () => undefined)
    fork.on('message', (data, isBinary) => {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0)
      if (isBinary) this.#onAudio(bytes)
      else if (bytes.toString().includes('killAudio')) this.#queue = []
    })
  }

  /** Ends the fork alone, as a fault of the module would. */
  dropFork(): void {
    this.#fork?.terminate()
  }

  close(): void {
    clearInterval(this.#timer)
    this.#rtp.close()
    this.#fork?.terminate()
    this.#control?.destroy()
  }

  #onRtp(packet: Buffer): void {
    if (parseRtp(packet, this.#header) !== null || this.#header.payloadType !== 0) return
    this.packetsIn++
    const samples = new Int16Array(FRAME_SAMPLES)
    decodeG711(packet.subarray(this.#header.payloadStart, this.#header.payloadEnd), 'PCMU', samples)
    if (this.#fork?.readyState === 1) this.#fork.send(Buffer.from(samples.buffer))
  }

  #onAudio(bytes: Buffer): void {
    for (let at = 0; at + 1 < bytes.length; at += 2) this.#held.push(bytes.readInt16LE(at))
    if (this.#held.length < (this.#primed ? LUMP_SAMPLES : FIRST_SAMPLES)) return
    this.#primed = true
    this.#queue.push(...this.#held)
    this.#held = []
  }

  #sendFrame(): void {
    if (this.#remote === null) return
    const samples = Int16Array.from({ length: FRAME_SAMPLES }, (_, i) => this.#queue[i] ?? 0)
    this.#queue = this.#queue.slice(FRAME_SAMPLES)
    const packet = Buffer.alloc(RTP_HEADER_BYTES + FRAME_SAMPLES)
    const [sequence, timestamp] = [this.#sequence & 0xffff, (this.#sequence++ * FRAME_SAMPLES) >>> 0]
    writeRtpHeader(packet, { payloadType: 0, marker: false, sequence, timestamp, ssrc: 0xf5 })
    packet.set(encodeG711(samples, 'PCMU'), RTP_HEADER_BYTES)
    this.packetsOut++
    this.#rtp.send(packet, this.#remote.port, this.#remote.address)
  }
}

/** The channels of a scripted FreeSWITCH, which it is called for by SIP. */
export class ScriptedChannels {
  readonly #sip: Peer
  readonly #byCall = new Map<string, Channel>()

  /** From now on the server's profile is at the peer, its forks and counters are those of the channels. */
  constructor(server: ScriptedFreeSwitch, sip: Peer) {
    this.#sip = sip
    const profile = server.answers.get('sofia status') ?? ''
    server.answers.set('sofia status', profile.replace(/127\.0\.0\.1:\d+/, sip.address))
    server.onCommand = (command) => this.#onCommand(command)
    sip.onRequest = (request) => void this.#onRequest(request)
  }

  get all(): readonly Channel[] {
    return [...this.#byCall.values()]
  }

  /** All channels are gone, without a word. */
  close(): void {
    for (const channel of this.all) channel.close()
    this.#byCall.clear()
  }

  #onCommand(command: string): string | null {
    const [name = '', uuid = '', , url = ''] = command.replace('^^|', '').split(/[ |]/)
    const channel = this.all.find((one) => one.uuid === uuid)
    if (channel === undefined) return null
    if (name === 'uuid_audio_fork') channel.fork(url)
    if (name !== 'uuid_dump') return '+OK Success\n'
    const count = (way: string, packets: number): string => `variable_rtp_audio_${way}_media_packet_count: ${packets}\n`
    return count('in', channel.packetsIn) + count('out', channel.packetsOut)
  }

  async #onRequest(request: SipRequest): Promise<void> {
    const { callId, method } = request
    const known = this.#byCall.get(callId)
    if (method === 'INVITE') {
      const channel = known ?? (await Channel.open())
      this.#byCall.set(callId, channel)
      channel.aim(request.body.toString())
      this.#sip.send(this.#sip.response(request, 200, 'OK', channel.uuid, '', channel.sdp))
      if (known === undefined) {
        channel.control(request.header('X-esl-outbound') ?? '', request.header('User-Agent') ?? '')
      }
    } else if (method === 'BYE') {
      this.#sip.send(this.#sip.response(request, 200, 'OK'))
      known?.close()
      this.#byCall.delete(callId)
    }
  }
}
