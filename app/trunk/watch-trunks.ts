import type { Config } from '../../lib/config/resolve.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { operatorEvent } from '../fleet/overrides.ts'
import type { SharedState } from '../fleet/shared-state.ts'
import { TrunkVerdicts } from '../fleet/trunk-verdicts.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { CanaryPlaces } from './canary-places.ts'
import { HealthFile } from './health-file.ts'
import { TrunkChoice } from './trunk-choice.ts'
import { TrunkHealth, type TrunkHealthOptions } from './trunk-health.ts'

export interface WatchTrunksOptions {
  readonly config: Config
  readonly ping: TrunkHealthOptions['ping']
  readonly locator: TrunkHealthOptions['locator']
  readonly fleet: Pick<Fleet, 'overrides' | 'snapshot'>
  readonly shared: SharedState
  /** Whether its verdicts count in the fleet: a node has one vote, however many processes. */
  readonly votes: boolean
  readonly emit: EmitEvent
  readonly log: Log
}

/** The trunks of a node under watch. */
export interface WatchedTrunks {
  readonly health: TrunkHealth
  /** Which of them calls go out on. */
  readonly choice: TrunkChoice
  /** From a config read anew. */
  setTrunks(trunks: Config['trunks']): void
}

/** Starts to watch the trunks of the config: probes, what calls tell, what operators and the other nodes say of them. */
export async function watchTrunks(
  { config, ping, locator, fleet: { overrides, snapshot }, shared, votes, emit, log }: WatchTrunksOptions,
  parts: Parts,
): Promise<WatchedTrunks> {
  let { trunks } = config
  const file = new HealthFile(config.node.dataDir, (error) =>
    log.log.warn({ err: error }, 'the health of trunks was not stored'),
  )
  const health = new TrunkHealth({ trunks, ping, locator, emit, file })
  parts.add('trunk health', () => health.close())
  /** What operators say, to the machines; where that was never read, a word stored in the health file holds. */
  const obeyOperators = (): void => {
    if (!overrides.known) return
    const inForce = overrides.current()
    for (const { id } of trunks) health.feed(id, operatorEvent(inForce.get(id)))
  }
  overrides.onChange(obeyOperators)
  obeyOperators()
  const verdicts = await TrunkVerdicts.start({
    self: config.node.id,
    shared,
    snapshot,
    votes,
    own: () => health.channels(),
    onVerdicts: (said) => health.hearFleet(said),
    heartbeatMs: config.fleet.heartbeatMs,
    ttlMs: config.fleet.leaseMs,
    onError: (error) => log.log.debug({ err: error }, 'the verdicts of this node were not published'),
  })
  parts.add('verdicts of the fleet', () => verdicts.close())
  health.onEvidence(() => verdicts.changed())
  const { leaseMs, heartbeatMs } = config.fleet
  const places = new CanaryPlaces({ self: config.node.id, shared, ttlMs: leaseMs, keepEveryMs: heartbeatMs })
  parts.add('canaries', () => places.close())
  return {
    health,
    choice: new TrunkChoice(health, places),
    setTrunks: (next) => {
      trunks = next
      health.setTrunks(trunks)
      obeyOperators()
    },
  }
}
