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
