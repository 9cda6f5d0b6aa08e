import { Finding } from './finding.ts'
import { mutate } from './mutate.ts'
import { Prng } from './prng.ts'
import type { Target } from './target.ts'

/** An input that was too slow is tried again: the machine may have been at something else. */
const TRIES = 5

/** Case `number` of a target: the same for the same seed. */
export const inputOf = (target: Target, seed: number, number: number): Buffer =>
  mutate(target.corpus, target.words, new Prng(seed, number, target.name.length * 256 + target.name.charCodeAt(0)))

/** Runs one input. Throws a `Finding` where it is not borne, or takes too long. */
export function tryInput(target: Target, input: Buffer): void {
  let fastestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES && fastestMs > target.limitMs; i++) {
    const fromMs = performance.now()
    const fromCpu = process.cpuUsage()
    try {
      target.check(input)
    } catch (cause) {
      throw new Finding(target.name, input, cause instanceof Error ? cause.message : String(cause), cause)
    }
    // On a busy machine the clock runs on while the thread waits.
    const { user, system } = process.cpuUsage(fromCpu)
    fastestMs = Math.min(fastestMs, performance.now() - fromMs, (user + system) / 1000)
  }
  if (fastestMs <= target.limitMs) return
  throw new Finding(target.name, input, `${Math.round(fastestMs)} ms for ${input.length} bytes`)
}
