import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Finding } from '../finding.ts'
import { World } from './sequence.ts'

/** Sequences that one server lives through. */
const BATCH = 500

/** When the heap of a batch is weighed for the first time. The first batch is not weighed: its code is still being compiled. */
const WARM = 100

/** How much heavier the heap may be at the end of a batch, after some 20 000 messages. */
const MAX_GROWTH_BYTES = 4_000_000

export const WORLD = 'world'

/** Plays sequence after sequence in one server, and begins with a new one after each batch and each finding. */
export class WorldCampaign {
  readonly #seed: number
  #world: World | undefined
  #warmBytes = 0
  /** Messages that went in and out. */
  messages = 0
  /** The most that the heap has grown by in a batch. */
  growthBytes = Number.NEGATIVE_INFINITY

  constructor(seed: number) {
    this.#seed = seed
  }

  /** Plays one sequence; they have to be asked for in order. Throws a `Finding`. */
  async play(number: number): Promise<void> {
    if (number % BATCH === 0) await this.close()
    this.#world ??= await World.open()
    const before = this.#world.messages
    try {
      await this.#world.play(this.#seed, number)
      if (number > BATCH && number % BATCH === WARM) this.#warmBytes = heapBytes()
      if (number % BATCH === BATCH - 1) this.#judgeGrowth(heapBytes() - this.#warmBytes)
    } catch (cause) {
      const world = this.#world
      this.#world = undefined
      await world.close()
      throw new Finding(WORLD, Buffer.alloc(0), cause instanceof Error ? cause.message : String(cause), cause)
    }
    this.messages += this.#world.messages - before
  }

  /** Plays a sequence as it was played in its run: after all that went before it in its batch. */
  async replay(number: number): Promise<void> {
    for (let at = number - (number % BATCH); at <= number; at++) await this.play(at)
  }

  async close(): Promise<void> {
    await this.#world?.close()
    this.#world = undefined
    this.#warmBytes = 0
  }

  #judgeGrowth(bytes: number): void {
    if (this.#warmBytes === 0) return
    this.growthBytes = Math.max(this.growthBytes, bytes)
    if (bytes > MAX_GROWTH_BYTES) throw new Error(`the heap has grown by ${bytes} bytes`)
  }
}

/** What is in use after all garbage is gone. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  return process.memoryUsage().heapUsed
}
