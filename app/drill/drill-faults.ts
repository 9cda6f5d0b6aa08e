import type { DrillFault } from '../../lib/drill/scenario.ts'
import type { Carrier } from '../demo/carrier-port.ts'
import type { DemoFleet } from '../demo/demo-fleet.ts'
import type { DrillAgents } from './drill-agents.ts'
import type { DrillRedis } from './drill-redis.ts'
import type { DrillWatch } from './drill-watch.ts'

/** All that a drill can break. */
export interface Breakables {
  readonly carrier: Carrier
  readonly agents: DrillAgents
  readonly fleet: DemoFleet
  /** Hears what the nodes tell. */
  readonly watch: Pick<DrillWatch, 'expectEnd' | 'hearAgain'>
  /** Null: this machine has none. */
  readonly redis: DrillRedis | null
}

/** Resolves when it is broken. */
export async function breakIt(fault: DrillFault, { carrier, agents, fleet, redis, watch }: Breakables): Promise<void> {
  switch (fault.kind) {
    case 'agents-cut':
    case 'agents-away':
      return agents.breakIt(fault.kind)
    case 'killed':
      return carrier.kill()
    case 'frozen':
      return carrier.freeze()
    case 'postgres-away':
      return fleet.postgres.stop()
    case 'redis-away':
      return redis?.kill()
    case 'node-killed':
      watch.expectEnd(fleet.nodes[0])
      return fleet.nodes[0].kill()
    default:
      return carrier.setFault(fault)
  }
}

/** Makes it well again. */
export async function mend(fault: DrillFault, { carrier, agents, fleet, redis, watch }: Breakables): Promise<void> {
  switch (fault.kind) {
    case 'agents-cut':
    case 'agents-away':
      return agents.mend()
    case 'killed':
      return carrier.revive()
    case 'frozen':
      return carrier.thaw()
    case 'postgres-away':
      return fleet.postgres.resume()
    case 'redis-away':
      return redis?.resume()
    case 'node-killed':
      await fleet.nodes[0].revive()
      return watch.hearAgain(fleet.nodes[0])
    default:
      return carrier.setFault({ kind: 'none' })
  }
}

/** Why this machine cannot do a fault; null: it can. */
export const impossible = (fault: DrillFault, redis: DrillRedis | null): string | null =>
  fault.kind === 'redis-away' && redis === null ? 'redis-server is not installed' : null
