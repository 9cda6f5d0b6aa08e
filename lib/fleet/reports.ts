import * as z from 'zod'
import { type NodeId, nodeId, type TrunkId, trunkId } from '../core/ids.ts'
import type { EvidenceChannel, TrunkState } from '../trunk/state.ts'
import type { TrunkReport } from './verdict.ts'

/** What each channel of a trunk says that has evidence. */
export type ChannelStates = Readonly<Partial<Record<EvidenceChannel, TrunkState>>>

/** What a node publishes of its trunks; JSON. One value a node: it is written, and grows old, as a whole. */
export interface PublishedReport {
  /** Another one each time, also after a restart: what is old cannot be taken for new, and no clock is compared. */
  readonly beat: string
  /** By trunk; those without evidence are left out. */
  readonly trunks: Readonly<Record<string, ChannelStates>>
}

export interface HeardReport {
  readonly beat: string
  readonly trunks: ReadonlyMap<TrunkId, ChannelStates>
  /** When this beat was first seen, by the clock of the node that sees it. */
  readonly receivedAtMs: number
}

/** The last report of each other node. */
export type HeardReports = ReadonlyMap<NodeId, HeardReport>

/** Keys of the nodes' reports in the shared state: this, and the id of the node. */
export const VERDICT_PREFIX = 'verdict:'

/** Nodes that are heard; more vote in no fleet. */
const MAX_NODES = 1_000

/** The report of a node; of a trunk that no channel has evidence of it says nothing. */
export function reportOf(beat: string, channels: ReadonlyMap<TrunkId, ChannelStates>): PublishedReport {
  return { beat, trunks: Object.fromEntries([...channels].filter(([, states]) => Object.keys(states).length > 0)) }
}

/**
 * The reports as they stand in the shared state now, by key: one that was seen before is as old as it was then. A node that
 * is not there any more has taken its report back, or its time is over. What is no report of ours says nothing.
 */
export function hearReports(
  before: HeardReports,
  values: ReadonlyMap<string, unknown>,
  self: NodeId,
  nowMs: number,
): HeardReports {
  const heard = new Map<NodeId, HeardReport>()
  for (const [key, value] of values) {
    const node = nodeId(key.slice(VERDICT_PREFIX.length))
    if (node === self || heard.size >= MAX_NODES) continue
    const known = before.get(node)
    const read = published.safeParse(value)
    if (!read.success) continue
    const { beat, trunks } = read.data
    heard.set(node, known?.beat === beat ? known : { beat, trunks: toMap(trunks), receivedAtMs: nowMs })
  }
  return heard
}

/** What each node says of one trunk, this one included: its own word is never old. */
export function votersOn(
  trunk: TrunkId,
  own: { readonly node: NodeId; readonly channels: ChannelStates },
  heard: HeardReports,
  nowMs: number,
): readonly TrunkReport[] {
  const others = [...heard].map(([node, { trunks, receivedAtMs }]) => ({
    node,
    channels: trunks.get(trunk) ?? {},
    receivedAtMs,
  }))
  return [{ ...own, receivedAtMs: nowMs }, ...others]
}

const trunkState = z.enum(['active', 'standby', 'failed']).exactOptional()

/** Another version of Tandem may have written it: channels that we do not know are passed over. */
const published = z.object({
  beat: z.string().max(128),
  trunks: z.record(z.string(), z.object({ probe: trunkState, calls: trunkState, media: trunkState })),
})

const toMap = (trunks: PublishedReport['trunks']): ReadonlyMap<TrunkId, ChannelStates> =>
  new Map(Object.entries(trunks).map(([id, channels]) => [trunkId(id), channels]))
