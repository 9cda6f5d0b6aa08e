import { FRAME_MS, FRAME_SAMPLES, type G711Law, transcode, transcodingTable } from '../../lib/media/g711.ts'

/** Longest stretch of the caller's audio that is kept: what a server that was lost has not answered, and what is said until the next one listens. */
const KEPT_MS = 15_000
const KEPT_FRAMES = KEPT_MS / FRAME_MS

/** The last seconds of a caller's audio, as the leg speaks it. */
export class RecentAudio {
  readonly #frames = new Uint8Array(KEPT_FRAMES * FRAME_SAMPLES)
  /** When each frame was heard: after a stall several come at one moment. */
  readonly #heardAtMs = new Float64Array(KEPT_FRAMES)
  #law: G711Law = 'PCMU'
  #count = 0

  /** Adds one frame of 20 ms, heard at `nowMs` (monotonic). */
  add(frame: Uint8Array, law: G711Law, nowMs: number): void {
    const table = transcodingTable(this.#law, law)
    if (table !== null) transcode(this.#frames, table)
    this.#law = law
    const place = this.#count % KEPT_FRAMES
    this.#frames.set(frame.subarray(0, FRAME_SAMPLES), place * FRAME_SAMPLES)
    this.#heardAtMs[place] = nowMs
    this.#count++
  }

  /** What was heard from a moment on, as far as it is kept; a copy, in the law of the last frame. */
  since(fromMs: number): Uint8Array {
    const oldest = Math.max(0, this.#count - KEPT_FRAMES)
    let from = this.#count
    while (from > oldest && (this.#heardAtMs[(from - 1) % KEPT_FRAMES] ?? 0) >= fromMs) from--
    const audio = new Uint8Array((this.#count - from) * FRAME_SAMPLES)
    for (let at = from; at < this.#count; at++) {
      const start = (at % KEPT_FRAMES) * FRAME_SAMPLES
      audio.set(this.#frames.subarray(start, start + FRAME_SAMPLES), (at - from) * FRAME_SAMPLES)
    }
    return audio
  }
}
