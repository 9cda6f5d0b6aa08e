import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs'
import { dirname } from 'node:path'
import type { G711Law } from '../../lib/media/g711.ts'
import { TwoVoices, type Voice } from '../../lib/media/two-voices.ts'
import { sealChunk } from './format.ts'
import { RecordingSwitch } from './switch.ts'

/** A minute that the disk has not taken; beyond it the recording ends, rather than take all memory. */
const MAX_UNWRITTEN_BYTES = 60 * 32_000
const FRAME_BYTES = 4
const RATE_HZ = 8_000

/** Where a call is recorded, and how: plain data that crosses threads. */
export interface RecordingSpec {
  readonly file: string
  readonly key: Uint8Array
  readonly head: Uint8Array
}

/** What became of a recording. */
export interface RecordingSummary {
  readonly seconds: number
  /** False where the disk took not all of it. */
  readonly complete: boolean
  /** For how long the agent had it paused: so much silence is in it that is none of the call's. */
  readonly pausedMs: number
}

/** Records one call into its file, from its construction to `close`. A fault of the disk ends the recording and never the call. */
export class RecordingWriter {
  readonly #spec: RecordingSpec
  readonly #stream: WriteStream
  readonly #voices: TwoVoices
  readonly #warn: (message: string) => void
  readonly #switch: RecordingSwitch
  #tickedAtMs: number
  #pausedMs = 0
  #chunks = 0
  #samples = 0
  #failed = false
  #closed: Promise<RecordingSummary> | null = null

  /** @param when what is said while it is off is left out: silence stands in its place */
  constructor(spec: RecordingSpec, nowMs: number, warn: (message: string) => void, when = new RecordingSwitch(true)) {
    this.#spec = spec
    this.#switch = when
    this.#warn = warn
    this.#tickedAtMs = nowMs
    try {
      mkdirSync(dirname(spec.file), { recursive: true, mode: 0o700 })
    } catch (cause) {
      warn(`the folder of recordings: ${cause instanceof Error ? cause.message : String(cause)}`)
    }
    // A file that is there already is another call's.
    this.#stream = createWriteStream(spec.file, { flags: 'wx', mode: 0o600 })
    this.#stream.on('error', (error) => this.#fail(error.message))
    this.#stream.write(spec.head)
    this.#voices = new TwoVoices(nowMs, (block) => this.#write(block))
  }

  /** Audio of one side that has just been heard. */
  add(voice: Voice, audio: Uint8Array, law: G711Law, nowMs: number): void {
    if (this.#closed === null && this.#switch.isOn) this.#voices.add(voice, audio, law, nowMs)
  }

  /** To be called at every packet time. */
  tick(nowMs: number): void {
    if (this.#closed !== null) return
    if (!this.#switch.isOn) this.#pausedMs += nowMs - this.#tickedAtMs
    this.#tickedAtMs = nowMs
    this.#voices.advance(nowMs)
  }

  /** Resolves when the file is whole. Safe to call twice. */
  close(nowMs: number): Promise<RecordingSummary> {
    this.#closed ??= this.#close(nowMs)
    return this.#closed
  }

  async #close(nowMs: number): Promise<RecordingSummary> {
    this.#voices.end(nowMs)
    if (!this.#stream.closed) {
      await new Promise<void>((resolve) => {
        this.#stream.once('close', () => resolve())
        this.#stream.end()
      })
    }
    return { seconds: this.#samples / RATE_HZ, complete: !this.#failed, pausedMs: Math.round(this.#pausedMs) }
  }

  #write(block: Int16Array): void {
    if (this.#failed) return
    if (this.#stream.writableLength > MAX_UNWRITTEN_BYTES) return this.#fail('the disk does not keep up')
    const audio = Buffer.alloc(block.length * 2)
    for (let i = 0; i < block.length; i++) audio.writeInt16LE(block[i] ?? 0, 2 * i)
    this.#stream.write(sealChunk(this.#spec.key, this.#chunks++, audio))
    this.#samples += audio.length / FRAME_BYTES
  }

  #fail(why: string): void {
    if (this.#failed) return
    this.#failed = true
    this.#warn(`the recording ends early: ${why}`)
    this.#stream.destroy()
  }
}
