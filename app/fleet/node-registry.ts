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
  readonly onError: (error: unknown) => void
}

const PREFIX = 'node:'

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
    await this.#options.shared.delete(PREFIX + this.#options.entry().id)
  }

  /** One beat at a time: a slow store is not asked again before it has answered. */
  #beat(): void {
    this.#beating ??= this.#put().finally(() => {
      this.#beating = null
    })
  }

  async #put(): Promise<void> {
    const { shared, entry, ttlMs, onError } = this.#options
    try {
      const now = entry()
      await shared.put(PREFIX + now.id, now, ttlMs)
    } catch (error) {
      onError(error)
    }
  }
}

/** All nodes that the shared state has heard of lately. */
export async function listNodes(shared: SharedState): Promise<readonly NodeEntry[]> {
  const entries = await shared.list(PREFIX)
  return [...entries.values()].filter(isNodeEntry)
}

/** Another version of Tandem may have written it: what we rely on is checked. */
function isNodeEntry(value: unknown): value is NodeEntry {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'state' in value
  )
}
