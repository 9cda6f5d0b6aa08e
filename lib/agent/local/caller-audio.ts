import { FRAME_SAMPLES } from '../../media/g711.ts'
import { bytesPerMs, Decoder } from './audio-format.ts'
import type { AudioFormat } from './session-config.ts'
import { FRAME_MS, QUIET, stepTurn, type TurnEvent, type TurnSettings, type TurnState } from './turn-detection.ts'

/** Says whether 20 ms of 8000 Hz hold a voice; one instance listens to one caller. */
export type VoiceDetector = (frame: Int16Array) => boolean

/** What was committed: its length, and how much of it was a voice. */
export interface Committed {
  readonly audioMs: number
  readonly speechMs: number
}

/** Full scale of 16-bit samples: 0 dBov (RFC 6464 §3). */
const OVERLOAD = 32_768

/**
 * The input audio buffer. Time is what was appended, bytes divided by the format's rate, and nothing else. The sound itself is
 * listened to frame by frame and never kept, so a client may append for hours.
 */
export class CallerAudio {
  readonly #detector: VoiceDetector
  readonly #frame = new Int16Array(FRAME_SAMPLES)
  #filled = 0
  #format: AudioFormat
  #decoder: Decoder
  /** Whole milliseconds heard in formats of before, and bytes in the present one. */
  #earlierMs = 0
  #bytes = 0
  #bufferStartMs = 0
  #turn: TurnState = QUIET
  #firstVoicedMs: number | undefined
  #lastVoicedMs = 0

  constructor(format: AudioFormat, detector: VoiceDetector) {
    this.#format = format
    this.#decoder = new Decoder(format)
    this.#detector = detector
  }

  /** Milliseconds appended since the session began. */
  get positionMs(): number {
    return this.#earlierMs + this.#bytes / bytesPerMs(this.#format)
  }

  /** Milliseconds appended since the last commit or clear. */
  get bufferedMs(): number {
    return this.positionMs - this.#bufferStartMs
  }

  /** Changes the format of what is appended from now on; the clock goes on. */
  setFormat(format: AudioFormat): void {
    if (format.type === this.#format.type) return
    this.#earlierMs = this.positionMs
    this.#bytes = 0
    this.#format = format
    this.#decoder = new Decoder(format)
  }

  /** Listens to appended bytes, frame by frame; `onTurn` is told of each turn that begins or ends within them, in order. */
  append(audio: Uint8Array, settings: TurnSettings, onTurn: (event: TurnEvent) => void): void {
    for (let i = 0; i < audio.length; i++) {
      const sample = this.#decoder.push(audio[i] ?? 0)
      this.#bytes++
      if (sample === undefined) continue
      this.#frame[this.#filled++] = sample
      if (this.#filled === FRAME_SAMPLES) {
        this.#filled = 0
        this.#judge(settings, onTurn)
      }
    }
  }

  /** Ends the buffer here, also in the middle of a turn, and begins an empty one. */
  commit(): Committed {
    const audioMs = Math.floor(this.bufferedMs)
    const speechMs = this.#firstVoicedMs === undefined ? 0 : this.#lastVoicedMs - this.#firstVoicedMs
    this.clear()
    return { audioMs, speechMs }
  }

  clear(): void {
    this.#bufferStartMs = this.positionMs
    this.#turn = QUIET
    this.#firstVoicedMs = undefined
  }

  #judge(settings: TurnSettings, onTurn: (event: TurnEvent) => void): void {
    // The detector hears every frame, also quiet ones: it learns the line's noise from them.
    const voice = this.#detector(this.#frame)
    const voiced = voice && levelDbov(this.#frame) >= settings.floorDbov
    const endMs = Math.floor(this.positionMs)
    if (voiced) {
      this.#firstVoicedMs ??= endMs - FRAME_MS
      this.#lastVoicedMs = endMs
    }
    const step = stepTurn(this.#turn, voiced, endMs, settings)
    this.#turn = step.state
    if (step.event !== undefined) onTurn(step.event)
  }
}

function levelDbov(frame: Int16Array): number {
  let energy = 0
  for (let i = 0; i < frame.length; i++) energy += (frame[i] ?? 0) ** 2
  return energy === 0 ? -127 : 10 * Math.log10(energy / frame.length / OVERLOAD ** 2)
}
