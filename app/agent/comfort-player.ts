import { type Comfort, NO_COMFORT, stepComfort } from '../../lib/agent/comfort.ts'
import { COMFORT_SOUND } from '../../lib/media/comfort-sound.ts'
import { FRAME_SAMPLES, SAMPLES_PER_MS } from '../../lib/media/g711.ts'
import type { Line } from '../media/talker.ts'

/** Frames kept ahead of the packet clock: what the agent says first waits no longer than this behind them. */
const AHEAD_FRAMES = 2

/** Plays the comfort sound on a line, a frame ahead of the clock, from where it was last left. */
export class ComfortPlayer {
  #comfort: Comfort = NO_COMFORT
  #at = 0
  #pieces = 0

  /** To be called for each frame of the packet clock. @param afterMs how long the line may have nothing to say before it begins; null: for ever */
  tick(line: Line, afterMs: number | null, nowMs: number): void {
    const queued = line.queuedSamples()
    this.#comfort = stepComfort(this.#comfort, afterMs, queued / SAMPLES_PER_MS, nowMs)
    if (!this.#comfort.sounding || queued >= AHEAD_FRAMES * FRAME_SAMPLES) return
    const sound = COMFORT_SOUND[line.codec]
    for (let i = 0; i < AHEAD_FRAMES; i++) {
      // Each piece is an item of its own and over at once, so that the agent's words follow without a gap.
      const itemId = `comfort-${this.#pieces++}`
      line.play(itemId, sound.slice(this.#at, this.#at + FRAME_SAMPLES))
      line.end(itemId)
      this.#at = (this.#at + FRAME_SAMPLES) % sound.length
    }
  }
}
