import { FRAME_MS, FRAME_SAMPLES, transcode } from '../../lib/media/g711.ts'
import type { AgentMeter } from './meter.ts'

/** Bytes in the socket beyond which the server is not keeping up: about 5 s of G.711 in base64. */
export const MAX_BUFFERED_BYTES = 64 * 1024
/** Batches that wait for such a server. The oldest go first: the agent is to hear what is said now. */
export const MAX_HELD_BATCHES = 25

/** The part of the socket that audio needs. */
export interface AudioSocket {
  readonly bufferedBytes: number
  sendText(text: string): void
}

/** The event that carries the first `length` bytes of audio. Base64 goes straight into its text: no object is made and no JSON is written. */
export const appendEvent = (audio: Buffer, length: number = audio.length): string =>
  `{"type":"input_audio_buffer.append","audio":"${audio.toString('base64', 0, length)}"}`

/**
 * The caller's audio on its way to the server (OpenAI Realtime: `input_audio_buffer.append`), gathered into batches.
 */
export class CallerAudio {
  readonly #batch: Buffer
  readonly #held: string[] = []
  readonly #meter: AgentMeter
  #used = 0

  /** @param batchMs a multiple of 20 */
  constructor(batchMs: number, meter: AgentMeter) {
    this.#batch = Buffer.alloc(Math.max(1, Math.round(batchMs / FRAME_MS)) * FRAME_SAMPLES)
    this.#meter = meter
  }

  /** Adds one frame; `table` turns it into what the server expects, null where it is that already. True where a batch was sent. */
  add(frame: Uint8Array, table: Uint8Array | null, socket: AudioSocket): boolean {
    if (this.#used + frame.length > this.#batch.length) this.flush(socket)
    const audio = frame.subarray(0, this.#batch.length)
    this.#batch.set(audio, this.#used)
    if (table !== null) transcode(this.#batch.subarray(this.#used, this.#used + audio.length), table)
    this.#used += audio.length
    if (this.#used < this.#batch.length) return false
    this.flush(socket)
    return true
  }

  /** Forgets what waits: a further server is told of it with all that the caller said since. */
  clear(): void {
    this.#used = 0
    this.#held.length = 0
  }

  /** Sends what there is, full batch or not. */
  flush(socket: AudioSocket): void {
    if (this.#used === 0) return
    this.#held.push(appendEvent(this.#batch, this.#used))
    this.#used = 0
    while (socket.bufferedBytes <= MAX_BUFFERED_BYTES) {
      const text = this.#held.shift()
      if (text === undefined) return
      socket.sendText(text)
    }
    if (this.#held.length <= MAX_HELD_BATCHES) return
    this.#held.shift()
    this.#meter.faults.droppedAudio += 1
  }
}
