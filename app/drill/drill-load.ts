import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { DEMO_NUMBER, DEMO_TENANT } from '../../lib/demo/fleet-config.ts'
import type { DrillCall } from '../../lib/drill/facts.ts'
import type { DrillLoad as LoadPlan } from '../../lib/drill/scenario.ts'
import { withDeadline } from '../deadline.ts'
import type { Carrier } from '../demo/carrier-port.ts'
import type { DemoNode } from '../demo/demo-node.ts'
import type { DrillWatch } from './drill-watch.ts'

export interface LoadParts {
  readonly plan: LoadPlan
  readonly nodes: readonly DemoNode[]
  /** Those that send calls, with where each sends them, `HOST:PORT`. */
  readonly callers: () => readonly { readonly carrier: Carrier; readonly ingress: string }[]
  readonly watch: DrillWatch
  /** A number that no other call of the drill has. */
  readonly number: () => string
  readonly onProblem: (words: string) => void
}

const placedAnswer = z.looseObject({ id: z.string() })
/** Longer than any answer of a node or carrier takes. */
const SETTLE_TIMEOUT_MS = 20_000

/** Steady calls in both directions: those that go out are hung up by the drill, those that come in by their carriers. */
export class DrillLoad {
  readonly calls: DrillCall[] = []
  readonly #parts: LoadParts
  readonly #end = new AbortController()
  readonly #answers = new Set<Promise<void>>()
  readonly #hangUps = new Set<NodeJS.Timeout>()
  /** Answered, and which node has it. */
  readonly #answered = new Map<string, string>()
  readonly #ours = new Set<string>()
  readonly #deaf: () => void
  readonly #loops: Promise<unknown>
  #broken = false

  constructor(parts: LoadParts) {
    this.#parts = parts
    this.#deaf = parts.watch.onEvent(({ event, call, node }) => {
      if ((event !== 'call.answered' && event !== 'call.moved') || call === undefined) return
      this.#answered.set(call, node)
      if (event === 'call.moved') return
      if (this.#ours.has(call)) this.#hangUpLater(call)
    })
    const { callsPerSecond, inboundEveryMs } = parts.plan
    this.#loops = Promise.all([
      this.#every(1_000 / callsPerSecond, (i) => this.#placeOutbound(i)),
      this.#every(inboundEveryMs, (i) => this.#placeInbound(i)),
    ])
  }

  /** The fault is there: calls answered from now on last as long as is said for them. */
  onFault(): void {
    this.#broken = true
  }

  /** Ids of the calls that nodes have taken. */
  taken(): readonly string[] {
    return [...this.#ours]
  }

  /** Places no more calls, and resolves when what was placed is known to be answered or not. */
  async stop(): Promise<void> {
    this.#end.abort()
    await this.#loops
    await withDeadline(
      Promise.all(this.#answers).then(() => undefined),
      SETTLE_TIMEOUT_MS,
    )
  }

  /** Hears no answers any more and hangs nobody up. */
  close(): void {
    this.#end.abort()
    this.#deaf()
    for (const timer of this.#hangUps) clearTimeout(timer)
  }

  /** At absolute moments, so that a slow answer delays no other call. */
  async #every(intervalMs: number, place: (i: number) => Promise<void>): Promise<void> {
    const startAtMs = performance.now()
    for (let i = 0; !this.#end.signal.aborted; i++) {
      const answer = place(i)
      this.#answers.add(answer)
      void answer.finally(() => this.#answers.delete(answer))
      const waitMs = Math.max(0, startAtMs + (i + 1) * intervalMs - performance.now())
      await delay(waitMs, undefined, { signal: this.#end.signal }).catch(() => undefined)
    }
  }

  async #placeOutbound(i: number): Promise<void> {
    const { number, onProblem } = this.#parts
    const nodes = this.#parts.nodes.filter(({ serving }) => serving)
    const node = nodes[i % nodes.length]
    if (node === undefined) return
    const call = { atMs: Date.now(), direction: 'outbound', number: number(), status: null } as const
    try {
      const body = { to: call.number, tenant: DEMO_TENANT }
      const { id } = placedAnswer.parse(await node.api.json('/api/v1/calls', { method: 'POST', body }))
      this.calls.push({ ...call, id })
      this.#ours.add(id)
      if (this.#answered.has(id)) this.#hangUpLater(id)
    } catch (error) {
      // Whoever orders a call of a node that is killed meanwhile orders it of another one.
      if (!node.serving) return this.#placeOutbound(i)
      this.calls.push({ ...call, id: null })
      onProblem(`a call was refused: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  async #placeInbound(i: number): Promise<void> {
    const { callers, number, plan, onProblem } = this.#parts
    const ready = callers()
    const caller = ready[i % ready.length]
    if (caller === undefined) return
    const call = { atMs: Date.now(), direction: 'inbound', id: null } as const
    // Another one at each try: what was refused has a record too, and is no second one of the same call.
    let from = number()
    // A carrier that knows both nodes, and tries the other one where one is silent, or says 503 as it starts.
    const others = ready.flatMap(({ ingress }) => (ingress === caller.ingress ? [] : ingress))
    try {
      let status: number | null = null
      for (const ingress of [caller.ingress, ...others]) {
        if (status === 503) from = number()
        const placed = await caller.carrier.place({
          uri: `sip:${DEMO_NUMBER}@${ingress}`,
          from,
          seconds: plan.callMs / 1_000,
        })
        // How it went on is told by its record.
        placed.ended.catch(() => undefined)
        status = placed.status
        if (status !== null && status !== 503) break
      }
      this.calls.push({ ...call, number: from, status })
    } catch (error) {
      this.calls.push({ ...call, number: from, status: null })
      onProblem(
        `${caller.carrier.id} could not place a call: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }

  #hangUpLater(call: string): void {
    const { nodes, plan } = this.#parts
    const timer = setTimeout(
      () => {
        this.#hangUps.delete(timer)
        const node = nodes.find(({ id }) => id === this.#answered.get(call))
        // Whoever has hung up meanwhile was right too.
        node?.api.json(`/api/v1/calls/${call}`, { method: 'DELETE' }).catch(() => undefined)
      },
      this.#broken ? plan.callMs : plan.callMsBefore,
    )
    this.#hangUps.add(timer)
  }
}
