import { type G711Law, SAMPLES_PER_MS, toLinearTable } from './g711.ts'
import { isAudible } from './level.ts'

/** Left and right of a recording. */
export type Voice = 'caller' | 'agent'

/** What is given out at once: a second. */
export const BLOCK_SAMPLES = 8_000
/** How long a voice may be late before the block goes out without it. */
const LATE_SAMPLES = 4_000
/** How far a voice may run ahead of the clock, as audio that waited for a busy thread comes at once. */
const AHEAD_SAMPLES = 12_000
const CAPACITY = BLOCK_SAMPLES + LATE_SAMPLES + AHEAD_SAMPLES
/** Audio that comes so much after the end of what came before goes on there; after a longer gap there was silence. */
const GAP_SAMPLES = 800

const CHANNEL = { caller: 0, agent: 1 } as const

/**
 * Brings what two sides said on one clock, as 16-bit stereo at 8000 Hz: the caller left, the agent right. Each side's audio comes when it
 * was heard, a little late, early or in lumps, and only while there is any; between lies silence.
 */
export class TwoVoices {
  readonly #startAtMs: number
  readonly #sink: (block: Int16Array) => void
  readonly #ring = new Int16Array(2 * CAPACITY)
  /** Samples that have been given out. */
  #given = 0
  /** After the last sample of each side. */
  readonly #ends = { caller: 0, agent: 0 }

  /** `sink` gets interleaved samples, `BLOCK_SAMPLES` of each side and the rest at the end; they are valid during the call. */
  constructor(startAtMs: number, sink: (block: Int16Array) => void) {
    this.#startAtMs = startAtMs
    this.#sink = sink
  }

  /**
   * Audio of one side that ends now. What is too late or too far ahead is left out; a side that has run ahead, as silence was put where
   * audio came late, waits for the clock at its next silence.
   */
  add(voice: Voice, audio: Uint8Array, law: G711Law, nowMs: number): void {
    if (this.#ends[voice] > this.#at(nowMs) && !isAudible(audio, law)) return
    const due = this.#at(nowMs) - audio.length
    const begin = due - this.#ends[voice] > GAP_SAMPLES ? due : this.#ends[voice]
    const end = Math.min(begin + audio.length, this.#given + CAPACITY)
    const table = toLinearTable(law)
    for (let at = Math.max(begin, this.#given); at < end; at++) {
      this.#ring[2 * (at % CAPACITY) + CHANNEL[voice]] = table[audio[at - begin] ?? 0] ?? 0
    }
    this.#ends[voice] = Math.max(this.#ends[voice], end)
  }

  /** Gives out what nothing can be added to any more. */
  advance(nowMs: number): void {
    while (this.#at(nowMs) - LATE_SAMPLES - this.#given >= BLOCK_SAMPLES) this.#give(BLOCK_SAMPLES)
  }

  /** The call is over: gives out the rest. */
  end(nowMs: number): void {
    this.advance(nowMs)
    const end = Math.min(this.#at(nowMs), Math.max(this.#ends.caller, this.#ends.agent))
    while (this.#given < end) this.#give(Math.min(BLOCK_SAMPLES, end - this.#given))
  }

  #at(nowMs: number): number {
    return Math.max(0, Math.floor((nowMs - this.#startAtMs) * SAMPLES_PER_MS))
  }

  #give(samples: number): void {
    const block = new Int16Array(2 * samples)
    for (let i = 0; i < samples; i++) {
      const from = 2 * ((this.#given + i) % CAPACITY)
      block[2 * i] = this.#ring[from] ?? 0
      block[2 * i + 1] = this.#ring[from + 1] ?? 0
      this.#ring[from] = 0
      this.#ring[from + 1] = 0
    }
    this.#given += samples
    this.#sink(block)
  }
}
