import type { BlockPool } from '../../../lib/media/block-pool.ts'
import { DtmfReceiver, type Press } from '../../../lib/media/dtmf.ts'
import { FRAME_SAMPLES, type G711Law, SILENCE, transcode, transcodingTable } from '../../../lib/media/g711.ts'
import { JitterBuffer, type JitterBufferOptions } from '../../../lib/media/jitter-buffer.ts'
import { Latching } from '../../../lib/media/latching.ts'
import { Reception } from '../../../lib/media/reception.ts'
import { emptyRtpHeader, parseRtp } from '../../../lib/media/rtp.ts'
import type { AgreedMedia } from '../../../lib/sip/offer-answer.ts'
import type { TransportAddress } from '../../../lib/sip/sdp.ts'

/** Where the receiver's findings go; all are called on the packet path. */
export interface ReceiverSink {
  /** 20 ms, valid during the call only. */
  onFrame(frame: Uint8Array, nowMs: number): void
  onPress(press: Press): void
  onFirstPacket(nowMs: number): void
  /** A packet was dropped because of where it came from. */
  onStranger(from: TransportAddress): void
}

type Playback = Omit<JitterBufferOptions, 'silence'>

/** What one leg receives: packets are judged by source, counted, put in order and given on as frames without gaps in time. */
export class RtpReceiver {
  readonly #sink: ReceiverSink
  readonly #playback: Playback
  readonly #header = emptyRtpHeader()
  readonly #frame = new Uint8Array(FRAME_SAMPLES)
  readonly #dtmf: DtmfReceiver
  readonly latching = new Latching(null)
  readonly reception = new Reception()
  readonly #pool: BlockPool
  /** Of the jitter buffer, given back at the end. */
  #memory: Uint8Array | null = null
  #jitter: JitterBuffer | null = null
  #agreed: AgreedMedia | null = null
  #receiving = false
  /** Of the last packet that was accepted; null before the first. */
  lastAtMs: number | null = null
  /** Datagrams that are no RTP, or of a payload type that was not agreed on. */
  malformed = 0

  /** @param pool of blocks of `JITTER_BUFFER_BYTES` */
  constructor(playback: Playback, pool: BlockPool, sink: ReceiverSink) {
    this.#playback = playback
    this.#pool = pool
    this.#sink = sink
    this.#dtmf = new DtmfReceiver((press) => sink.onPress(press))
  }

  /** Takes what was agreed on; from the first time on, packets are accepted. */
  configure(agreed: AgreedMedia): void {
    this.#agreed = agreed
    this.#receiving = agreed.direction === 'sendrecv' || agreed.direction === 'recvonly'
    this.latching.expect(agreed.remote)
    if (this.#jitter !== null) this.#jitter.silence = SILENCE[agreed.codec]
  }

  /** From now on frames are given out, silence where nothing comes. */
  start(nowMs: number): void {
    if (this.#jitter !== null || this.#agreed === null) return
    this.#memory = this.#pool.take()
    const options = { ...this.#playback, silence: SILENCE[this.#agreed.codec] }
    this.#jitter = new JitterBuffer(options, this.#memory, nowMs)
  }

  /** Takes nothing any more, and gives its memory back. Safe to call twice. */
  close(): void {
    this.#agreed = null
    this.#jitter = null
    if (this.#memory !== null) this.#pool.give(this.#memory)
    this.#memory = null
  }

  onPacket(packet: Buffer, from: TransportAddress, nowMs: number): void {
    const agreed = this.#agreed
    if (agreed === null) return
    const header = this.#header
    if (parseRtp(packet, header) !== null) {
      this.malformed++
      return
    }
    if (this.latching.judge(from.address, from.port, header.ssrc, header.sequence, nowMs) === 'drop') {
      this.#sink.onStranger(from)
      return
    }
    const isEvent = header.payloadType === agreed.telephoneEvent?.receive
    const codec = isEvent ? null : codecOf(agreed, header.payloadType)
    this.reception.onPacket(header.ssrc, header.sequence, header.timestamp, nowMs, codec !== null)
    const first = this.lastAtMs === null
    this.lastAtMs = nowMs
    if (first) this.#sink.onFirstPacket(nowMs)

    const payload = packet.subarray(header.payloadStart, header.payloadEnd)
    if (isEvent) this.#dtmf.onPacket(payload, header.timestamp, nowMs)
    else if (codec === null) this.malformed++
    else if (this.#receiving) this.#onAudio(payload, codec, agreed.codec, nowMs)
  }

  /** Gives out what is due: silence where packets are missing or have stopped. */
  tick(nowMs: number): void {
    this.#dtmf.onTime(nowMs)
    this.#drain(nowMs)
  }

  #onAudio(payload: Uint8Array, from: G711Law, to: G711Law, nowMs: number): void {
    const table = transcodingTable(from, to)
    if (table !== null) transcode(payload, table)
    this.start(nowMs)
    const { ssrc, sequence, timestamp } = this.#header
    this.#jitter?.push(ssrc, sequence, timestamp, payload, nowMs)
    this.#drain(nowMs)
  }

  #drain(nowMs: number): void {
    if (this.#jitter === null) return
    while (this.#jitter.pull(this.#frame, nowMs) !== 'none') this.#sink.onFrame(this.#frame, nowMs)
  }
}

function codecOf(agreed: AgreedMedia, payloadType: number): G711Law | null {
  for (const each of agreed.receive) if (each.payloadType === payloadType) return each.codec
  return null
}
