import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isAudible } from '../../lib/media/level.ts'
import { emptyRtpHeader, parseRtp, writeRtpHeader } from '../../lib/media/rtp.ts'
import { parseMessage } from '../../lib/sip/parser.ts'

const FRAME_MS = 20
const FRAME_SAMPLES = 160
const RTP_HEADER_BYTES = 12
const SILENCE = Buffer.alloc(FRAME_SAMPLES, 0xff)
const PCMU = 0
const TELEPHONE_EVENT = 101
/** No answer is waited for longer than this. */
const PATIENCE_MS = 10_000
const CONTACT_PLACE = /^sips?:(?:[^@]*@)?(?<host>[^:;]+)(?::(?<port>\d+))?/

/** What came of an INVITE, and how long after it. */
export interface RawOutcome {
  readonly status: number
  /** The first response of any kind. */
  readonly firstMs: number
  readonly finalMs: number
  /** The final response as it came. */
  readonly text: string
}

/** A packet of the node's voice. */
export interface HeardPacket {
  readonly sequence: number
  readonly timestamp: number
  readonly ssrc: number
  readonly payload: Buffer
}

interface Final {
  readonly status: number
  readonly text: string
}

let callers = 0

/** A caller made of two UDP sockets, one for SIP and one for RTP, who does what a test says and nothing else, but answers a BYE. */
export class RawCaller {
  readonly sip: Socket
  readonly rtp: Socket
  /** Every RTP packet that came, in order. */
  readonly heard: HeardPacket[] = []
  readonly #host: string
  readonly #target: string
  readonly #id = `raw-${process.pid}-${++callers}`
  readonly #callId: string
  readonly #finals = new Map<string, (final: Final) => void>()
  readonly #patience = new Set<NodeJS.Timeout>()
  #onFirst: (() => void) | null = null
  #onBye: () => void = () => undefined
  /** Resolves when the node hangs up. */
  readonly hungUp = new Promise<void>((resolve) => {
    this.#onBye = resolve
  })
  readonly #user: string
  #uri = ''
  #to = ''
  #seq = 0
  /** Where requests go: the node, and from its 200 on whoever the Contact names. */
  #peer: { readonly host: string; readonly port: number }
  #remoteRtp: { readonly host: string; readonly port: number } | null = null
  #talking: NodeJS.Timeout | undefined
  #sequence = 100
  #timestamp = 8_000

