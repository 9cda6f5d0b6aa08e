/**
 * What a trunk is good for: `active` takes calls, `standby` only where no active trunk is left,
 * `failed` none but the canary.
 */
export type TrunkState = 'active' | 'standby' | 'failed'

/** Where evidence about a trunk comes from; none of them clears what another has found. */
export type EvidenceChannel = 'probe' | 'calls' | 'media'

/** Who decided a trunk's state. */
export type Channel = 'operator' | EvidenceChannel

/** What one channel says of the trunk now, and why. */
export interface ChannelVerdict {
  readonly state: TrunkState
  readonly reason: string
}

const SEVERITY = { active: 0, standby: 1, failed: 2 } as const satisfies Record<TrunkState, number>

/** True where `state` is as bad as `than`, or worse. */
export const isAtLeast = (state: TrunkState, than: TrunkState): boolean => SEVERITY[state] >= SEVERITY[than]

/** The worst of some states; `active` of none. */
export function worstState(states: readonly TrunkState[]): TrunkState {
  return states.reduce((worst, state) => (isAtLeast(state, worst) ? state : worst), 'active')
}
