import * as z from 'zod'
import { DEMO_NUMBER, DEMO_TENANT } from '../../lib/demo/fleet-config.ts'
import type { CallHappening } from '../../lib/demo/tally.ts'
import type { Carrier } from './carrier-port.ts'
import type { NodeApi } from './node-api.ts'

/** One call a second in each direction. */
const INTERVAL_MS = 1_000
const INBOUND_SECONDS = 4
/** A caller who hears nothing for longer counts as cut off. */
const DROPPED_GAP_MS = 2_000
/** Numbers of nobody: 555-0100 to 555-0199. */
const numberOf = (turn: number): string => `+1202555${String(100 + (turn % 100)).padStart(4, '0')}`

export interface DemoCallsOptions {
  readonly nodes: readonly NodeApi[]
  /** Each carrier with the address, `HOST:PORT`, that its callers reach Tandem at. */
  readonly lines: readonly { readonly carrier: Carrier; readonly ingress: string }[]
  /** Whether anybody can call over a carrier. */
  readonly reachable: (carrier: string) => boolean
  /** Of outbound calls the answer and the end are left to the events of the fleet. */
  readonly onHappening: (happening: CallHappening) => void
}

const placedCall = z.looseObject({ id: z.string() })

/** The steady calls of a demo: carriers and nodes take turns. */
export class DemoCalls {
  readonly #options: DemoCallsOptions
  readonly #timers: readonly NodeJS.Timeout[]
  #inbound = 0
  #outbound = 0

  constructor(options: DemoCallsOptions) {
    this.#options = options
    this.#timers = [
      setInterval(() => void this.#placeInbound(), INTERVAL_MS),
      setInterval(() => void this.#placeOutbound(), INTERVAL_MS),
    ]
  }

  /** No more calls; those on the line are left to the nodes and carriers, which end now as well. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  async #placeInbound(): Promise<void> {
    const { lines, reachable, onHappening } = this.#options
    const open = lines.filter(({ carrier }) => reachable(carrier.id))
    const turn = this.#inbound++
    const line = open[turn % open.length]
    if (line === undefined) return
    const call = `inbound ${turn}`
    onHappening({ kind: 'placed', call, direction: 'inbound' })
    try {
      const uri = `sip:${DEMO_NUMBER}@${line.ingress}`
      const placed = await line.carrier.place({ uri, from: numberOf(turn), seconds: INBOUND_SECONDS })
      if (placed.redirects > 0) onHappening({ kind: 'redirected', call })
      if (placed.status === 200) onHappening({ kind: 'answered', call })
      else if (!reachable(line.carrier.id)) onHappening({ kind: 'cut', call })
      const { packetsIn, longestGapMs } = await placed.ended
      onHappening({ kind: 'ended', call, well: packetsIn > 0 && longestGapMs < DROPPED_GAP_MS })
    } catch {
      // The carrier was killed with the call.
      onHappening({ kind: 'cut', call })
    }
  }

  async #placeOutbound(): Promise<void> {
    const { nodes, onHappening } = this.#options
    const turn = this.#outbound++
    const node = nodes[turn % nodes.length]
    const body = { to: numberOf(turn), from: DEMO_NUMBER, tenant: DEMO_TENANT }
    const request = { method: 'POST', body }
    const answer = await node?.json('/api/v1/calls', request).catch(() => null)
    const call = placedCall.safeParse(answer).data?.id
    onHappening({ kind: 'placed', call: call ?? `outbound ${turn}`, direction: 'outbound' })
    // A node that takes no call now has lost it.
    if (call === undefined) onHappening({ kind: 'ended', call: `outbound ${turn}`, well: false })
  }
}