  private constructor(sip: Socket, rtp: Socket, host: string, target: string, user: string) {
    this.#user = user
    this.sip = sip
    this.rtp = rtp
    this.#host = host
    this.#callId = `${this.#id}@${host}`
    this.#target = target
    this.#peer = { host: target, port: 5060 }
    sip.on('message', (bytes, from) => this.#onSip(bytes, from))
    rtp.on('message', (packet) => this.#onRtp(packet))
  }

  /** @param target the address of the node, where it listens at port 5060 @param user who calls, in From and Contact */
  static async open(target: string, host = '127.0.0.1', user = '+12025550199'): Promise<RawCaller> {
    const [sip, rtp] = [createSocket('udp4'), createSocket('udp4')]
    for (const socket of [sip, rtp]) socket.bind(0, host)
    await Promise.all([once(sip, 'listening'), once(rtp, 'listening')])
    return new RawCaller(sip, rtp, host, target, user)
  }

  /** Where the node sends from and listens, once it has answered. */
  get remoteRtp(): { readonly host: string; readonly port: number } {
    if (this.#remoteRtp === null) throw new Error('no call was answered')
    return this.#remoteRtp
  }

  /** An offer of PCMU and telephone events at our RTP socket. */
  get offer(): string {
    return [
      'v=0',
      `o=- 1 1 IN IP4 ${this.#host}`,
      's=-',
      `c=IN IP4 ${this.#host}`,
      't=0 0',
      `m=audio ${this.rtp.address().port} RTP/AVP ${PCMU} ${TELEPHONE_EVENT}`,
      `a=rtpmap:${TELEPHONE_EVENT} telephone-event/8000`,
      'a=sendrecv',
      '',
    ].join('\r\n')
  }

  /** A request of this caller as text; header lines given stand behind the usual ones. */
  request(method: string, body = '', extra: readonly string[] = [], seq = this.#seq): string {
    const own = `${this.#host}:${this.sip.address().port}`
    return [
      `${method} ${this.#uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${own};branch=z9hG4bK-${this.#id}-${seq}-${method === 'ACK' ? 'ack' : 'req'};rport`,
      'Max-Forwards: 70',
      `From: <sip:${this.#user}@${own}>;tag=${this.#id}`,
      `To: ${this.#to}`,
      `Call-ID: ${this.#callId}`,
      `CSeq: ${seq} ${method}`,
      `Contact: <sip:${this.#user}@${own}>`,
      ...extra,
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n')
  }

  /** Sends the INVITE, ACKs a 200 and resolves with the final response. */
  async call(number: string, body = this.offer, extra: readonly string[] = []): Promise<RawOutcome> {
    const sentAtMs = this.invite(number, body, extra)
    let firstMs = Number.NaN
    this.#onFirst = () => {
      firstMs = performance.now() - sentAtMs
    }
    const { status, text } = await this.#final(`${this.#seq} INVITE`)
    const finalMs = performance.now() - sentAtMs
    this.#to = /^To: (.*)\r$/m.exec(text)?.[1] ?? this.#to
    if (status === 200) this.#confirm(text)
    else this.sendSip(this.request('ACK').replace(/-ack;rport/, '-req;rport'))
    return { status, firstMs, finalMs, text }
  }

  /** The next request is the first to a number. */
  prepare(number: string): void {
    this.#seq += 1
    this.#peer = { host: this.#target, port: 5060 }
    this.#uri = `sip:${number}@${this.#target}:5060`
    this.#to = `<${this.#uri}>`
  }

  /** Sends an INVITE and waits for nothing. Returns when it was sent. */
  invite(number: string, body = this.offer, extra: readonly string[] = []): number {
    this.prepare(number)
    const sentAtMs = performance.now()
    this.sendSip(this.request('INVITE', body, extra))
    return sentAtMs
  }

  /** A request outside of a dialog; resolves with its final response. */
  ask(method: string, number: string): Promise<{ readonly status: number; readonly text: string }> {
    this.prepare(number)
    this.sendSip(this.request(method))
    return this.#final(`${this.#seq} ${method}`)
  }

  /** From now on a packet of silence each 20 ms, or of what is given. */
  talk(payload: Buffer = SILENCE): void {
    clearInterval(this.#talking)
    this.#talking = setInterval(() => this.#sendRtp(PCMU, payload), FRAME_MS)
  }

  /** Presses a key for 100 ms (RFC 4733), all of its packets at once. */
  press(key: string): void {
    const event = '0123456789*#'.indexOf(key)
    const timestamp = this.#timestamp
    for (const [end, duration] of [
      [0, 160],
      [0, 480],
      [0x80, 800],
      [0x80, 800],
    ] as const) {
      this.#timestamp = timestamp
      this.#sendRtp(TELEPHONE_EVENT, Buffer.from([event, end | 10, duration >> 8, duration & 0xff]))
    }
    this.#timestamp = timestamp + 5 * FRAME_SAMPLES
  }

  /** Resolves when `count` more packets have been heard: 50 a second as long as the call is up. */
  async hear(count: number): Promise<readonly HeardPacket[]> {
    const from = this.heard.length
    while (this.heard.length < from + count) {
      await once(this.rtp, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })
    }
    return this.heard.slice(from, from + count)
  }

  /** Resolves when so many more packets of sound, not silence, have been heard. */
  async hearSound(count: number): Promise<void> {
    for (let sounds = 0; sounds < count; ) {
      const packets = await this.hear(1)
      sounds += packets.filter(({ payload }) => payload.length === FRAME_SAMPLES && isAudible(payload, 'PCMU')).length
    }
  }

  /** From now on no packet: the far end hears nothing of us any more. */
  hush(): void {
    clearInterval(this.#talking)
  }

  /** OPTIONS in the call; resolves with its status, when the ACK before it has been taken too. */
  async ping(): Promise<number> {
    this.#seq += 1
    this.sendSip(this.request('OPTIONS'))
    return (await this.#final(`${this.#seq} OPTIONS`)).status
  }

  /** BYE; resolves with its status. */
  async hangUp(extra: readonly string[] = []): Promise<number> {
    this.hush()
    this.#seq += 1
    this.sendSip(this.request('BYE', '', extra))
    return (await this.#final(`${this.#seq} BYE`)).status
  }

  sendSip(text: string | Buffer): void {
    this.sip.send(text, this.#peer.port, this.#peer.host)
  }

  /** Whoever still waits for a response waits for ever: it is a test that has given up on it. */
  async close(): Promise<void> {
    clearInterval(this.#talking)
    for (const timer of this.#patience) clearTimeout(timer)
    const closed = [this.sip, this.rtp].map((socket) => once(socket, 'close'))
    for (const socket of [this.sip, this.rtp]) socket.close()
    await Promise.all(closed)
  }

  #confirm(text: string): void {
    this.#uri = /^Contact: <([^>]*)>/m.exec(text)?.[1] ?? this.#uri
    const { host = this.#target, port = '5060' } = CONTACT_PLACE.exec(this.#uri)?.groups ?? {}
    this.#peer = { host, port: Number(port) }
    const audioPort = Number(/^m=audio (\d+)/m.exec(text)?.[1])
    this.#remoteRtp = { host: /^c=IN IP4 (\S+)/m.exec(text)?.[1] ?? this.#target, port: audioPort }
    this.sendSip(this.request('ACK'))
  }

  #final(cseq: string): Promise<Final> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#finals.delete(cseq)
        this.#patience.delete(timer)
        reject(new Error(`no final response to ${cseq} within ${PATIENCE_MS} ms`))
      }, PATIENCE_MS)
      this.#patience.add(timer)
      this.#finals.set(cseq, (final) => {
        clearTimeout(timer)
        this.#finals.delete(cseq)
        this.#patience.delete(timer)
        resolve(final)
      })
    })
  }

  #onSip(bytes: Buffer, from: RemoteInfo): void {
    const parsed = parseMessage(bytes)
    if (!parsed.ok) return
    const message = parsed.value
    // Our port was another caller's before us, whom answers still seek for half a minute.
    if (message.callId !== this.#callId) return
    if (message.kind === 'request') {
      if (message.method !== 'BYE') return
      const kept = /^(?:Via|From|To|Call-ID|CSeq): .*\r\n/gm
      const headers = bytes.toString('latin1').match(kept)?.join('') ?? ''
      this.sip.send(`SIP/2.0 200 OK\r\n${headers}Content-Length: 0\r\n\r\n`, from.port, from.address)
      this.#onBye()
      return
    }
    this.#onFirst?.()
    this.#onFirst = null
    const { seq, method } = message.cseq()
    if (message.status >= 200)
      this.#finals.get(`${seq} ${method}`)?.({ status: message.status, text: bytes.toString() })
  }

  #onRtp(packet: Buffer): void {
    const header = emptyRtpHeader()
    if (parseRtp(packet, header) !== null) return
    const { sequence, timestamp, ssrc, payloadStart, payloadEnd } = header
    this.heard.push({ sequence, timestamp, ssrc, payload: packet.subarray(payloadStart, payloadEnd) })
  }

  #sendRtp(payloadType: number, payload: Buffer): void {
    const packet = Buffer.alloc(RTP_HEADER_BYTES + payload.length)
    const ssrc = 0x7261_7763
    writeRtpHeader(packet, {
      payloadType,
      marker: false,
      sequence: this.#sequence,
      timestamp: this.#timestamp,
      ssrc,
    })
    payload.copy(packet, RTP_HEADER_BYTES)
    this.#sequence += 1
    this.#timestamp += FRAME_SAMPLES
    const { host, port } = this.remoteRtp
    this.rtp.send(packet, port, host)
  }
}
