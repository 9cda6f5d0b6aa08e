import type { TrunkConfig } from '../../lib/config/resolve.ts'
import type { TrunkId } from '../../lib/core/ids.ts'
import { type HonouredState, honour } from '../../lib/fleet/honoured.ts'
import type { ChannelStates } from '../../lib/fleet/reports.ts'
import type { FleetVerdict } from '../../lib/fleet/verdict.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { serverUri } from '../../lib/sip/rfc3263.ts'
import {
  channelStates,
  deadlineMs,
  effectiveState,
  type HealthEffect,
  type HealthEvent,
  type HealthState,
  newHealth,
  stepHealth,
} from '../../lib/trunk/health.ts'
import { isUsable } from '../../lib/trunk/probe-target.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'
import { freeze, thaw } from '../../lib/trunk/stored-health.ts'
import type { ServerLocator } from '../dns/server-locator.ts'
import type { PingResult } from '../signaling/sip-ping.ts'
import type { HealthFile } from './health-file.ts'
import { TrunkTargets } from './trunk-targets.ts'

export interface TrunkHealthOptions {
  readonly trunks: readonly TrunkConfig[]
  /** Finds the addresses of a trunk, by the look-ups that calls use too. */
  readonly locator: Pick<ServerLocator, 'resolve'>
  /** OPTIONS over the path that calls take, to the URI `nextHop`. */
  readonly ping: (uri: string, timeoutMs: number, nextHop: string) => Promise<PingResult>
  readonly emit: EmitEvent
  /** What an earlier run of this node knew. */
  readonly file: HealthFile
}

interface Watched {
  config: TrunkConfig
  state: HealthState
  fleet: FleetVerdict
  honoured: HonouredState
  /** What was told last of its channels (`channelStates`). */
  told: string
}

/** A trunk as this node sees it now. */
export interface TrunkSight {
  readonly config: TrunkConfig
  /** Of the machine that weighs the evidence of this node. */
  readonly state: HealthState
  readonly fleet: FleetVerdict
  /** What calls go by. */
  readonly honoured: HonouredState
  readonly nowMs: number
}

const NO_VOTES: FleetVerdict = { state: 'active', votes: new Map() }

/** A wait longer than this is cut in two: timers of Node overflow at 2^31 ms. */
const LONGEST_WAIT_MS = 3_600_000

/**
 * Drives lib/trunk/health.ts for every trunk of this node: clock, OPTIONS, events, and what is kept over a restart. What
 * calls go by is the worse of that and of what the fleet says.
 */
