import type { Logger } from 'pino'
import { type NodeId, nodeId } from '../../lib/core/ids.ts'
import { parseEventId } from '../../lib/observe/event-id.ts'
import type { SharedState, Unsubscribe } from '../fleet/shared-state.ts'
import type { CallStore } from '../store/port.ts'
import type { WrittenEvents } from '../store/written-events.ts'
import type { EventLog } from './event-log.ts'

export interface FleetEventsOptions {
  readonly self: NodeId
  readonly shared: SharedState
  readonly store: Pick<CallStore, 'eventsOf' | 'lastEventOf'>
  readonly events: EventLog
  /** Tells each time that Postgres has taken events of this node. */
  readonly onEventsWritten: (listener: (written: WrittenEvents) => void) => () => void
  readonly log: Logger
}

const CHANNEL = 'events'
/** Batches that are written faster than this ring once. */
const RING_INTERVAL_MS = 50
/** How often others are looked at without a ring, while someone reads. */
const LOOK_INTERVAL_MS = 2000
const PAGE = 500
/** Nodes that are followed; more are no fleet. */
const MAX_NODES = 256

/**
 * Brings the events of all nodes to the readers of this one. A node rings when Postgres has events of it, and those who
 * have readers fetch them: in the order of that node, and none twice. Nothing is fetched while nobody reads.
 */
export class FleetEvents {
  readonly #options: FleetEventsOptions
  readonly #stops: (Unsubscribe | (() => void))[] = []
  readonly #look: NodeJS.Timeout
  /** The last event of each other node that readers have, or that was before their time. */
  readonly #shown = new Map<NodeId, number>()
  /** What each has rung for. */
  readonly #rung = new Map<NodeId, number>()
  /** Rings may have been missed while nobody read: what was before a reader came is not for it. */
  #stale = false
  #written: WrittenEvents | null = null
  #ring: NodeJS.Timeout | undefined
  #fetching: Promise<void> | null = null
  #closed = false

  private constructor(options: FleetEventsOptions) {
    this.#options = options
    this.#look = setInterval(() => this.#fetch(), LOOK_INTERVAL_MS).unref()
  }

  /** Resolves when rings are heard, or cannot be now. */
  static async start(options: FleetEventsOptions): Promise<FleetEvents> {
    const feed = new FleetEvents(options)
    const { shared, onEventsWritten } = options
    feed.#stops.push(
      onEventsWritten((written) => feed.#onWritten(written)),
      await shared.subscribe(CHANNEL, (ring) => feed.#onRing(ring)),
      shared.onState(({ state }) => feed.#onState(state)),
    )
    return feed
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#look)
    clearTimeout(this.#ring)
    for (const stop of this.#stops) await stop()
    await this.#fetching
  }

  #onWritten({ after, last }: WrittenEvents): void {
    this.#written = { after: this.#written?.after ?? after, last }
    this.#ring ??= setTimeout(() => this.#sendRing(), RING_INTERVAL_MS).unref()
  }

  #sendRing(): void {
    this.#ring = undefined
    const { self, shared } = this.#options
    const written = this.#written
    this.#written = null
    // Unheard where the shared state is away: the others look by themselves.
    if (written !== null) void shared.publish(CHANNEL, { node: self, ...written }).catch(() => undefined)
  }

  #onRing(ring: unknown): void {
    const rung = parseRing(ring)
    if (rung === null || rung.node === this.#options.self) return
    const { node, after, last } = rung
    if (!this.#shown.has(node)) {
      if (this.#shown.size >= MAX_NODES) return
      this.#passOver(node, after)
    }
    this.#rung.set(node, Math.max(last, this.#rung.get(node) ?? 0))
    if (this.#options.events.readers === 0) this.#passOver(node, last)
    else this.#fetch()
  }

  #onState(state: 'up' | 'down'): void {
    if (state === 'up') this.#fetch()
    else if (this.#options.events.readers === 0) this.#stale = true
  }

  #passOver(node: NodeId, sequence: number): void {
    this.#shown.set(node, Math.max(sequence, this.#shown.get(node) ?? 0))
    this.#options.events.passOver(node, sequence)
  }

  #fetch(): void {
    this.#fetching ??= this.#fetchAll()
      .catch((error: unknown) => this.#options.log.debug({ err: error }, 'events of other nodes cannot be read now'))
      .finally(() => {
        this.#fetching = null
      })
  }

  async #fetchAll(): Promise<void> {
    const { events, store } = this.#options
    if (this.#stale) {
      for (const node of this.#shown.keys()) this.#passOver(node, (await store.lastEventOf(node)) ?? 0)
      this.#stale = false
    }
    if (events.readers === 0) return
    for (const node of this.#shown.keys()) await this.#fetchNode(node)
    // Rung while others were fetched.
    const missed = (): NodeId | undefined =>
      [...this.#rung].find(([node, last]) => last > (this.#shown.get(node) ?? last))?.[0]
    for (let node = missed(); node !== undefined && !this.#closed; node = missed()) await this.#fetchNode(node)
  }

  async #fetchNode(node: NodeId): Promise<void> {
    const { events, store } = this.#options
    const rung = this.#rung.get(node) ?? 0
    let page = PAGE
    while (page === PAGE && !this.#closed) {
      const fetched = await store.eventsOf(node, this.#shown.get(node) ?? 0, PAGE)
      for (const event of fetched) {
        events.admit(event)
        this.#shown.set(node, parseEventId(event.id)?.sequence ?? 0)
      }
      page = fetched.length
    }
    // An event that Postgres did not take is not there, though it was rung for.
    this.#shown.set(node, Math.max(rung, this.#shown.get(node) ?? 0))
  }
}

interface Ring extends WrittenEvents {
  readonly node: NodeId
}

function parseRing(ring: unknown): Ring | null {
  if (typeof ring !== 'object' || ring === null || !('node' in ring) || !('after' in ring) || !('last' in ring))
    return null
  const { node, after, last } = ring
  if (typeof node !== 'string' || !Number.isSafeInteger(after) || !Number.isSafeInteger(last)) return null
  return { node: nodeId(node), after: Number(after), last: Number(last) }
}
