import type { Config } from '../../lib/config/resolve.ts'
import { VERDICT_PREFIX } from '../../lib/fleet/reports.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { EventLog } from '../observe/event-log.ts'
import { FleetEvents } from '../observe/fleet-events.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import type { Store } from '../store/store.ts'
import { NODE_PREFIX } from './node-registry.ts'
import { NodeWatch } from './node-watch.ts'
import { Overrides } from './overrides.ts'
import { FleetSnapshot } from './snapshot.ts'

export interface FleetOptions {
  readonly config: Config
  readonly store: Store
  readonly events: EventLog
  readonly emit: EmitEvent
  readonly log: Log
}

/** What a node hears of the others. */
export interface Fleet {
  readonly overrides: Overrides
  readonly watch: NodeWatch
  /** What all nodes say of themselves and of trunks. */
  readonly snapshot: FleetSnapshot
}

/** Starts to listen to the other nodes: their events, operators' overrides, who is there and who was lost. */
export async function watchFleet({ config, store, events, emit, log }: FleetOptions, parts: Parts): Promise<Fleet> {
  const { node, fleet } = config
  const { shared } = store
  const fleetEvents = await FleetEvents.start({
    self: node.id,
    shared,
    store: store.calls,
    events,
    onEventsWritten: (listener) => store.onEventsWritten(listener),
    log: log.log,
  })
  parts.add('events of the fleet', () => fleetEvents.close())
  const overrides = await Overrides.start({
    ...store,
    emit,
    onError: (error) => log.log.debug({ err: error }, 'overrides could not be read; those known last stay in force'),
  })
  parts.add('overrides', () => overrides.close())
  const snapshot = new FleetSnapshot({
    shared,
    prefixes: [NODE_PREFIX, VERDICT_PREFIX],
    intervalMs: fleet.heartbeatMs,
    settleMs: fleet.settleMs,
  })
  parts.add('snapshot of the fleet', () => snapshot.close())
  const watch = new NodeWatch({
    self: node.id,
    shared,
    snapshot,
    onLost: ({ id, region, address }) => emit({ event: 'node.lost', level: 'warn', lost: id, region, address }),
  })
  parts.add('watch over the nodes', () => watch.close())
  return { overrides, watch, snapshot }
}
