import { setTimeout as delay } from 'node:timers/promises'
import type { NodeId } from '../../lib/core/ids.ts'
import { listNodes } from './node-registry.ts'
import type { SharedState, Unsubscribe } from './shared-state.ts'

export interface RemoteDrainOptions {
  readonly self: NodeId
  readonly shared: SharedState
  /** Another node asks this one to drain, on behalf of an operator. */
  readonly onAsked: (actor: string) => void
}

const CHANNEL = 'drain'
/** How long a node may take to say in the registry that it drains, and how often it is looked for. */
const ANSWER_TIMEOUT_MS = 4000
const LOOK_INTERVAL_MS = 100

/** Drains nodes through any other node of the fleet: a ring, and the answer is what the node says of itself. */
export class RemoteDrain {
  readonly #options: RemoteDrainOptions
  readonly #stop: Unsubscribe

  private constructor(options: RemoteDrainOptions, stop: Unsubscribe) {
    this.#options = options
    this.#stop = stop
  }

  static async start(options: RemoteDrainOptions): Promise<RemoteDrain> {
    const stop = await options.shared.subscribe(CHANNEL, (ring) => {
      const asked = parseRing(ring)
      if (asked !== null && asked.node === options.self) options.onAsked(asked.actor)
    })
    return new RemoteDrain(options, stop)
  }

  /** Resolves when that node drains; `unknown` where none of that name heartbeats, `elsewhere` where it does not answer. */
  async ask(node: NodeId, actor: string): Promise<'done' | 'unknown' | 'elsewhere'> {
    const { shared } = this.#options
    if ((await stateOf(shared, node)) === undefined) return 'unknown'
    await shared.publish(CHANNEL, { node, actor })
    for (let waitedMs = 0; waitedMs < ANSWER_TIMEOUT_MS; waitedMs += LOOK_INTERVAL_MS) {
      if ((await stateOf(shared, node)) === 'draining') return 'done'
      await delay(LOOK_INTERVAL_MS)
    }
    return 'elsewhere'
  }

  async close(): Promise<void> {
    await this.#stop()
  }
}

const stateOf = async (shared: SharedState, node: NodeId) =>
  (await listNodes(shared)).find(({ id }) => id === node)?.state

function parseRing(ring: unknown): { readonly node: string; readonly actor: string } | null {
  if (typeof ring !== 'object' || ring === null || !('node' in ring) || !('actor' in ring)) return null
  const { node, actor } = ring
  return typeof node === 'string' && typeof actor === 'string' ? { node, actor } : null
}
