import type { Config } from '../../lib/config/resolve.ts'
import type { NodeId } from '../../lib/core/ids.ts'
import {
  startTakeover,
  stepTakeover,
  type TakeoverEffect,
  type TakeoverInput,
  type TakeoverState,
} from '../../lib/fleet/takeover.ts'
import type { PingResult } from '../signaling/sip-ping.ts'
import { NODE_PREFIX, type NodeEntry, toNodeEntries } from './node-registry.ts'
import type { FleetSnapshot } from './snapshot.ts'
import type { Notes, TakeOver } from './take-over.ts'

export interface SurvivorOptions {
  readonly self: NodeId
  readonly fleet: Pick<Config['fleet'], 'leaseMs' | 'settleMs' | 'ownerProbes'>
  /** Of `NODE_PREFIX` at least. */
  readonly snapshot: Pick<FleetSnapshot, 'onRead' | 'onBroken' | 'list'>
  readonly ping: (uri: string, timeoutMs: number) => Promise<PingResult>
  readonly takeOver: Pick<TakeOver, 'note' | 'take'>
  readonly onError: (error: unknown) => void
}

interface Watched {
  /** As it was last heard. */
  entry: NodeEntry
  state: TakeoverState
  notes: Notes | null
  /** Notes asked for so far: those that come late are nobody's. */
  asked: number
}

const TICK_MS = 250
/** How often a node that has gone silent is asked by OPTIONS, and how long it may take to answer. */
const PROBE_MS = 1_000

/** Watches the other nodes by lib/fleet/takeover.ts, one machine each, and has the calls of those that are surely dead taken over. */
export class Survivor {
  readonly #options: SurvivorOptions
  readonly #watched = new Map<NodeId, Watched>()
  readonly #timer: NodeJS.Timeout
  readonly #stops: readonly (() => void)[]
  #closed = false

  constructor(options: SurvivorOptions) {
    const { snapshot } = options
    this.#options = options
    this.#timer = setInterval(() => this.#all(() => ({ kind: 'tick' })), TICK_MS).unref()
    this.#stops = [
      snapshot.onRead((sentAtMs) => this.#read(sentAtMs)),
      snapshot.onBroken(() => this.#all(() => ({ kind: 'broken' }))),
    ]
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    for (const stop of this.#stops) stop()
  }

  #read(sentAtMs: number): void {
    const { self, snapshot } = this.#options
    const there = new Map(toNodeEntries(snapshot.list(NODE_PREFIX)).map((entry) => [entry.id, entry]))
    for (const [id, entry] of there) {
      const known = this.#watched.get(id)
      if (known !== undefined) known.entry = entry
      else if (id !== self)
        this.#watched.set(id, { entry, state: startTakeover(performance.now()), notes: null, asked: 0 })
    }
    this.#all((id) => ({ kind: 'read', sentAtMs, isThere: there.has(id) }))
  }

  #all(input: (id: NodeId) => TakeoverInput): void {
    for (const [id, watched] of [...this.#watched]) this.#input(watched, input(id))
  }

  #input(watched: Watched, input: TakeoverInput): void {
    if (this.#closed) return
    const { leaseMs, settleMs, ownerProbes } = this.#options.fleet
    const config = { leaseMs, settleMs, ownerProbes, probeEveryMs: PROBE_MS }
    const nowMs = performance.now()
    const { state, effects } = stepTakeover(watched.state, input, nowMs, config)
    watched.state = state
    for (const effect of effects) void this.#perform(watched, effect, nowMs)
    // It is known anew as soon as it heartbeats.
    if (state.proof.kind === 'done') this.#watched.delete(watched.entry.id)
  }

  async #perform(watched: Watched, effect: TakeoverEffect, nowMs: number): Promise<void> {
    switch (effect) {
      case 'note':
        return this.#note(watched)
      case 'probe':
        return this.#input(watched, { kind: 'probed', sentAtMs: nowMs, answered: await this.#answers(watched.entry) })
      case 'take':
        return this.#take(watched)
    }
  }

  async #note(watched: Watched): Promise<void> {
    watched.asked += 1
    const { asked } = watched
    try {
      const notes = await this.#options.takeOver.note(watched.entry)
      if (asked !== watched.asked) return
      watched.notes = notes
      this.#input(watched, { kind: notes === null ? 'goodbye' : 'noted' })
    } catch (error) {
      this.#options.onError(error)
      if (asked === watched.asked) this.#input(watched, { kind: 'unnoted' })
    }
  }

  async #take(watched: Watched): Promise<void> {
    const { notes } = watched
    watched.notes = null
    try {
      if (notes !== null) await this.#options.takeOver.take(notes)
      this.#input(watched, { kind: 'taken' })
    } catch (error) {
      this.#options.onError(error)
      this.#input(watched, { kind: 'untaken' })
    }
  }

  async #answers({ id, sip }: NodeEntry): Promise<boolean> {
    const { hostPort, transport } = sip
    // Where another node has its place by now, the answer is that one's.
    const nodes = toNodeEntries(this.#options.snapshot.list(NODE_PREFIX))
    if (nodes.some((node) => node.id !== id && node.sip.hostPort === hostPort)) return false
    const uri = `sip:${hostPort}${transport === null ? '' : `;transport=${transport}`}`
    const result = await this.#options.ping(uri, PROBE_MS).catch(() => null)
    // That our own SIP server is away says nothing about the other node.
    return result?.kind === 'answer' || result?.kind === 'away'
  }
}
