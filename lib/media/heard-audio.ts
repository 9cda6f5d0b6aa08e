/**
 * What was handed over to be played later: taken back piece by piece as it is heard, so that what barge-in throws away is never taken.
 * Positions are samples of all that was handed over.
 */
export class HeardAudio {
  #waiting: Uint8Array[] = []
  #taken = 0

  /** Audio that was handed over after what came before; it is copied. */
  push(audio: Uint8Array): void {
    this.#waiting.push(Uint8Array.from(audio))
  }

  /** Gives out what has been heard since the last call, up to this position. */
  take(heard: number, sink: (audio: Uint8Array) => void): void {
    for (let [next] = this.#waiting; next !== undefined && this.#taken < heard; [next] = this.#waiting) {
      const count = Math.min(next.length, heard - this.#taken)
      sink(next.subarray(0, count))
      this.#taken += count
      if (count === next.length) this.#waiting.shift()
      else this.#waiting[0] = next.subarray(count)
    }
  }

  /** Nothing of the rest will be heard; what comes next begins at this position. */
  drop(position: number): void {
    this.#waiting = []
    this.#taken = position
  }
}
