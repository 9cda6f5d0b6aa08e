import type { NodeId } from '../core/ids.ts'
import { type EvidenceChannel, isAtLeast, type TrunkState, worstState } from '../trunk/state.ts'

/** What one node says of one trunk, by channel; a channel without evidence is absent (`channelStates`). */
export interface TrunkReport {
  readonly node: NodeId
  readonly channels: Readonly<Partial<Record<EvidenceChannel, TrunkState>>>
  /** When this node received it, by its own clock: the clocks of nodes are not compared. */
  readonly receivedAtMs: number
}

export interface FleetVerdict {
  readonly state: TrunkState
  /** Nodes with evidence, and what each of them says. */
  readonly votes: ReadonlyMap<NodeId, TrunkState>
}

/** Reports older than this say nothing: the node is gone, or alone. Three heartbeats of a second. */
export const REPORT_TTL_MS = 3_000

/**
 * The fleet's verdict on a trunk: the worst state that more than half of the voters report or exceed, so of two voters
 * what both say. A node votes with the worst of its channels, and abstains where it has evidence on none or has not
 * been heard of lately. No leader: every node counts the same reports and gets the same verdict.
 *
 * Votes are counted by trunk, not by channel: by channel, the only node with calls would decide alone, and one broken
 * uplink would fail a carrier.
 */
export function fleetVerdict(reports: Iterable<TrunkReport>, nowMs: number, ttlMs = REPORT_TTL_MS): FleetVerdict {
  const votes = new Map<NodeId, TrunkState>()
  const latest = new Map<NodeId, number>()
  for (const { node, channels, receivedAtMs } of reports) {
    const states = Object.values(channels)
    const isStale = nowMs - receivedAtMs >= ttlMs || receivedAtMs < (latest.get(node) ?? -Infinity)
    if (isStale) continue
    latest.set(node, receivedAtMs)
    if (states.length > 0) votes.set(node, worstState(states))
    else votes.delete(node)
  }
  return { state: majority([...votes.values()]), votes }
}

/** The worst state that more than half of the votes are, or exceed; `active` of none. */
function majority(votes: readonly TrunkState[]): TrunkState {
  const most = (state: TrunkState): boolean => votes.filter((vote) => isAtLeast(vote, state)).length * 2 > votes.length
  if (most('failed')) return 'failed'
  return most('standby') ? 'standby' : 'active'
}
