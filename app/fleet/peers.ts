import { type NodeId, nodeId } from '../../lib/core/ids.ts'
import type { Peer, SipPlace } from '../../lib/route/snapshot.ts'
import type { PingResult } from '../signaling/sip-ping.ts'
import type { NodeEntry } from './node-registry.ts'

export interface PeersOptions {
  readonly self: NodeId
  /** Other nodes that the config names, for fleets without a common store. */
  readonly configured: readonly SipPlace[]
  /** The registry: every node that heartbeats. */
  readonly nodes: () => Promise<readonly NodeEntry[]>
  readonly ping: (uri: string) => Promise<PingResult>
  readonly intervalMs: number
  /** The set of other nodes has changed: their addresses must be let in, as they ping us. */
  readonly onAddresses: (hosts: readonly string[]) => void
  readonly onError: (error: unknown) => void
}

interface Watched {
  readonly peer: Peer
  misses: number
  /** It answered the last OPTIONS with 200: a call would be served. */
  serving: boolean
}

/** Nodes that have missed so many OPTIONS in a row are offered to nobody; one lost packet is forgiven. */
const MISSES = 2

/** The other nodes, as far as they would serve a call: they heartbeat, say so, and answer SIP themselves. */
export class Peers {
  readonly #options: PeersOptions
  readonly #watched = new Map<string, Watched>()
  readonly #timer: NodeJS.Timeout
  #round: Promise<void> | null = null
  #closed = false

  constructor(options: PeersOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#next(), options.intervalMs)
    this.#next()
  }

  /** Who would serve a call now. */
  get serving(): readonly Peer[] {
    return [...this.#watched.values()].filter(({ serving }) => serving).map(({ peer }) => peer)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#round
  }

  #next(): void {
    this.#round ??= this.#watch()
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => {
        this.#round = null
      })
  }

  async #watch(): Promise<void> {
    this.#update(await this.#options.nodes().catch(() => null))
    await Promise.all(
      [...this.#watched].map(async ([key, watched]) => {
        const { hostPort, transport } = watched.peer
        const result = await this.#options.ping(`sip:${hostPort}${transport === null ? '' : `;transport=${transport}`}`)
        if (this.#closed || this.#watched.get(key) !== watched) return
        const answered = result.kind === 'answer'
        watched.misses = answered ? 0 : watched.misses + 1
        if (answered) watched.serving = result.status === 200
        else if (watched.misses >= MISSES) watched.serving = false
      }),
    )
  }

  /** Null: the registry cannot be read now; those known before stay, and their answers decide. */
  #update(nodes: readonly NodeEntry[] | null): void {
    const before = [...this.#watched.keys()].sort().join()
    if (nodes !== null) {
      const known = new Map<string, Peer>()
      for (const place of this.#options.configured)
        known.set(keyOf(place), { ...place, ...UNREGISTERED, id: nodeId(place.hostPort) })
      for (const entry of nodes) {
        if (entry.id === this.#options.self) continue
        const peer = peerOf(entry)
        known.set(keyOf(peer), peer)
      }
      for (const key of this.#watched.keys()) if (!known.has(key)) this.#watched.delete(key)
      for (const [key, peer] of known) {
        const { misses, serving } = this.#watched.get(key) ?? { misses: 0, serving: false }
        this.#watched.set(key, { peer, misses, serving })
      }
    }
    if ([...this.#watched.keys()].sort().join() !== before) {
      this.#options.onAddresses([...this.#watched.values()].map(({ peer }) => hostOf(peer)))
    }
  }
}

/** What is assumed of a node that only the config knows. */
const UNREGISTERED = { region: '', load: 0 } as const

const keyOf = ({ hostPort, transport }: SipPlace): string => `${transport ?? 'udp'} ${hostPort}`

const hostOf = ({ hostPort }: SipPlace): string => hostPort.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

const peerOf = ({ id, region, sip, calls, maxCalls }: NodeEntry): Peer => ({
  id,
  region,
  load: maxCalls === 0 ? 1 : calls / maxCalls,
  ...sip,
})
