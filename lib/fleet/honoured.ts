import type { EffectiveState } from '../trunk/health.ts'
import { type Channel, isAtLeast, type TrunkState } from '../trunk/state.ts'
import type { FleetVerdict } from './verdict.ts'

/** The state by which a node places its own calls, and by which it judges those that come in. */
export interface HonouredState {
  readonly state: TrunkState
  /** Since when, monotonic. */
  readonly sinceAtMs: number
  readonly reason: string
  /** Who brought it about. Null: nothing has happened yet. */
  readonly channel: Channel | 'fleet' | null
}

/**
 * An operator's word, who wins over everything; else the worse of what this node has found and what the fleet says.
 * `before`: what was honoured until now; null at the start.
 */
export function honour(
  before: HonouredState | null,
  own: EffectiveState,
  fleet: FleetVerdict,
  nowMs: number,
): HonouredState {
  const { state, reason, channel } = said(before, own, fleet)
  if (before === null) return { state, reason, channel, sinceAtMs: channel === 'fleet' ? nowMs : own.sinceAtMs }
  return { state, reason, channel, sinceAtMs: state === before.state ? before.sinceAtMs : nowMs }
}

function said(
  before: HonouredState | null,
  own: EffectiveState,
  fleet: FleetVerdict,
): Pick<HonouredState, 'state' | 'reason' | 'channel'> {
  if (own.channel === 'operator') return own
  if (!isAtLeast(own.state, fleet.state)) return { state: fleet.state, reason: reasonOf(fleet), channel: 'fleet' }
  // Nothing has changed here: it was the fleet that had been against it.
  if (own.state === 'active' && before?.channel === 'fleet') {
    return { state: 'active', reason: 'the fleet has it as active again', channel: 'fleet' }
  }
  return own
}

function reasonOf({ state, votes }: FleetVerdict): string {
  const against = [...votes.values()].filter((vote) => isAtLeast(vote, state)).length
  return `${against} of ${votes.size} nodes with evidence have it as ${state}${state === 'failed' ? '' : ' or worse'}`
}
