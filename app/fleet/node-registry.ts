import type { NodeId } from '../../lib/core/ids.ts'
import type { SharedState } from './shared-state.ts'

/** What a node says of itself in the shared state, each heartbeat. */
export interface NodeView {
  readonly id: NodeId
  readonly region: string
  /** Its SIP addresses, as `udp/HOST:PORT`. */
  readonly sip: readonly string[]
  readonly state: 'ready' | 'draining' | 'impaired'
  /** Why it would serve no call now. */
  readonly impediments: readonly string[]
  readonly calls: number
  readonly startedAt: string
  readonly version: string
}

export interface HeartbeatOptions {
  readonly shared: SharedState
  readonly view: () => NodeView
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
    await this.#options.shared.delete(PREFIX + this.#options.view().id)
  }

  /** One beat at a time: a slow store is not asked again before it has answered. */
  #beat(): void {
    this.#beating ??= this.#put().finally(() => {
      this.#beating = null
    })
  }

  async #put(): Promise<void> {
    const { shared, view, ttlMs, onError } = this.#options
    try {
      const now = view()
      await shared.put(PREFIX + now.id, now, ttlMs)
    } catch (error) {
      onError(error)
    }
  }
}

/** All nodes that the shared state has heard of lately. */
export async function listNodes(shared: SharedState): Promise<readonly NodeView[]> {
  const entries = await shared.list(PREFIX)
  return [...entries.values()].filter(isNodeView)
}

/** Another version of Tandem may have written it: what we rely on is checked. */
function isNodeView(value: unknown): value is NodeView {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'state' in value
  )
}
