import type { G711, Line, PlayedItem, PressOutcome, Talker } from '../../app/media/talker.ts'
import { BlockPool } from '../../lib/media/block-pool.ts'
import { FRAME_MS, FRAME_SAMPLES, SILENCE } from '../../lib/media/g711.ts'
import { Playout } from '../../lib/media/playout.ts'

/** A line with the real playout queue and a clock that a test turns by hand: nothing is played until it says so. */
export class FakeLine implements Line {
  codec: G711
  /** While set, the queue takes nothing more. */
  full = false
  pressed = ''
  readonly recorded: boolean[] = []
  readonly #playout = new Playout(new BlockPool(4096, 8))
  #sentSamples = 0
  #flushes = 0

  constructor(codec: G711 = 'PCMU') {
    this.codec = codec
  }

  /** Samples of agent audio that went to the far end. */
  get sentSamples(): number {
    return this.#sentSamples
  }

  get flushes(): number {
    return this.#flushes
  }

  play(itemId: string, audio: Uint8Array): boolean {
    return !this.full && this.#playout.play(itemId, audio)
  }

  end(itemId: string): void {
    this.#playout.end(itemId)
  }

  flush(): readonly PlayedItem[] {
    this.#flushes += 1
    return this.#playout.flush()
  }

  queuedSamples(): number {
    return this.#playout.queuedSamples
  }

  press(digits: string): PressOutcome {
    this.pressed += digits
    return 'pressed'
  }

  record(wanted: boolean): boolean {
    this.recorded.push(wanted)
    return true
  }

  /** Lets `ms` of packet time pass, and tells the talker what was played to its end. */
  advance(ms: number, talker: Pick<Talker, 'onPlayed'>): void {
    const frame = new Uint8Array(FRAME_SAMPLES)
    for (let passedMs = 0; passedMs < ms; passedMs += FRAME_MS) {
      if (this.#playout.next(frame, SILENCE[this.codec])) this.#sentSamples += FRAME_SAMPLES
      for (const itemId of this.#playout.takePlayed()) talker.onPlayed(itemId)
    }
  }

  /** Plays all that is queued. */
  drain(talker: Pick<Talker, 'onPlayed'>): void {
    this.advance((this.queuedSamples() / FRAME_SAMPLES + 1) * FRAME_MS + FRAME_MS, talker)
  }
}
