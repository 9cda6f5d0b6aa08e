import type { NodeId } from '../../lib/core/ids.ts'
import { NODE_PREFIX, type NodeEntry, saidGoodbye, toNodeEntries } from './node-registry.ts'
import type { SharedState } from './shared-state.ts'
import type { FleetSnapshot } from './snapshot.ts'

export interface NodeWatchOptions {
  readonly self: NodeId
  readonly shared: SharedState
  /** Of `NODE_PREFIX` at least. */
  readonly snapshot: FleetSnapshot
  /** A node's heartbeat has ended without a goodbye. Each node that watches hears of it. */
  readonly onLost: (entry: NodeEntry) => void
}

/** How long a lost node is still shown, and how many of them. */
const LOST_SHOWN_MS = 600_000
const MAX_LOST = 100

/** Knows the nodes of the fleet, as last heard, and notices when one is lost. */
export class NodeWatch {
  readonly #options: NodeWatchOptions
  readonly #stop: () => void
  readonly #lost = new Map<NodeId, { readonly entry: NodeEntry; readonly atMs: number }>()
  #known: ReadonlyMap<NodeId, NodeEntry> = new Map()

  constructor(options: NodeWatchOptions) {
    this.#options = options
    this.#stop = options.snapshot.onRead(() => this.#look())
  }

  /** Every node that heartbeats, or did when the shared state last answered. */
  get nodes(): readonly NodeEntry[] {
    return [...this.#known.values()]
  }

  /** Nodes that were lost lately and have not come back. */
  get lost(): readonly NodeEntry[] {
    const shownSinceMs = performance.now() - LOST_SHOWN_MS
    return [...this.#lost.values()].flatMap(({ entry, atMs }) => (atMs >= shownSinceMs ? [entry] : []))
  }

  close(): void {
    this.#stop()
  }

  #look(): void {
    const { self, snapshot } = this.#options
    const entries = toNodeEntries(snapshot.list(NODE_PREFIX))
    const now = new Map(entries.map((entry) => [entry.id, entry]))
    for (const id of now.keys()) this.#lost.delete(id)
    const gone = [...this.#known.values()].filter(({ id }) => id !== self && !now.has(id))
    this.#known = now
    for (const entry of gone) void this.#onGone(entry)
  }

  async #onGone(entry: NodeEntry): Promise<void> {
    if (await saidGoodbye(this.#options.shared, entry)) return
    const oldest = this.#lost.size >= MAX_LOST ? this.#lost.keys().next().value : undefined
    if (oldest !== undefined) this.#lost.delete(oldest)
    this.#lost.set(entry.id, { entry, atMs: performance.now() })
    this.#options.onLost(entry)
  }
}
