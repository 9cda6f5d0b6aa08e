import { readFile, stat } from 'node:fs/promises'
import { ok, type Result } from '../../lib/core/result.ts'
import { encodeG711, type G711Law, RATE_HZ } from '../../lib/media/g711.ts'
import { isAudible } from '../../lib/media/level.ts'
import { parseWav } from '../../lib/media/wav.ts'
import type { AgentRefusal, PhoneSpec } from './port.ts'
import type { EmitLegEvent, Line, Talker } from './talker.ts'
import { WavRecorder } from './wav-recorder.ts'

/** The only item that a phone plays. */
const ITEM = 'file'
/** Audio in the line's queue at most; the rest waits here. */
const QUEUE_SAMPLES = RATE_HZ
/** A file is decoded in memory; this is half an hour of 16-bit mono at 8000 Hz. */
const MAX_FILE_BYTES = 32 * 1024 * 1024

/** Opens a phone's files; rejects with a message for people where one cannot be read, played or written. */
export async function openPhone(spec: PhoneSpec, emit: EmitLegEvent, now: () => number): Promise<Talker> {
  const samples = spec.playFile === undefined ? (spec.playSamples ?? null) : await readWav(spec.playFile)
  const recorder = spec.recordFile === undefined ? null : await WavRecorder.open(spec.recordFile, spec.recordRateHz)
  return new Phone({ samples, recorder, emit, now })
}

async function readWav(path: string): Promise<Int16Array> {
  const { size } = await stat(path)
  if (size > MAX_FILE_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_FILE_BYTES}`)
  const parsed = parseWav(await readFile(path))
  if (!parsed.ok) throw new Error(`${path}: ${parsed.error.message}`)
  return parsed.value
}

interface PhoneParts {
  readonly samples: Int16Array | null
  readonly recorder: WavRecorder | null
  readonly emit: EmitLegEvent
  readonly now: () => number
}

/** The softphone's talker: plays a file or samples once from `start` on, records the far end, and tells when it was first heard. */
class Phone implements Talker {
  readonly #parts: PhoneParts
  #line: Line | null = null
  #startedAtMs: number | null = null
  #playedSamples = 0
  #heard = false

  constructor(parts: PhoneParts) {
    this.#parts = parts
  }

  async ready(): Promise<Result<void, AgentRefusal>> {
    return ok(undefined)
  }

  attach(line: Line): void {
    this.#line = line
  }

  start(): void {
    this.#startedAtMs = this.#parts.now()
    this.#play()
  }

  onAudio(frame: Uint8Array, nowMs: number): void {
    const codec = this.#line?.codec
    if (codec === undefined || this.#startedAtMs === null) return
    this.#parts.recorder?.write(frame, codec)
    this.#listen(frame, codec, nowMs - this.#startedAtMs)
    this.#play()
  }

  onDtmf(): void {}

  onPlayed(): void {
    this.#parts.emit({ kind: 'played' })
  }

  async close(): Promise<null> {
    await this.#parts.recorder?.close()
    return null
  }

  #listen(frame: Uint8Array, codec: G711Law, afterMs: number): void {
    if (this.#heard || !isAudible(frame, codec)) return
    this.#heard = true
    this.#parts.emit({ kind: 'firstAudio', afterMs })
  }

  /** Keeps the line's queue filled, up to the file's end. */
  #play(): void {
    const { samples } = this.#parts
    const line = this.#line
    if (samples === null || line === null || this.#playedSamples >= samples.length) return
    const room = QUEUE_SAMPLES - line.queuedSamples()
    if (room < QUEUE_SAMPLES / 2) return
    const next = samples.subarray(this.#playedSamples, this.#playedSamples + room)
    if (!line.play(ITEM, encodeG711(next, line.codec))) return
    this.#playedSamples += next.length
    if (this.#playedSamples >= samples.length) line.end(ITEM)
  }
}
