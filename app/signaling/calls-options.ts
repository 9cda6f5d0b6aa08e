import type { NodeId, TrunkId } from '../../lib/core/ids.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { Impediment, Peer } from '../../lib/route/snapshot.ts'
import type { CallAudio } from '../../lib/trunk/media-channel.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'
import type { WatchedBackends } from '../agent/watch-backends.ts'
import type { MediaEngine } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Recordings } from '../recordings/recordings.ts'
import type { Router } from '../route/router.ts'
import type { Journal } from '../store/port.ts'
import type { PlaceParts } from './place-call.ts'
import type { SipLink } from './sip-link.ts'
import type { Strangers } from './strangers.ts'

/** What the calls of a node are made of, and whom they ask. */
export interface CallsOptions {
  readonly node: NodeId
  readonly link: SipLink
  readonly media: MediaEngine
  readonly journal: Journal
  readonly emit: EmitEvent
  readonly routes: Routes
  /** Why no new call can be served now, as the parts of the node see it. */
  readonly impediments: () => ReadonlySet<Impediment>
  /** The effective state of each trunk on this node; absent: active. */
  readonly trunkStates: () => ReadonlyMap<TrunkId, TrunkState>
  /** How the audio of a call on a trunk was, once the call is over. */
  readonly onAudio: (trunk: TrunkId, audio: CallAudio) => void
  readonly region: string
  /** The address that callees are told. */
  readonly address: string
  /** Which trunks calls of ours go out on. */
  readonly choice: PlaceParts['choice']
  /** Where the targets of trunks are. */
  readonly locator: PlaceParts['locator']
  readonly answers: PlaceParts['answers']
  readonly liveCalls: PlaceParts['liveCalls']
  readonly keyWrap: PlaceParts['keyWrap']
  readonly sessions: PlaceParts['sessions']
  /** Other nodes that would serve a call. */
  readonly peers: () => readonly Peer[]
  /** How long a 302 of ours may be believed. */
  readonly redirectExpiresMs: number
  readonly metrics: Metrics
  /** Agents that no call would get through to, and who hears what calls find. */
  readonly agents: Pick<WatchedBackends, 'away'>
  readonly recordings: Pick<Recordings, 'begin'>
  /** Sources that belong to no trunk. */
  readonly strangers: Strangers
  /** Absent: every call gets its tenant's default. */
  readonly router?: Pick<Router, 'ask' | 'levelOf'>
}
