import type { TrunkId } from '../../lib/core/ids.ts'
import type { TrunkGroup } from '../../lib/route/outbound.ts'
import { isCanaryDue, isRefusing } from '../../lib/trunk/health.ts'
import { type Candidate, type Choice, selectTrunks } from '../../lib/trunk/selection.ts'
import { NO_SPREAD, type Spread } from '../../lib/trunk/spread.ts'
import type { CanaryPlaces } from './canary-places.ts'
import type { TrunkHealth } from './trunk-health.ts'
import { TrunkPlan } from './trunk-plan.ts'

type Health = Pick<TrunkHealth, 'health' | 'feed'>
type Places = Pick<CanaryPlaces, 'isTaken' | 'take'>

/** Which trunks a call of ours tries, by their health and what the fleet says of them. */
export class TrunkChoice {
  readonly #health: Health
  readonly #places: Places
  /** Whose turn it is, by group. */
  readonly #spreads = new Map<string, Spread>()

  constructor(health: Health, places: Places) {
    this.#health = health
    this.#places = places
  }

  /**
   * Of these trunks of a group, those that are tried, in order. Where the call is to be a canary, the fleet is asked for its
   * place, for a quarter of a second at most. Never rejects.
   */
  async choose(group: TrunkGroup, trunks: readonly TrunkId[]): Promise<TrunkPlan> {
    const refused = new Set<TrunkId>()
    for (;;) {
      const order = this.#select(group, trunks, refused)
      const [first] = order
      if (first?.role !== 'canary') return new TrunkPlan(this.#health, order, null)
      // Of this node it is taken at once: no other call asks for it meanwhile.
      this.#health.feed(first.trunk, { kind: 'canary' })
      const place = await this.#places.take(first.trunk)
      if (place !== null) return new TrunkPlan(this.#health, order, place)
      this.#health.feed(first.trunk, { kind: 'attempt', outcome: 'nothing', number: '', tookMs: 0, canary: true })
      refused.add(first.trunk)
    }
  }

  #select(group: TrunkGroup, trunks: readonly TrunkId[], refused: ReadonlySet<TrunkId>): readonly Choice[] {
    const candidates = trunks.flatMap((id) => this.#candidate(id, group, refused) ?? [])
    const spread = this.#spreads.get(group.name) ?? NO_SPREAD
    const selection = selectTrunks({ mode: group.mode, trunks: candidates }, spread)
    this.#spreads.set(group.name, selection.spread)
    return selection.order
  }

  #candidate(id: TrunkId, { weights }: TrunkGroup, refused: ReadonlySet<TrunkId>): Candidate | null {
    const health = this.#health.health(id)
    if (health === null) return null
    const { state, config, honoured } = health
    return {
      id,
      state: honoured.state,
      byOperator: honoured.channel === 'operator',
      refusing: isRefusing(state),
      canaryDue: isCanaryDue(state, config) && !refused.has(id) && !this.#places.isTaken(id),
      weight: weights.get(id) ?? 1,
    }
  }
}
