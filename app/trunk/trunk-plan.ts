import type { TrunkId } from '../../lib/core/ids.ts'
import type { Choice } from '../../lib/trunk/selection.ts'
import type { AttemptReport } from '../signaling/hunt.ts'
import type { CanaryPlace } from './canary-places.ts'
import type { TrunkHealth } from './trunk-health.ts'

/** The trunks that one call tries, and what its attempts say of their health. To be ended with the call. */
export class TrunkPlan {
  /** To be tried in this order. */
  readonly order: readonly Choice[]
  readonly #health: Pick<TrunkHealth, 'feed'>
  /** The trunk that the call is the canary of. */
  readonly #canary: TrunkId | null
  /** Null: there is none, or it has been left. */
  #place: CanaryPlace | null

  /** `place`: that of the canary, where the first trunk is tried by one. */
  constructor(health: Pick<TrunkHealth, 'feed'>, order: readonly Choice[], place: CanaryPlace | null) {
    this.order = order
    this.#health = health
    this.#place = place
    this.#canary = place === null ? null : (order[0]?.trunk ?? null)
  }

  /** An attempt has ended. `number` is what was dialled. */
  onAttempt({ trunk, probed, verdict, tookMs, retryAfterMs }: AttemptReport, number: string): void {
    const canary = trunk === this.#canary
    const outcome = verdict.countsAs
    this.#health.feed(trunk, { kind: 'attempt', outcome, number, tookMs, canary })
    if (probed !== null && retryAfterMs !== null) {
      this.#health.feed(trunk, { kind: 'refused', target: probed, retryAfterMs })
    }
    // An outcome that says nothing may be followed by another attempt on the trunk: with the other offer, say.
    if (!canary) this.end()
    else if (outcome !== 'nothing' && outcome !== 'account') this.#leave()
  }

  /** The call is over, or has gone on to other trunks: a canary that came to nothing gives its place back. */
  end(): void {
    if (this.#place === null || this.#canary === null) return
    this.#health.feed(this.#canary, { kind: 'attempt', outcome: 'nothing', number: '', tookMs: 0, canary: true })
    this.#leave()
  }

  #leave(): void {
    this.#place?.leave()
    this.#place = null
  }
}
