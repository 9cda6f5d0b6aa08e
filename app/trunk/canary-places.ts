import { randomUUID } from 'node:crypto'
import type { NodeId, TrunkId } from '../../lib/core/ids.ts'
import type { SharedState } from '../fleet/shared-state.ts'

/** What is asked of the shared state. */
export type SharedClaims = Pick<SharedState, 'claim' | 'release' | 'onState'>

export interface CanaryPlacesOptions {
  readonly self: NodeId
  readonly shared: SharedClaims
  /** A holder that has not been heard of for so long has lost its place. */
  readonly ttlMs: number
  /** How often a place is kept. */
  readonly keepEveryMs: number
}

/** The fleet's one place for a canary on a trunk, until it is left. */
export interface CanaryPlace {
  leave(): void
}

const PREFIX = 'canary:'
/** A call waits no longer for the answer of the shared state: it goes without being the canary. */
const ANSWER_MS = 250
/** After another node was found to have the place it is not asked for again for so long. */
const PAUSE_MS = 1_000

/**
 * One canary at a time on each trunk in the whole fleet: its place is claimed in the shared state, kept while the canary is
 * under way, and left at its end. A node that dies loses its places soon, and one that was away too long frees nobody
 * else's. While the shared state is away each node goes on alone. Two canaries at once, after a failover of the
 * shared state, do no harm.
 */
export class CanaryPlaces {
  readonly #options: CanaryPlacesOptions
  readonly #stop: () => void
  readonly #takenUntilMs = new Map<TrunkId, number>()
  readonly #held = new Set<CanaryPlace>()
  #isAway = false

  constructor(options: CanaryPlacesOptions) {
    this.#options = options
    this.#stop = options.shared.onState(({ state }) => {
      this.#isAway = state === 'down'
    })
  }

  /** Whether another node had the place a moment ago. */
  isTaken(trunk: TrunkId): boolean {
    return (this.#takenUntilMs.get(trunk) ?? 0) > performance.now()
  }

  /** Null where another node has the place, or the shared state does not say in time. Never rejects. */
  async take(trunk: TrunkId): Promise<CanaryPlace | null> {
    const { self, shared, ttlMs } = this.#options
    const key = PREFIX + trunk
    const holder = `${self} ${randomUUID()}`
    // Away: nobody can be asked, and nobody else asks.
    const claimed = this.#isAway ? Promise.resolve(true) : shared.claim(key, holder, ttlMs).catch(() => true)
    if (await inTime(claimed)) {
      this.#takenUntilMs.delete(trunk)
      return this.#hold(key, holder)
    }
    this.#takenUntilMs.set(trunk, performance.now() + PAUSE_MS)
    // What was got too late is given back.
    void claimed.then(() => shared.release(key, holder)).catch(() => undefined)
    return null
  }

  /** Leaves every place. */
  close(): void {
    this.#stop()
    for (const place of [...this.#held]) place.leave()
  }

  #hold(key: string, holder: string): CanaryPlace {
    const { shared, ttlMs, keepEveryMs } = this.#options
    // Lost, or the shared state is away: the canary is under way all the same, and its outcome is this node's evidence.
    const keep = (): void => void shared.claim(key, holder, ttlMs).catch(() => undefined)
    const timer = setInterval(keep, keepEveryMs).unref()
    const place: CanaryPlace = {
      leave: () => {
        if (!this.#held.delete(place)) return
        clearInterval(timer)
        void shared.release(key, holder).catch(() => undefined)
      },
    }
    this.#held.add(place)
    return place
  }
}

/** False where it is late. */
async function inTime(claimed: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ANSWER_MS)
  })
  const answer = await Promise.race([claimed, late])
  clearTimeout(timer)
  return answer
}
