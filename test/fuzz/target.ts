import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../helpers/root.ts'

/** Something that takes bytes of strangers. */
export interface Target {
  readonly name: string
  /** What mutations begin with. */
  readonly corpus: readonly Buffer[]
  /** Words of the format, to be put in anywhere. */
  readonly words: readonly string[]
  /** Longest time for one input, in ms. */
  readonly limitMs: number
  /** Throws where the product does not hold what it promises. */
  readonly check: (input: Buffer) => void
}

/** What a stranger's packet may cost at most: inputs have up to 80 KB, and who sends many takes the server down by it. */
export const STRANGERS_MS = 100

/** What a file or frame of our own side may cost. */
export const OWN_MS = 2_000

/** Where all seeds are kept. */
const SEEDS = join(ROOT, 'test/fuzz/seeds')

/** Where inputs are kept that were findings once, as `TARGET-DIGEST`: no run begins without them. */
export const FOUND = join(SEEDS, 'found')

/** The inputs kept in a folder of test/fuzz/seeds. */
export function seedsOf(folder: string): Buffer[] {
  const path = join(SEEDS, folder)
  return readdirSync(path)
    .sort()
    .map((name) => readFileSync(join(path, name)))
}

/** The inputs that were findings of a target. */
export function foundOf(target: string): Buffer[] {
  if (!existsSync(FOUND)) return []
  return readdirSync(FOUND)
    .filter((name) => name.slice(0, name.lastIndexOf('-')) === target)
    .sort()
    .map((name) => readFileSync(join(FOUND, name)))
}