export class TrunkHealth {
  readonly #options: TrunkHealthOptions
  readonly #targets: TrunkTargets
  readonly #trunks = new Map<TrunkId, Watched>()
  #states: ReadonlyMap<TrunkId, TrunkState> = new Map()
  #onEvidence: () => void = () => undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: TrunkHealthOptions) {
    this.#options = options
    this.#targets = new TrunkTargets({
      locator: options.locator,
      onTargets: (id, targets) => this.feed(id, { kind: 'targets', targets, random: Math.random() }),
    })
    this.setTrunks(options.trunks)
  }

  /** The state of each trunk that calls go by. */
  get states(): ReadonlyMap<TrunkId, TrunkState> {
    return this.#states
  }

  /** What each channel of each trunk says: what this node tells the others. */
  channels(): ReadonlyMap<TrunkId, ChannelStates> {
    const nowMs = performance.now()
    return new Map([...this.#trunks].map(([id, { state, config }]) => [id, channelStates(state, nowMs, config)]))
  }

  /** The listener hears each time that `channels` has changed by an event; what changes as time passes it is not told. */
  onEvidence(listener: () => void): void {
    this.#onEvidence = listener
  }

  /** What the fleet says of the trunks from now on. */
  hearFleet(verdicts: ReadonlyMap<TrunkId, FleetVerdict>): void {
    for (const [id, watched] of this.#trunks) {
      watched.fleet = verdicts.get(id) ?? NO_VOTES
      this.#honour(id, watched)
    }
  }

  /** All that is known of a trunk; null: no such trunk. */
  health(id: TrunkId): TrunkSight | null {
    const watched = this.#trunks.get(id)
    return watched === undefined ? null : { ...watched, nowMs: performance.now() }
  }

  /** From a config read anew: what is known of a trunk that stays is kept. */
  setTrunks(trunks: readonly TrunkConfig[]): void {
    const ids = new Set(trunks.map(({ id }) => id))
    for (const id of this.#trunks.keys()) if (!ids.has(id)) this.#trunks.delete(id)
    const nowMs = performance.now()
    for (const config of trunks) {
      const watched = this.#trunks.get(config.id)
      if (watched === undefined) {
        const stored = this.#options.file.read(config.id)
        const state = thaw(stored, nowMs) ?? newHealth(nowMs)
        const honoured = honour(null, effectiveState(state), NO_VOTES, nowMs)
        this.#trunks.set(config.id, { config, state, fleet: NO_VOTES, honoured, told: '' })
      } else watched.config = config
    }
    this.#targets.setTrunks(trunks)
    for (const id of this.#trunks.keys()) this.feed(id, { kind: 'tick', random: Math.random() })
    this.#publish()
  }

  /** Whether a target of a trunk, by its name, takes calls as far as probes tell; true where they tell nothing of it. */
  answers(id: TrunkId, name: string): boolean {
    const target = this.#trunks.get(id)?.state.probe.targets.find((one) => one.target === name)
    return target === undefined || isUsable(target)
  }

  /** Evidence, or an operator's word. An unknown trunk is one that the config has dropped meanwhile. */
  feed(id: TrunkId, event: HealthEvent): void {
    const watched = this.#trunks.get(id)
    if (watched === undefined || this.#closed) return
    const nowMs = performance.now()
    const { state, effects } = stepHealth(watched.state, event, nowMs, watched.config)
    watched.state = state
    const told = JSON.stringify(channelStates(state, nowMs, watched.config))
    const isNews = told !== watched.told
    watched.told = told
    // The votes first: what the fleet says rests on what this node says, and both change at once.
    if (isNews) this.#onEvidence()
    this.#honour(id, watched)
    for (const effect of effects) this.#perform(id, watched.config, effect)
    this.#arm()
  }

  /** Stops probing, and keeps what is known for the next run. */
  async close(): Promise<void> {
    this.#closed = true
    this.#targets.close()
    clearTimeout(this.#timer)
    this.#keep()
    await this.#options.file.close()
  }

  #perform(id: TrunkId, config: TrunkConfig, effect: HealthEffect): void {
    switch (effect.kind) {
      case 'probe':
        void this.#probe(id, config, effect.target, effect.serial)
        return
      case 'changed': // Told by `#honour`, where it is what calls go by.
        return this.#keep()
      case 'overrideExpired': // Told once for the whole fleet, by app/fleet/overrides.ts.
      case 'canaryDue':
    }
  }

  /** Goes by what is known now, and tells of it where that is another state than before. */
  #honour(id: TrunkId, watched: Watched): void {
    const before = watched.honoured
    const now = honour(before, effectiveState(watched.state), watched.fleet, performance.now())
    watched.honoured = now
    if (now.state === before.state) return
    const { state: to, channel, reason } = now
    const level = to === 'active' ? 'info' : 'warn'
    this.#options.emit({ event: 'trunk.state', level, trunk: id, from: before.state, to, channel, reason })
    this.#publish()
  }

  async #probe(id: TrunkId, config: TrunkConfig, name: string, serial: number): Promise<void> {
    const target = await this.#targets.find(id, name)
    if (target === undefined) return
    if (target.server === null) {
      return this.feed(id, { kind: 'unanswered', target: name, serial, reason: target.problem })
    }
    const result = await this.#options.ping(target.uri, config.probe.timeoutMs, serverUri(target.server))
    if (result.kind === 'answer') {
      const { status, retryAfterS } = result
      const retryAfterMs = retryAfterS === null ? null : retryAfterS * 1_000
      this.feed(id, { kind: 'answered', target: name, serial, status, retryAfterMs })
    } else if (result.kind === 'away') {
      this.feed(id, { kind: 'unsent', target: name, serial })
    } else {
      const reason = result.kind === 'transport' ? result.reason : 'no answer'
      this.feed(id, { kind: 'unanswered', target: name, serial, reason })
    }
  }

  #publish(): void {
    this.#states = new Map([...this.#trunks].map(([id, { honoured }]) => [id, honoured.state]))
  }

  #keep(): void {
    const nowMs = performance.now()
    this.#options.file.write(new Map([...this.#trunks].map(([id, { state }]) => [id, freeze(state, nowMs)])))
  }

  /** One timer, for whichever trunk wants to be woken first. */
  #arm(): void {
    clearTimeout(this.#timer)
    const atMs = Math.min(...[...this.#trunks.values()].map(({ state }) => deadlineMs(state)))
    if (this.#closed || atMs === Number.POSITIVE_INFINITY) return
    const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(atMs - performance.now())))
    this.#timer = setTimeout(() => this.#wake(), waitMs)
  }

  #wake(): void {
    const nowMs = performance.now()
    for (const [id, { state }] of this.#trunks) {
      if (deadlineMs(state) <= nowMs) this.feed(id, { kind: 'tick', random: Math.random() })
    }
    this.#arm()
  }
}
