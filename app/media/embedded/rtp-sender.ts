import type { BlockPool } from '../../../lib/media/block-pool.ts'
import { DtmfSender } from '../../../lib/media/dtmf.ts'
import { FRAME_SAMPLES, type G711Law, SILENCE, transcode, transcodingTable } from '../../../lib/media/g711.ts'
import { Playout } from '../../../lib/media/playout.ts'
import { MAX_RTP_BYTES, RTP_HEADER_BYTES, writeRtpHeader } from '../../../lib/media/rtp.ts'
import type { AgreedMedia } from '../../../lib/sip/offer-answer.ts'
import type { TransportAddress } from '../../../lib/sip/sdp.ts'
import type { Line, PlayedItem, PressOutcome } from '../talker.ts'

/** Packets in flight at most: a frame as two packets of 10 ms, or an event three times, may wait in a full kernel buffer. */
const BUFFERS = 4

/** Random numbers of a new stream (RFC 3550 §5.1: unpredictable). */
export interface StreamSeed {
  readonly ssrc: number
  readonly sequence: number
  readonly timestamp: number
}

/** Where what is sent goes; both are called on the packet path, and the bytes are valid during the call. */
export interface SenderSink {
  onPacket(packet: Uint8Array, to: TransportAddress): void
  /** A frame of what the talker says, as it is sent. */
  onVoice(frame: Uint8Array, codec: G711Law): void
}

/** What one leg sends: the playout queue, one frame a tick, as RTP. Silence where there is nothing to say. */
export class RtpSender {
  readonly ssrc: number
  readonly #sink: SenderSink
  readonly #playout: Playout
  readonly #dtmf = new DtmfSender()
  readonly #frame = new Uint8Array(FRAME_SAMPLES)
  readonly #buffers = Array.from({ length: BUFFERS }, () => Buffer.alloc(MAX_PACKET_BYTES))
  #bufferAt = 0
  #sequence: number
  #timestamp: number
  #talking = false
  #codec: G711Law = 'PCMU'
  #agreed: AgreedMedia | null = null
  packets = 0
  octets = 0

  constructor(seed: StreamSeed, blocks: BlockPool, sink: SenderSink) {
    this.#playout = new Playout(blocks)
    this.ssrc = seed.ssrc
    this.#sequence = seed.sequence
    this.#timestamp = seed.timestamp
    this.#sink = sink
  }

  /** The RTP timestamp of the next frame. */
  get timestamp(): number {
    return this.#timestamp >>> 0
  }

  /** Takes what was agreed on; what is queued is turned into the new codec. */
  configure(agreed: AgreedMedia): void {
    const table = transcodingTable(this.#codec, agreed.codec)
    if (table !== null) this.#playout.transcode(table)
    this.#codec = agreed.codec
    this.#agreed = agreed
  }

  /**
   * The line for a talker; it speaks the codec of now, also after another was agreed on.
   * @param record of the leg
   */
  line(record: Line['record']): Line {
    const codec = this.#codec
    return {
      codec,
      record,
      press: (digits) => this.#pressed(digits),
      play: (itemId, audio) => this.#playout.play(itemId, this.#inCodec(audio, codec)),
      end: (itemId) => this.#playout.end(itemId),
      flush: (): readonly PlayedItem[] => this.#playout.flush(),
      queuedSamples: () => this.#playout.queuedSamples,
    }
  }

  /** Presses keys towards the far end; false where it takes none, or they are no keys. */
  press(digits: string): boolean {
    return this.#dtmf.press(digits)
  }

  #pressed(digits: string): PressOutcome {
    if (this.#agreed?.telephoneEvent == null) return 'not-agreed'
    return this.#dtmf.press(digits) ? 'pressed' : 'refused'
  }

  /** Items that have been sent to their end since the last call. */
  takePlayed(): readonly string[] {
    return this.#playout.takePlayed()
  }

  /** Drops what is queued; nothing is sent any more. */
  close(): void {
    this.#playout.flush()
  }

  /** Sends one frame to `target`; without one, or on hold, only the clock goes on and the queue waits. */
  tick(target: TransportAddress | null, skipped: number): void {
    this.#timestamp = (this.#timestamp + skipped * FRAME_SAMPLES) >>> 0
    const agreed = this.#agreed
    if (agreed !== null && target !== null && (agreed.direction === 'sendrecv' || agreed.direction === 'sendonly')) {
      if (!this.#sendEvent(agreed, target)) this.#sendFrame(agreed, target)
    } else {
      this.#talking = false
    }
    this.#timestamp = (this.#timestamp + FRAME_SAMPLES) >>> 0
  }

  #sendEvent(agreed: AgreedMedia, target: TransportAddress): boolean {
    if (agreed.telephoneEvent === null) return false
    const event = this.#dtmf.next(this.timestamp)
    if (event === null) return false
    for (let copy = 0; copy < event.copies; copy++) {
      this.#sendPacket(agreed.telephoneEvent.send, event.marker && copy === 0, event.timestamp, event.payload, target)
    }
    return true
  }

  #sendFrame(agreed: AgreedMedia, target: TransportAddress): void {
    const frame = this.#frame
    const talking = this.#playout.next(frame, SILENCE[agreed.codec])
    if (talking) this.#sink.onVoice(frame, agreed.codec)
    else frame.fill(SILENCE[agreed.codec])
    const marker = talking && !this.#talking
    this.#talking = talking
    if (agreed.ptimeMs === 20) {
      this.#sendPacket(agreed.payloadType, marker, this.timestamp, frame, target)
      return
    }
    const half = FRAME_SAMPLES / 2
    this.#sendPacket(agreed.payloadType, marker, this.timestamp, frame.subarray(0, half), target)
    this.#sendPacket(agreed.payloadType, false, this.timestamp + half, frame.subarray(half), target)
  }

  #sendPacket(
    payloadType: number,
    marker: boolean,
    timestamp: number,
    payload: Uint8Array,
    target: TransportAddress,
  ): void {
    const buffer = this.#buffers[this.#bufferAt++ % BUFFERS]
    if (buffer === undefined) return
    writeRtpHeader(buffer, { payloadType, marker, sequence: this.#sequence, timestamp, ssrc: this.ssrc })
    buffer.set(payload, RTP_HEADER_BYTES)
    const length = RTP_HEADER_BYTES + payload.length
    this.#sink.onPacket(length === buffer.length ? buffer : buffer.subarray(0, length), target)
    this.#sequence = (this.#sequence + 1) & 0xffff
    this.packets++
    this.octets += payload.length
  }

  #inCodec(audio: Uint8Array, codec: G711Law): Uint8Array {
    const table = transcodingTable(codec, this.#codec)
    if (table === null) return audio
    const copy = Uint8Array.from(audio)
    transcode(copy, table)
    return copy
  }
}

const MAX_PACKET_BYTES = Math.min(MAX_RTP_BYTES, RTP_HEADER_BYTES + FRAME_SAMPLES)
