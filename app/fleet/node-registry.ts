import type { NodeId } from '../../lib/core/ids.ts'
import type { SipPlace } from '../../lib/route/snapshot.ts'
import type { SharedState } from './shared-state.ts'

/** What a node says of itself in the shared state, each heartbeat; JSON. */
export interface NodeEntry {
  readonly id: NodeId
  readonly region: string
  /** Address that is advertised to carriers. */
  readonly address: string
  /** Where it takes SIP from carriers and other nodes. */
  readonly sip: SipPlace
  /** Its SIP sockets, as `udp/192.0.2.1:5060`; absent: an older version, which has none but `sip`. */
  readonly sockets?: readonly string[]
  /** Whether it answers DNS for the fleet's zone. */
  readonly dns?: boolean
  readonly state: 'starting' | 'ready' | 'draining'
  /** Why it would serve no call now. */
  readonly impediments: readonly string[]
  readonly version: string
  readonly startedAt: string
  readonly calls: number
  readonly maxCalls: number
}

export interface HeartbeatOptions {
  readonly shared: SharedState
  readonly entry: () => NodeEntry
  readonly intervalMs: number
  /** A node that has not been heard of for this long is gone. */
  readonly ttlMs: number
  /** The shared state has taken a beat that was sent then (monotonic). */
  readonly onRenewed?: (sentAtMs: number) => void
  readonly onError: (error: unknown) => void
}

/** Keys of the nodes' heartbeats. */
export const NODE_PREFIX = 'node:'
/** Keys of what a node leaves when it goes on purpose. */
const GOODBYE_PREFIX = 'goodbye:'
/** Until every node has noticed. */
const GOODBYE_TTL_MS = 60_000

/** Tells the fleet that this node lives, until it is closed; then it is gone from the registry at once. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #timer: NodeJS.Timeout
  #beating: Promise<void> | null = null

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#beat()
    this.#timer = setInterval(() => this.#beat(), options.intervalMs)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#beating
    const { shared, entry } = this.#options
    const { id, startedAt } = entry()
    await shared.put(GOODBYE_PREFIX + id, { startedAt }, GOODBYE_TTL_MS)
    await shared.delete(NODE_PREFIX + id)
  }

  /** Tells the fleet now, as what this node says of itself has changed. */
  beat(): void {
    this.#beat()
  }

  /** One beat at a time: a slow store is not asked again before it has answered. */
  #beat(): void {
    this.#beating ??= this.#put().finally(() => {
      this.#beating = null
    })
  }

  async #put(): Promise<void> {
    const { shared, entry, ttlMs, onRenewed, onError } = this.#options
    const sentAtMs = performance.now()
    try {
      const now = entry()
      await shared.put(NODE_PREFIX + now.id, now, ttlMs)
      onRenewed?.(sentAtMs)
    } catch (error) {
      onError(error)
    }
  }
}

/** All nodes that the shared state has heard of lately. */
export async function listNodes(shared: SharedState): Promise<readonly NodeEntry[]> {
  return toNodeEntries(await shared.list(NODE_PREFIX))
}

/** The nodes among values of the shared state. */
export const toNodeEntries = (values: ReadonlyMap<string, unknown>): readonly NodeEntry[] =>
  [...values.values()].filter(isNodeEntry)

/** Whether a node whose heartbeat has ended went on purpose; false where that cannot be known. */
export const saidGoodbye = (shared: SharedState, node: NodeEntry): Promise<boolean> =>
  readGoodbye(shared, node).catch(() => false)

/** Whether a node whose heartbeat has ended went on purpose; rejects where that cannot be known. */
export async function readGoodbye(shared: Pick<SharedState, 'get'>, { id, startedAt }: NodeEntry): Promise<boolean> {
  const goodbye = await shared.get(GOODBYE_PREFIX + id)
  return typeof goodbye === 'object' && goodbye !== null && 'startedAt' in goodbye && goodbye.startedAt === startedAt
}

/** Another version of Tandem may have written it: what we rely on is checked. */
function isNodeEntry(value: unknown): value is NodeEntry {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'state' in value
  )
}
