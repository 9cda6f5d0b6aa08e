import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Finding, inputOf, tryInput } from './campaign.ts'
import { TARGETS } from './targets/all.ts'

/** What the main thread asks for. */
export interface Order {
  readonly seed: number
  readonly targets: readonly string[]
  readonly untilMs: number
  /** `[index of the target, number of the case, cases so far]`, for whoever watches. */
  readonly progress: SharedArrayBuffer
}

/** What comes back: one for each finding, and one at the end. */
export type News =
  | {
      readonly kind: 'finding'
      readonly target: string
      readonly number: number
      readonly what: string
      readonly input: Uint8Array
      readonly digest: string
    }
  | { readonly kind: 'end'; readonly cases: Readonly<Record<string, number>> }

/** How long one target has its turn. */
const TURN_MS = 200

/** Between two turns the thread listens to its parent. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function work({ seed, targets, untilMs, progress }: Order, tell: (news: News) => void): Promise<void> {
  const shared = new Int32Array(progress)
  const chosen = TARGETS.filter(({ name }) => targets.includes(name))
  const cases = new Map(chosen.map(({ name }) => [name, 0]))
  while (Date.now() < untilMs) {
    for (const target of chosen) {
      Atomics.store(shared, 0, TARGETS.indexOf(target))
      let number = cases.get(target.name) ?? 0
      for (const turnMs = Date.now() + TURN_MS; Date.now() < turnMs; number++) {
        Atomics.store(shared, 1, number)
        Atomics.add(shared, 2, 1)
        try {
          tryInput(target, inputOf(target, seed, number))
        } catch (error) {
          if (!(error instanceof Finding)) throw error
          const { input, digest, message: what } = error
          tell({ kind: 'finding', target: target.name, number, what, input, digest })
        }
      }
      cases.set(target.name, number)
      await breathe()
    }
  }
  tell({ kind: 'end', cases: Object.fromEntries(cases) })
}

if (!isMainThread) await work(workerData, (news) => parentPort?.postMessage(news))
