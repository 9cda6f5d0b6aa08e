import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Finding } from '../finding.ts'
import { Prng } from '../prng.ts'
import { CallsWorld } from './calls.ts'
import { FlowsWorld } from './flows.ts'
import { ServerWorld } from './server.ts'
import type { World } from './world.ts'

/** Sequences that one server lives through. */
const BATCH = 500

/** When the heap of a batch is weighed for the first time. The first batch is not weighed: its code is still being compiled. */
const WARM = 100

/** How much heavier the heap may be at the end of a batch, after some 20 000 messages. */
const MAX_GROWTH_BYTES = 4_000_000

/** The worlds that there are. */
export const WORLDS: Readonly<Record<string, () => Promise<World>>> = {
  world: () => ServerWorld.open(),
  calls: () => CallsWorld.open(),
  flows: () => FlowsWorld.open(),
}

/** Plays sequence after sequence in one server, and begins with a new one after each batch and each finding. */
export class WorldCampaign {
  readonly #name: string
  readonly #seed: number
  #world: World | undefined
  #warmBytes = 0
  /** Messages that went in and out. */
  messages = 0
  /** The most that the heap has grown by in a batch. */
  growthBytes = Number.NEGATIVE_INFINITY

  constructor(name: string, seed: number) {
    this.#name = name
    this.#seed = seed
  }

  /** Plays one sequence; they have to be asked for in order. Throws a `Finding`. */
  async play(number: number): Promise<void> {
    if (number % BATCH === 0) await this.close()
    this.#world ??= await WORLDS[this.#name]?.()
    const world = this.#world
    if (world === undefined) throw new Error(`no world ${this.#name}`)
    const before = world.messages
    try {
      await this.#playIn(world, new Prng(this.#seed, number, 0x50_1b))
      if (number > BATCH && number % BATCH === WARM) this.#warmBytes = heapBytes()
      if (number % BATCH === BATCH - 1) this.#judgeGrowth(heapBytes() - this.#warmBytes)
    } catch (cause) {
      this.#world = undefined
      await world.close()
      throw new Finding(this.#name, Buffer.alloc(0), cause instanceof Error ? cause.message : String(cause), cause)
    }
    this.messages += world.messages - before
  }

  /** What is random in the product is so by the seed; what is thrown where nobody can catch it ends the sequence. */
  async #playIn(world: World, prng: Prng): Promise<void> {
    const { random } = Math
    Math.random = () => prng.next() / 2 ** 32
    let onUncaught: (error: unknown) => void = () => {}
    const uncaught = new Promise<never>((_, reject) => {
      onUncaught = reject
    })
    process.on('uncaughtException', onUncaught)
    try {
      await Promise.race([world.play(prng), uncaught])
    } finally {
      process.off('uncaughtException', onUncaught)
      Math.random = random
    }
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
