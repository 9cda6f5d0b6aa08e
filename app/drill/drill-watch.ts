import * as z from 'zod'
import type { CarrierFact, NodeFact } from '../../lib/drill/facts.ts'
import type { Carrier } from '../demo/carrier-port.ts'
import type { DemoNode } from '../demo/demo-node.ts'

const eventAnswer = z.looseObject({
  at: z.iso.datetime(),
  event: z.string(),
  node: z.string(),
  call: z.string().optional(),
  trunk: z.string().optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  channel: z.string().nullish(),
  reason: z.string().nullish(),
  blame: z.string().optional(),
  gapMs: z.number().optional(),
  lost: z.string().optional(),
  problems: z.array(z.string()).optional(),
})

type WatchedEvent = z.output<typeof eventAnswer>

/** What nodes and carriers say, from the moment it is opened, as facts of a drill. */
export class DrillWatch {
  readonly #nodeFacts: NodeFact[] = []
  readonly #carrierFacts: CarrierFact[] = []
  readonly #listeners = new Set<(event: WatchedEvent) => void>()
  readonly #end = new AbortController()
  readonly #stops: (() => void)[] = []
  readonly #dead = new Set<string>()
  #failure: Error | null = null

  private constructor() {}

  /** Resolves when every node is listened to. */
  static async open(nodes: readonly DemoNode[], carriers: readonly Carrier[]): Promise<DrillWatch> {
    const watch = new DrillWatch()
    for (const carrier of carriers) {
      const stop = carrier.onEvent((event) => {
        const { kind, atMs, sipCallId, number } = event
        const longestGapMs = event.kind === 'ended' ? event.longestGapMs : null
        watch.#carrierFacts.push({ carrier: carrier.id, kind, atMs, sipCallId, number, longestGapMs })
      })
      watch.#stops.push(stop)
    }
    await Promise.all(nodes.map((node) => watch.#follow(node)))
    return watch
  }

  /** Facts from a moment on, in the order of their moments. Throws where a node fell silent: what is missing is then unknown. */
  since(fromMs: number): { readonly nodeEvents: readonly NodeFact[]; readonly carrierEvents: readonly CarrierFact[] } {
    if (this.#failure !== null) throw this.#failure
    const inOrder = <T extends { readonly atMs: number }>(facts: readonly T[]): readonly T[] =>
      facts.filter(({ atMs }) => atMs >= fromMs).toSorted((a, b) => a.atMs - b.atMs)
    return { nodeEvents: inOrder(this.#nodeFacts), carrierEvents: inOrder(this.#carrierFacts) }
  }

  /** Hears every event of the nodes; gives back the end of listening. */
  onEvent(listener: (event: WatchedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What kills a node ends what it tells, too: until `hearAgain`. */
  expectEnd(node: DemoNode): void {
    this.#dead.add(node.id)
  }

  /** Listens to a node that is back. */
  async hearAgain(node: DemoNode): Promise<void> {
    this.#dead.delete(node.id)
    await this.#follow(node)
  }

  close(): void {
    this.#end.abort()
    for (const stop of this.#stops) stop()
  }

  /** Each node tells its own events: those of the others come to it later. */
  #follow(node: DemoNode): Promise<void> {
    const onEnd = (error: unknown): void => {
      if (this.#dead.has(node.id)) return
      this.#failure = new Error(`node ${node.id} could not be watched to the end`, { cause: error })
    }
    const onEvent = (json: string): void => {
      const event = eventAnswer.parse(JSON.parse(json))
      if (event.node !== node.id) return
      this.#nodeFacts.push(nodeFact(event))
      for (const listener of this.#listeners) listener(event)
    }
    return node.api.follow(onEvent, onEnd, this.#end.signal)
  }
}

const nodeFact = ({
  at,
  node,
  event,
  trunk,
  from,
  to,
  channel,
  reason,
  blame,
  call,
  gapMs,
  lost,
}: WatchedEvent): NodeFact => ({
  atMs: Date.parse(at),
  node,
  event,
  trunk: trunk ?? null,
  from: from ?? null,
  to: to ?? null,
  channel: channel ?? null,
  reason: reason ?? null,
  blame: blame ?? null,
  call: call ?? null,
  gapMs: gapMs ?? null,
  lost: lost ?? null,
})
