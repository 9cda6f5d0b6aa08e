import { randomFillSync } from 'node:crypto'
import { lookup } from 'node:dns'
import type { FillRandom } from '../../lib/sip/ids.ts'
import { type OneTimer, realTimer } from './one-timer.ts'
import type { FindAddress } from './resolver.ts'
import { TransportSet } from './transport/transport-set.ts'

/** What a SIP stack takes of the machine it runs on. Tests and fuzzing give it one in which time and packets are theirs. */
export interface Host {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly makeTimer: () => OneTimer
  readonly fillRandom: FillRandom
  readonly findAddress: FindAddress
  readonly listen: typeof TransportSet.listen
}

/** The real one. */
export const THIS_HOST: Host = {
  nowMs: () => performance.now(),
  makeTimer: realTimer,
  fillRandom: (bytes) => randomFillSync(bytes),
  findAddress: (name, found) => lookup(name, (error, address) => found(error === null ? address : undefined)),
  listen: (addresses, handler, options) => TransportSet.listen(addresses, handler, options),
}
