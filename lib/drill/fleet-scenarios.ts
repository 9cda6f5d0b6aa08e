import { AT_ONCE_MS, type Clock, common, GOOD_MOS } from './clock.ts'
import type { DrillRun, DrillScenario } from './scenario.ts'

/** What setting a call up may take where nothing of it is broken. */
const SETUP_MS = 1_000
/** A store that is gone is noticed by its connections, which it closes. */
const NOTICED_MS = 2_000
/** The longest back-off of what looks for a store, and the records that wait. */
const STORE_BACK_MS = 9_000

/** PostgreSQL is stopped for a while, then Redis is killed and comes back empty. */
export function storeOutage(clock: Clock): DrillScenario {
  const { marginMs, storeFaultMs } = clock
  const { load, ...rest } = common(clock)
  const run: Omit<DrillRun, 'name' | 'what' | 'fault'> = {
    ...rest,
    load: { ...load, inboundFromBroken: true },
    faultMs: storeFaultMs,
    promises: {
      detectedWithinMs: NOTICED_MS + marginMs,
      shiftedWithinMs: SETUP_MS + marginMs,
      gapWithinMs: null,
      setupWithinMs: SETUP_MS + marginMs,
      faultsToFall: null,
      returnsWhileBroken: 0,
      recoveredWithinMs: STORE_BACK_MS + marginMs,
      takenBackWithinMs: AT_ONCE_MS + marginMs,
      mosAfterAtLeast: GOOD_MOS,
    },
  }
  return {
    name: 'store-outage',
    description:
      "PostgreSQL, where both nodes write their records, goes away; in a second run it is Redis, with the fleet's shared state",
    notPromised: 'records are read late while PostgreSQL is away, and nothing can be said anew of trunks',
    runs: [
      { ...run, name: 'postgres', what: 'PostgreSQL is stopped', fault: { kind: 'postgres-away' } },
      { ...run, name: 'redis', what: 'Redis is killed, and comes back empty', fault: { kind: 'redis-away' } },
    ],
  }
}

/** A heartbeat lives 3 s; the last one may have been sent in the very moment. */
const NODE_LOST_MS = 5_000
/** Two more OPTIONS that it does not answer, and a re-INVITE. */
const MOVED_MS = 9_000
/** A call tells of its audio only after five seconds of packets. */
const TALK_MS = 5_500

/** A node is killed under calls, and started anew later. */
export function nodeKill(clock: Clock): DrillScenario {
  const { marginMs } = clock
  const { load, ...rest } = common(clock)
  return {
    name: 'node-kill',
    description: 'a node is killed (kill -9) with calls on the line, and started anew: the other one goes on with them',
    notPromised: `calls that the node was placing or taking in that moment; who hangs up before they have moved leaves a record that ends with node-lost`,
    runs: [
      {
        ...rest,
        name: 'node',
        what: 'the first node is killed',
        fault: { kind: 'node-killed' },
        load: { ...load, callsPerSecond: 4, callMs: TALK_MS, callMsBefore: TALK_MS, inboundFromBroken: true },
        // The first ones have to be over, to be compared with.
        beforeMs: TALK_MS + 1_500,
        faultMs: 11_000,
        promises: {
          detectedWithinMs: NODE_LOST_MS + marginMs,
          shiftedWithinMs: MOVED_MS + marginMs,
          gapWithinMs: null,
          moved: { shareAtLeast: 0.95, medianGapWithinMs: 8_000 + marginMs },
          setupWithinMs: SETUP_MS + marginMs,
          faultsToFall: null,
          returnsWhileBroken: 0,
          recoveredWithinMs: null,
          takenBackWithinMs: AT_ONCE_MS + marginMs,
          mosAfterAtLeast: GOOD_MOS,
        },
      },
    ],
  }
}
