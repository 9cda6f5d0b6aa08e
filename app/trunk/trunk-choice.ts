import type { TrunkId } from '../../lib/core/ids.ts'
import type { TrunkGroup } from '../../lib/route/outbound.ts'
import { isCanaryDue, isRefusing } from '../../lib/trunk/health.ts'
import { type Candidate, type Choice, selectTrunks } from '../../lib/trunk/selection.ts'
import { NO_SPREAD, type Spread } from '../../lib/trunk/spread.ts'
import type { AttemptReport } from '../signaling/hunt.ts'
import type { TrunkHealth } from './trunk-health.ts'

/** Which trunks a call of ours tries, by their health; and what its attempts say of that health. */
export class TrunkChoice {
  readonly #health: TrunkHealth
  /** Whose turn it is, by group. */
  readonly #spreads = new Map<string, Spread>()

  constructor(health: TrunkHealth) {
    this.#health = health
  }

  /** Of these trunks of a group, those that are tried, in order; the place of a canary is taken by that. */
  choose(group: TrunkGroup, trunks: readonly TrunkId[]): readonly Choice[] {
    const candidates = trunks.flatMap((id) => this.#candidate(id, group) ?? [])
    const spread = this.#spreads.get(group.name) ?? NO_SPREAD
    const selection = selectTrunks({ mode: group.mode, trunks: candidates }, spread)
    this.#spreads.set(group.name, selection.spread)
    const [first] = selection.order
    if (first?.role === 'canary') this.#health.feed(first.trunk, { kind: 'canary' })
    return selection.order
  }

  /** An attempt has ended. `number` is what was dialled. */
  onAttempt(
    { trunk, probed, verdict, tookMs, retryAfterMs }: AttemptReport,
    number: string,
    role: Choice['role'],
  ): void {
    this.#health.feed(trunk, {
      kind: 'attempt',
      outcome: verdict.countsAs,
      number,
      tookMs,
      canary: role === 'canary',
    })
    if (probed !== null && retryAfterMs !== null) {
      this.#health.feed(trunk, { kind: 'refused', target: probed, retryAfterMs })
    }
  }

  #candidate(id: TrunkId, { weights }: TrunkGroup): Candidate | null {
    const health = this.#health.health(id)
    if (health === null) return null
    const { state, config, honoured } = health
    return {
      id,
      state: honoured.state,
      byOperator: honoured.channel === 'operator',
      refusing: isRefusing(state),
      canaryDue: isCanaryDue(state, config),
      weight: weights.get(id) ?? 1,
    }
  }
}
