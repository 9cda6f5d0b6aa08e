import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { inputOf, tryInput } from './campaign.ts'
import { Finding } from './finding.ts'
import { foundOf } from './target.ts'
import { TARGETS } from './targets/all.ts'
import { WORLDS, WorldCampaign } from './world/campaign.ts'

/** What the main thread asks for. */
export interface Order {
  readonly seed: number
  readonly targets: readonly string[]
  readonly untilMs: number
  /** `[place of the target in `targets`, number of the case, cases so far]`, for whoever watches. */
  readonly progress: SharedArrayBuffer
}

/** What comes back: one for each finding, and one at the end. */
export type News =
  | {
      readonly kind: 'finding'
      readonly target: string
      readonly number: number
      readonly what: string
      readonly stack: string
      readonly input: Uint8Array
      readonly digest: string
    }
  | {
      readonly kind: 'end'
      readonly cases: Readonly<Record<string, number>>
      readonly worlds: readonly { readonly name: string; readonly messages: number; readonly growthBytes: number }[]
    }

/** How long one target has its turn; the whole server has the longest, as it is the slowest. */
const TURN_MS = 200
const WORLD_TURN_MS = 1_500

/** Between two turns the thread listens to its parent. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function work({ seed, targets, untilMs, progress }: Order, tell: (news: News) => void): Promise<void> {
  const shared = new Int32Array(progress)
  const worlds = new Map(targets.filter((name) => name in WORLDS).map((name) => [name, new WorldCampaign(name, seed)]))
  const cases = new Map(targets.map((name) => [name, 0]))
  const tellOf = (error: unknown, number: number): void => {
    if (!(error instanceof Finding)) throw error
    const { input, digest, message: what, target, cause } = error
    const stack = cause instanceof Error ? (cause.stack ?? '') : ''
    tell({ kind: 'finding', target, number, what, stack, input, digest })
  }
  for (const target of TARGETS.filter(({ name }) => targets.includes(name))) {
    for (const input of [...target.corpus, ...foundOf(target.name)]) {
      try {
        tryInput(target, input)
      } catch (error) {
        tellOf(error, -1)
      }
    }
  }
  while (Date.now() < untilMs) {
    for (const [place, name] of targets.entries()) {
      Atomics.store(shared, 0, place)
      const target = TARGETS.find((one) => one.name === name)
      const world = worlds.get(name)
      let number = cases.get(name) ?? 0
      for (const turnMs = Date.now() + (world ? WORLD_TURN_MS : TURN_MS); Date.now() < turnMs; number++) {
        Atomics.store(shared, 1, number)
        Atomics.add(shared, 2, 1)
        try {
          if (world !== undefined) await world.play(number)
          else if (target !== undefined) tryInput(target, inputOf(target, seed, number))
        } catch (error) {
          tellOf(error, number)
        }
      }
      cases.set(name, number)
      await breathe()
    }
  }
  for (const world of worlds.values()) await world.close()
  const played = [...worlds].map(([name, { messages, growthBytes }]) => ({ name, messages, growthBytes }))
  tell({ kind: 'end', cases: Object.fromEntries(cases), worlds: played })
}

/** All that a run can try. */
export const NAMES: readonly string[] = [...Object.keys(WORLDS), ...TARGETS.map(({ name }) => name)]

if (!isMainThread) await work(workerData, (news) => parentPort?.postMessage(news))
