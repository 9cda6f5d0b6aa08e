import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { decodeG711, FRAME_SAMPLES, type G711Law, RATE_HZ } from '../../lib/media/g711.ts'
import { formatWavHeader, WAV_HEADER_BYTES } from '../../lib/media/wav.ts'

/** Frames that are written at once: 200 ms. */
const BATCH_FRAMES = 10
const BATCH_BYTES = BATCH_FRAMES * FRAME_SAMPLES * 2
/** A disk that does not keep up loses audio beyond this, a minute of it, rather than take all memory. */
const MAX_UNWRITTEN_BYTES = 60 * 8000 * 2

/** Sample rates of a recording; 8000 Hz is that of the line itself. */
export type RecordingRate = 8000 | 16000

/**
 * Writes frames of G.711 to a WAV file as they come, 16-bit mono. At 16000 Hz, the rate that speech recognisers take, every other
 * sample is the mean of its neighbours. The header is completed by `close`.
 */
export class WavRecorder {
  readonly #path: string
  readonly #stream: WriteStream
  readonly #rateHz: RecordingRate
  readonly #samples = new Int16Array(FRAME_SAMPLES)
  #last = 0
  #batch: Buffer
  #batched = 0
  #dataBytes = 0
  #closed: Promise<void> | null = null
  #failure: Error | null = null

  private constructor(path: string, stream: WriteStream, rateHz: RecordingRate) {
    this.#path = path
    this.#stream = stream
    this.#rateHz = rateHz
    this.#batch = this.#newBatch()
    stream.on('error', (cause) => {
      this.#failure = cause
    })
    stream.write(formatWavHeader(0, rateHz))
  }

  /** Makes the file, or empties it; rejects where it cannot be written. */
  static async open(path: string, rateHz: RecordingRate = RATE_HZ): Promise<WavRecorder> {
    const stream = createWriteStream(path)
    await once(stream, 'open')
    return new WavRecorder(path, stream, rateHz)
  }

  /** Takes one frame of 160 bytes. */
  write(frame: Uint8Array, codec: G711Law): void {
    if (this.#closed !== null || this.#failure !== null || this.#stream.writableLength > MAX_UNWRITTEN_BYTES) return
    decodeG711(frame, codec, this.#samples)
    for (const sample of this.#samples) {
      if (this.#rateHz !== RATE_HZ) this.#append((this.#last + sample) >> 1)
      this.#append(sample)
      this.#last = sample
    }
    if (this.#batched === this.#batch.length) this.#flush()
  }

  #append(sample: number): void {
    this.#batched = this.#batch.writeInt16LE(sample, this.#batched)
  }

  #newBatch(): Buffer {
    return Buffer.alloc(BATCH_BYTES * (this.#rateHz / RATE_HZ))
  }

  /** Writes what is left and the header; rejects where the file could not be written whole. Safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#finish()
    return this.#closed
  }

  #flush(): void {
    if (this.#batched === 0) return
    this.#stream.write(this.#batch.subarray(0, this.#batched))
    this.#dataBytes += this.#batched
    this.#batch = this.#newBatch()
    this.#batched = 0
  }

  async #finish(): Promise<void> {
    if (!this.#stream.closed) {
      this.#flush()
      this.#stream.end()
      // It closes by itself, after an error too.
      await new Promise<void>((resolve) => {
        this.#stream.once('close', () => resolve())
      })
    }
    if (this.#failure !== null) throw this.#failure
    const file = await open(this.#path, 'r+')
    try {
      await file.write(formatWavHeader(this.#dataBytes, this.#rateHz), 0, WAV_HEADER_BYTES, 0)
    } finally {
      await file.close()
    }
  }
}
