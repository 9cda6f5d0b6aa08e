import * as z from 'zod'
import { type Deed, FAULT_OF } from '../../lib/demo/command.ts'
import type { DemoView } from '../../lib/demo/screen.ts'
import { type CallHappening, EMPTY_TALLY, stepTally, type Tally } from '../../lib/demo/tally.ts'
import { formatEventFields } from '../../lib/observe/event-text.ts'
import { printable } from '../../lib/observe/printable.ts'
import { trunksAnswer } from '../api/answers.ts'
import { Parts } from '../parts.ts'
import { startCarrier } from './carrier.ts'
import type { Carrier } from './carrier-port.ts'
import { DemoCalls } from './demo-calls.ts'
import { DemoFleet, demoAddresses } from './demo-fleet.ts'

const CARRIER_IDS = ['alpha', 'beta'] as const
const CARRIER_PORT = 5_080
/** A callee hangs up after so long: what makes steady calls end. */
const TALK_MS = 4_000
const POLL_MS = 1_000
const KEPT_EVENTS = 200
/** Trunks as with the defaults, but that a carrier that has come back is believed sooner: somebody is watching. */
const TRUNK_SETTINGS = { probe: { holdDown: '10s' } }

export interface DemoOptions {
  readonly onProgress: (step: string) => void
  /** What happens in the fleet, a line each, and what is done to carriers. */
  readonly onEvent: (line: string) => void
  /** Ends the start early: it then rejects, with everything stopped again. */
  readonly signal: AbortSignal
}

/** An event of the fleet, as far as the demo reads it. */
const fleetEvent = z.looseObject({
  at: z.string(),
  event: z.string(),
  node: z.string(),
  call: z.string().optional(),
  trunk: z.string().optional(),
  cause: z.string().optional(),
})
type FleetEvent = z.output<typeof fleetEvent>

/** Ends of a call that was up that nobody wanted. */
const CUT_OFF = new Set(['media-timeout', 'trunk-fault', 'agent-fault', 'node-lost'])

/** Two nodes, two simulated carriers, and steady calls between them, for somebody who watches and breaks things. */
export class Demo {
  readonly carriers: readonly string[] = CARRIER_IDS
  readonly #options: DemoOptions
  readonly #fleet: DemoFleet
  readonly #carriers: ReadonlyMap<string, Carrier>
  readonly #conditions = new Map<string, string>(CARRIER_IDS.map((id) => [id, 'well']))
  readonly #trunks = new Map<string, DemoView['nodes'][number]['trunks']>()
  readonly #parts: Parts
  readonly #startedAtMs = performance.now()
  readonly #events: string[] = []
  #tally: Tally = EMPTY_TALLY

  private constructor(options: DemoOptions, fleet: DemoFleet, carriers: readonly Carrier[], parts: Parts) {
    this.#options = options
    this.#fleet = fleet
    this.#carriers = new Map(carriers.map((carrier) => [carrier.id, carrier]))
    this.#parts = parts
  }

  /** Resolves when calls flow. */
  static async start(options: DemoOptions): Promise<Demo> {
    const { onProgress, signal } = options
    const parts = new Parts((part, error) => onProgress(`${part} did not stop: ${String(error)}`))
    try {
      const addresses = demoAddresses()
      onProgress('starting two simulated carriers')
      const carriers = await startCarriers(addresses.carriers, parts)
      signal.throwIfAborted()
      const trunks = carriers.map(({ id, uri }) => ({ id, uri, settings: TRUNK_SETTINGS }))
      const fleet = await DemoFleet.start({ addresses, trunks, onProgress, signal })
      parts.add('fleet', () => fleet.close())
      const demo = new Demo(options, fleet, carriers, parts)
      await demo.#run(carriers)
      return demo
    } catch (error) {
      await parts.close()
      throw error
    }
  }

