import { BlockPool } from '../../../lib/media/block-pool.ts'
import { byRoom } from '../../../lib/media/freeswitch-facts.ts'
import { newAgentMeter } from '../../agent/meter.ts'
import { createAgentTalker } from '../../agent/talker.ts'
import type { MediaServerFigures } from '../../observe/media-metrics.ts'
import { TickWheel } from '../embedded/tick-wheel.ts'
import { MediaError } from '../embedded/worker-host.ts'
import type { LegEvent, LegSpec, MediaEngine, MediaLeg } from '../port.ts'
import type { Talker } from '../talker.ts'
import { ForkLine } from './fork-line.ts'
import { FreeSwitchLeg } from './leg.ts'
import { FreeSwitchServer, type ServerAddress, type SipCaller } from './server.ts'

/** Of the playout queues: half a second of G.711 each, and some of them kept. */
const BLOCK_BYTES = 4096
const FREE_BLOCKS = 256

export interface FreeSwitchOptions {
  readonly servers: readonly ServerAddress[]
  /** The SIP server through which FreeSWITCH is called: drachtio-server, or our own. */
  readonly sip: SipCaller
  readonly codecs: readonly string[]
  readonly silenceTimeoutMs: number
  /** Who talks on a leg, in place of the realtime agent: for tests. */
  readonly createTalker?: (spec: LegSpec, emit: (event: LegEvent) => void) => Talker
  /** A server is there, for the first time or again. */
  readonly onConnected: (server: string) => void
  /** A server is lost, and the calls on it with it; or it could not be reached at the start. */
  readonly onLost: (server: string, reason: string) => void
  readonly onWarning: (message: string) => void
}

/** Starts the media engine on FreeSWITCH. Servers that cannot be reached now are tried on and on. */
export async function startFreeSwitch(options: FreeSwitchOptions): Promise<FreeSwitchMedia> {
  const media = new FreeSwitchMedia(options)
  await media.start()
  return media
}

/** RTP is FreeSWITCH's; the agents of all legs talk on this thread. */
export class FreeSwitchMedia implements MediaEngine {
  readonly #options: FreeSwitchOptions
  readonly #servers: readonly FreeSwitchServer[]
  readonly #open = new Set<FreeSwitchLeg>()
  readonly #wheel = new TickWheel(() => performance.now())
  readonly #pool = new BlockPool(BLOCK_BYTES, FREE_BLOCKS)
  readonly #meter = newAgentMeter()
  #closing = false

  constructor(options: FreeSwitchOptions) {
    this.#options = options
    this.#servers = options.servers.map(
      (address) =>
        new FreeSwitchServer(address, options.sip, {
          onUp: ({ name }) => options.onConnected(name),
          onDown: (server, reason) => this.#onDown(server, reason),
        }),
    )
  }

  get legs(): number {
    return this.#open.size
  }

  /** How each server fares. */
  get servers(): readonly MediaServerFigures[] {
    return this.#servers.map((server) => ({
      server: server.name,
      up: server.up,
      calls: [...this.#open].filter((leg) => leg.server === server).length,
      sessions: server.up ? server.load.sessions : 0,
      maxSessions: server.up ? server.load.maxSessions : 0,
    }))
  }

  /** Why no call can be carried now; null where one can. */
  get impediment(): string | null {
    if (this.#servers.some(({ up }) => up)) return null
    return this.#servers.map(({ name, reason }) => `FreeSWITCH at ${name}: ${reason}`).join('; ')
  }

  async start(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.start()))
  }

  async open(spec: LegSpec): Promise<MediaLeg> {
    if (this.#closing) throw new MediaError('media-lost', 'media is being stopped')
    if (this.impediment !== null) throw new MediaError('media-lost', this.impediment)
    let closed = false
    const emit = (event: LegEvent): void => {
      if (!closed) spec.onEvent(event)
    }
    const talker = this.#createTalker(spec, emit)
    const openedAtMs = performance.now()
    const line = new ForkLine(this.#pool, {
      onFrame: (frame, nowMs) => talker.onAudio(frame, nowMs),
      onFirstAudio: (nowMs) => emit({ kind: 'firstAudio', afterMs: nowMs - openedAtMs }),
    })
    const leg: FreeSwitchLeg = new FreeSwitchLeg({
      servers: () => byRoom(this.#servers),
      codecs: this.#options.codecs,
      silenceTimeoutMs: this.#options.silenceTimeoutMs,
      talker,
      line,
      recording: spec.recording ?? null,
      emit,
      warn: (message) => this.#options.onWarning(`leg ${spec.legId}: ${message}`),
      onClosed: () => {
        closed = true
        this.#wheel.delete(leg)
        this.#open.delete(leg)
      },
    })
    this.#open.add(leg)
    this.#wheel.add(leg)
    return leg
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#open].map((leg) => leg.close()))
    await Promise.all(this.#servers.map((server) => server.close()))
  }

  #createTalker(spec: LegSpec, emit: (event: LegEvent) => void): Talker {
    if (this.#options.createTalker !== undefined) return this.#options.createTalker(spec, emit)
    if (spec.talker.kind !== 'agent') throw new MediaError('media-failed', 'FreeSWITCH carries agents only')
    return createAgentTalker(spec.talker.agent, emit, this.#meter)
  }

  #onDown(server: FreeSwitchServer, reason: string): void {
    this.#options.onLost(server.name, reason)
    for (const leg of this.#open) if (leg.server === server) leg.fail(`FreeSWITCH at ${server.name} is lost: ${reason}`)
  }
}
