import { randomUUID } from 'node:crypto'
import type { NodeId, TrunkId } from '../../lib/core/ids.ts'
import {
  type ChannelStates,
  type HeardReports,
  hearReports,
  reportOf,
  VERDICT_PREFIX,
  votersOn,
} from '../../lib/fleet/reports.ts'
import { type FleetVerdict, fleetVerdict } from '../../lib/fleet/verdict.ts'
import type { SharedState, Unsubscribe } from './shared-state.ts'
import type { FleetSnapshot } from './snapshot.ts'

export interface TrunkVerdictsOptions {
  readonly self: NodeId
  readonly shared: SharedState
  /** Of `VERDICT_PREFIX` at least. */
  readonly snapshot: FleetSnapshot
  /** Whether the others hear of it. */
  readonly votes?: boolean
  /** What this node has found out: each of its trunks, by channel. */
  readonly own: () => ReadonlyMap<TrunkId, ChannelStates>
  /** Hears the fleet's verdict on each of those trunks whenever it may have changed. */
  readonly onVerdicts: (verdicts: ReadonlyMap<TrunkId, FleetVerdict>) => void
  readonly heartbeatMs: number
  /** A node that has not been heard of for so long has no vote. */
  readonly ttlMs: number
  readonly onError: (error: unknown) => void
  /** Monotonic. */
  readonly nowMs?: () => number
}

const CHANNEL = 'verdicts'

/**
 * The nodes' verdicts on trunks: publishes those of this node each heartbeat and at each change, and counts what all say
 * (lib/fleet/verdict.ts). A ring says whose report has changed. While the shared state is away the reports of the others
 * grow old, and after `ttlMs` this node goes by its own evidence alone.
 */
export class TrunkVerdicts {
  readonly #options: TrunkVerdictsOptions
  readonly #nowMs: () => number
  readonly #run = randomUUID()
  readonly #stops: (Unsubscribe | (() => void))[] = []
  readonly #timer: NodeJS.Timeout
  #beats = 0
  #heard: HeardReports = new Map()
  #isDue = false
  #publishing: Promise<void> | null = null
  #closed = false

  private constructor(options: TrunkVerdictsOptions) {
    this.#options = options
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#timer = setInterval(() => this.changed(), options.heartbeatMs).unref()
  }

  /** Resolves when rings are heard, or cannot be heard now. */
  static async start(options: TrunkVerdictsOptions): Promise<TrunkVerdicts> {
    const { self, shared, snapshot } = options
    const verdicts = new TrunkVerdicts(options)
    verdicts.#stops.push(
      await shared.subscribe(CHANNEL, (node) => void (node !== self && snapshot.refresh())),
      snapshot.onRead(() => verdicts.#hear()),
      shared.onState(({ state }) => state === 'up' && verdicts.changed()),
    )
    verdicts.#hear()
    verdicts.changed()
    return verdicts
  }

  /** What this node has found out may be another thing now: counts the votes anew, and tells the others. */
  changed(): void {
    this.#count()
    if (this.#options.votes === false) return
    this.#isDue = true
    this.#publishing ??= this.#publish()
  }

  /** Takes this node's report back, so that its votes end with it. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    for (const stop of this.#stops) await stop()
    await this.#publishing
    const { shared, self, onError } = this.#options
    await shared
      .delete(VERDICT_PREFIX + self)
      .then(() => shared.publish(CHANNEL, self))
      .catch(onError)
  }

  #hear(): void {
    const { snapshot, self } = this.#options
    this.#heard = hearReports(this.#heard, snapshot.list(VERDICT_PREFIX), self, this.#nowMs())
    this.#count()
  }

  #count(): void {
    const { self, own, ttlMs, onVerdicts } = this.#options
    const nowMs = this.#nowMs()
    onVerdicts(
      new Map(
        [...own()].map(([trunk, channels]) => {
          const voters = votersOn(trunk, { node: self, channels }, this.#heard, nowMs)
          return [trunk, fleetVerdict(voters, nowMs, ttlMs)]
        }),
      ),
    )
  }

  /** One report at a time, and always the newest: many changes in a row are one or two reports. */
  async #publish(): Promise<void> {
    const { shared, self, own, ttlMs, onError } = this.#options
    while (this.#isDue && !this.#closed) {
      this.#isDue = false
      this.#beats += 1
      try {
        await shared.put(VERDICT_PREFIX + self, reportOf(`${this.#run}-${this.#beats}`, own()), ttlMs)
        await shared.publish(CHANNEL, self)
      } catch (error) {
        onError(error) // The next beat tries again.
      }
    }
    this.#publishing = null // In the same step as the last look at `#isDue`.
  }
}