  get view(): DemoView {
    return {
      runningMs: performance.now() - this.#startedAtMs,
      nodes: this.#fleet.nodes.map(({ id, api }) => ({ id, url: api.url, trunks: this.#trunks.get(id) ?? null })),
      apiKey: this.#fleet.nodes[0]?.api.key ?? '',
      carriers: CARRIER_IDS.map((id) => ({ id, condition: this.#conditions.get(id) ?? '' })),
      tally: this.#tally,
      events: this.#events,
    }
  }

  /** Does something to a carrier; resolves when it is so. */
  async act(deed: Deed, carrierId: string): Promise<void> {
    const carrier = this.#carriers.get(carrierId)
    if (carrier === undefined) throw new Error(`no carrier ${carrierId}`)
    const condition = CONDITIONS[deed]
    if (deed !== 'kill' && deed !== 'revive' && this.#conditions.get(carrierId) === CONDITIONS.kill) {
      throw new Error(`${carrierId} is not running: revive it first`)
    }
    if (deed === 'revive') this.#say(`${carrierId} is coming back`)
    // Before it is so: a call that fails meanwhile is not placed over it any more.
    if (deed !== 'revive') this.#conditions.set(carrierId, condition)
    await perform(carrier, deed)
    this.#conditions.set(carrierId, condition)
    this.#say(`${carrierId} is ${condition}`)
  }

  /** Ends calls, nodes, database and carriers, and removes what they wrote. Never rejects. */
  close(): Promise<void> {
    return this.#parts.close()
  }

  async #run(carriers: readonly Carrier[]): Promise<void> {
    const { nodes } = this.#fleet
    const following = new AbortController()
    this.#parts.add('events', () => following.abort())
    await nodes[0]?.api.follow(
      (json) => this.#onEvent(json),
      (error) => this.#say(`the events of ${nodes[0]?.id} are over: ${String(error)}`),
      following.signal,
    )
    const calls = new DemoCalls({
      nodes: nodes.map(({ api }) => api),
      lines: carriers.map((carrier, i) => ({ carrier, ingress: this.#fleet.ingress(i) })),
      reachable: (id) => this.#reachable(id),
      onHappening: (happening) => this.#count(happening),
    })
    this.#parts.add('calls', () => calls.close())
    const poll = setInterval(() => void this.#look(), POLL_MS)
    this.#parts.add('trunk table', () => clearInterval(poll))
    await this.#look()
  }

  /** Nobody calls over a carrier that is down. */
  #reachable(id: string): boolean {
    const condition = this.#conditions.get(id)
    return condition !== CONDITIONS.kill && condition !== CONDITIONS.silence
  }

  async #look(): Promise<void> {
    await Promise.all(
      this.#fleet.nodes.map(async ({ id, api }) => {
        const answer = await api.json('/api/v1/trunks').catch(() => null)
        this.#trunks.set(id, trunksAnswer.safeParse(answer).data ?? null)
      }),
    )
  }

  #onEvent(json: string): void {
    const event = fleetEvent.safeParse(JSON.parse(json)).data
    if (event === undefined) return
    const { call, cause } = event
    if (call !== undefined && event.event === 'call.answered') this.#count({ kind: 'answered', call })
    else if (call !== undefined && event.event === 'call.ended') {
      this.#count({ kind: 'ended', call, well: cause === undefined || !CUT_OFF.has(cause) })
    } else if (!event.event.startsWith('call.') && !event.event.startsWith('agent.')) this.#say(formatEvent(event))
  }

  #count(happening: CallHappening): void {
    this.#tally = stepTally(this.#tally, happening)
  }

  #say(text: string): void {
    const line = `${new Date().toISOString().slice(11, 19)} ${printable(text)}`
    this.#events.push(line)
    if (this.#events.length > KEPT_EVENTS) this.#events.shift()
    this.#options.onEvent(line)
  }
}

/** What a carrier is after each deed. */
const CONDITIONS: Readonly<Record<Deed, string>> = {
  kill: 'killed',
  silence: 'silent',
  reject: 'refusing calls with 503',
  blackhole: 'swallowing calls',
  mute: 'mute',
  revive: 'well',
}

async function perform(carrier: Carrier, deed: Deed): Promise<void> {
  const fault = FAULT_OF[deed]
  if (deed === 'kill') return carrier.kill()
  if (fault !== null) return carrier.setFault(fault)
  await carrier.revive()
  await carrier.setFault({ kind: 'none' })
}

/** Both at once; where one does not start, the other is stopped too. */
async function startCarriers(hosts: readonly string[], parts: Parts): Promise<readonly Carrier[]> {
  const started = await Promise.allSettled(
    CARRIER_IDS.map((id, i) => startCarrier({ id, host: hosts[i] ?? '', port: CARRIER_PORT, talkMs: TALK_MS })),
  )
  const carriers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  parts.add('carriers', async () => void (await Promise.all(carriers.map((carrier) => carrier.close()))))
  const failed = started.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return carriers
}

const formatEvent = (event: FleetEvent): string =>
  [event.event, event.trunk ?? '', formatEventFields(event), `@${event.node}`].filter((part) => part !== '').join(' ')
