import type { TrunkId } from '../core/ids.ts'
import { NO_SPREAD, nextInTurn, type Spread } from './spread.ts'
import type { TrunkState } from './state.ts'

/** A trunk of a group, as a call that is about to be placed sees it. */
export interface Candidate {
  readonly id: TrunkId
  /** What it is good for on this node, the fleet's verdict included (`honouredState`). */
  readonly state: TrunkState
  /** The state is an operator's decision. */
  readonly byOperator: boolean
  /** Out only because it asked for a pause (`isRefusing`). */
  readonly refusing: boolean
  /** It may be tried with this call as its canary (`isCanaryDue`, and the fleet's one place is free). */
  readonly canaryDue: boolean
  /** Its share where the group is active-active. */
  readonly weight: number
}

export interface SelectionGroup {
  readonly mode: 'warm-standby' | 'active-active'
  /** In the order of priority. A trunk that is at its limit is left out by the caller. */
  readonly trunks: readonly Candidate[]
}

/** A trunk to try, and in what quality. A `canary` is reported to its health before it is tried, and with its outcome. */
export interface Choice {
  readonly trunk: TrunkId
  readonly role: 'regular' | 'canary' | 'lastResort'
}

export interface Selection {
  /** To be tried in this order; empty where operators have taken out every trunk. */
  readonly order: readonly Choice[]
  /** To be given to the selection of the group's next call. */
  readonly spread: Spread
}

/**
 * The trunks that a call of the group tries, in order:
 * - one whose canary is due, so that it comes back; the others follow, and the caller loses nothing by it;
 * - the active ones: by priority, or in active-active in turn by weight;
 * - those that only asked for a pause, then those on standby, for when no active one is left. Retry-After thus never
 *   takes out the last usable trunk;
 * - where there is no active one at all, those that failed by evidence, rather than refuse the call. One that an
 *   operator has failed is never tried.
 */
export function selectTrunks(group: SelectionGroup, spread: Spread = NO_SPREAD): Selection {
  const { trunks } = group
  const canary = trunks.find(({ state, byOperator, canaryDue }) => canaryDue && state === 'failed' && !byOperator)
  const active = trunks.filter(({ state }) => state === 'active')
  const refusing = trunks.filter(({ state, refusing }) => state === 'standby' && refusing)
  const standby = trunks.filter(({ state, refusing }) => state === 'standby' && !refusing)
  const failed = active.length > 0 ? [] : trunks.filter((trunk) => trunk.state === 'failed' && !trunk.byOperator)

  const tiers = [active, refusing, standby, failed.filter((trunk) => trunk !== canary)]
  const first = tiers.find((tier) => tier.length > 0)
  const turn = group.mode === 'active-active' && first !== undefined ? nextInTurn(spread, first) : undefined
  const ordered = tiers.flatMap((tier) => orderTier(tier, group.mode, tier === first ? turn?.chosen : undefined))
  const order: Choice[] = ordered.map(({ id, state }) => ({
    trunk: id,
    role: state === 'failed' ? 'lastResort' : 'regular',
  }))
  // A canary call is nobody's turn: the next call takes it.
  if (canary !== undefined) return { order: [{ trunk: canary.id, role: 'canary' }, ...order], spread }
  return { order, spread: turn?.spread ?? spread }
}

/** A tier by priority; in active-active whose turn it is, then by weight. */
function orderTier(
  tier: readonly Candidate[],
  mode: SelectionGroup['mode'],
  chosen: Candidate | undefined,
): readonly Candidate[] {
  if (mode === 'warm-standby') return tier
  const rest = tier.filter((trunk) => trunk !== chosen).toSorted((a, b) => b.weight - a.weight)
  return chosen === undefined ? rest : [chosen, ...rest]
}
