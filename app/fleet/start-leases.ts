import type { Config } from '../../lib/config/resolve.ts'
import type { CallId } from '../../lib/core/ids.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import type { Sessions } from '../session/sessions.ts'
import type { SipLink } from '../signaling/sip-link.ts'
import type { Store } from '../store/store.ts'
import type { Fleet } from './fleet.ts'
import { LeaseKeeper, type OwnedCalls } from './lease-keeper.ts'
import { NODE_PREFIX } from './node-registry.ts'
import { Strays } from './strays.ts'
import { Survivor } from './survivor.ts'
import { type Move, parkLost, TakeOver } from './take-over.ts'

export interface LeaseParts {
  readonly config: Pick<Config, 'node' | 'fleet'>
  /** A further process of a node: what dies with the node is the node's to notice. */
  readonly isWorker: boolean
  readonly store: Pick<Store, 'owners' | 'shared' | 'journal' | 'onOrphan'>
  readonly fleet: Pick<Fleet, 'snapshot'>
  readonly link: Pick<SipLink, 'ping'>
  readonly calls: OwnedCalls & { readonly move: Move; has(call: CallId): boolean }
  /** Has the further processes of this node doubt their calls too. */
  readonly onDoubt: () => void
  readonly sessions: Pick<Sessions, 'parkDead'>
  readonly emit: EmitEvent
  readonly log: Log
}

/** Parks what an earlier run left open, has the calls of nodes that die taken over, and keeps this node's own by its lease. */
export function startLeases(leases: LeaseParts, parts: Parts): Pick<LeaseKeeper, 'renewed' | 'doubt'> {
  const { config, isWorker, store, fleet, link, calls, sessions, onDoubt, emit, log } = leases
  const onError = (error: unknown): void =>
    log.log.warn({ err: error }, 'a call of a node that is gone could not be dealt with')
  store.onOrphan((call) => void parkLost({ sessions, emit }, call).catch(onError))
  const { leaseMs } = config.fleet
  const keeper = new LeaseKeeper({
    leaseMs,
    calls,
    owners: store.owners,
    journal: store.journal,
    isAlone: () => fleet.snapshot.list(NODE_PREFIX).size < 2,
    onDoubt,
    emit,
    onError: (error) => log.log.warn({ err: error }, 'PostgreSQL could not say whose the calls are'),
  })
  parts.add('lease', () => keeper.close())
  const self = config.node.id
  const move: Move = (entry, row) => calls.move(entry, row)
  const isHeld = (): boolean => keeper.isHeld
  const takeOver = new TakeOver({ ...store, self, leaseMs, isHeld, sessions, move, emit, onError })
  parts.add('take-over', () => takeOver.close())
  const has = (call: CallId): boolean => calls.has(call) || takeOver.has(call)
  const strays = new Strays({ ...store, self, sessions, has, emit, onError })
  parts.add('strays', () => strays.close())
  if (isWorker) return keeper
  const survivor = new Survivor({
    self,
    fleet: config.fleet,
    snapshot: fleet.snapshot,
    ping: (uri, timeoutMs) => link.ping(uri, timeoutMs),
    takeOver,
    onError,
  })
  parts.add('watch over what other nodes own', () => survivor.close())
  return keeper
}
