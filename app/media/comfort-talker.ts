import { ComfortPlayer } from '../agent/comfort-player.ts'
import { SilentTalker } from './silent-talker.ts'
import type { Line } from './talker.ts'

/** Nobody, but the far end is not left in silence: a soft sound says that it is still on the line. */
export class ComfortTalker extends SilentTalker {
  readonly #player = new ComfortPlayer()
  #line: Line | null = null

  override attach(line: Line): void {
    this.#line = line
  }

  override onAudio(_frame: Uint8Array, nowMs: number): void {
    if (this.#line !== null) this.#player.tick(this.#line, 0, nowMs)
  }
}
