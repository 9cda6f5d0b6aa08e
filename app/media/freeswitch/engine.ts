import { byRoom } from '../../../lib/media/freeswitch-facts.ts'
import type { MediaServerFigures } from '../../observe/media-metrics.ts'
import type { LegHandle } from '../embedded/protocol.ts'
import { type HostSink, MediaError, type WorkerHost } from '../embedded/worker-host.ts'
import type { LegEvent, LegSpec, MediaEngine, MediaLeg, Standings, TalkerSpec } from '../port.ts'
import { WorkerPool } from '../worker-pool.ts'
import { FreeSwitchLeg } from './leg.ts'
import { RemoteVoice } from './remote-voice.ts'
import { FreeSwitchServer, type ServerAddress, type SipCaller } from './server.ts'

/** How often legs look whether their packets have to be counted. */
const WATCH_MS = 100

export interface FreeSwitchOptions {
  readonly servers: readonly ServerAddress[]
  /** The SIP server through which FreeSWITCH is called: drachtio-server, or our own. */
  readonly sip: SipCaller
  /** Threads for talkers and forks, at least 1. */
  readonly workers: number
  readonly codecs: readonly string[]
  readonly silenceTimeoutMs: number
  /** URL of a module that exports `createAgentTalker(spec, emit): Talker`, in place of the realtime agent: for tests. */
  readonly agentTalkerModule?: string
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

interface OpenLeg {
  readonly spec: LegSpec
  readonly leg: FreeSwitchLeg
  readonly host: WorkerHost
}

/** RTP is FreeSWITCH's; what agents say and hear is the media workers'; between them stands the SIP side of each leg, on this thread. */
export class FreeSwitchMedia implements MediaEngine, HostSink {
  readonly #options: FreeSwitchOptions
  readonly #servers: readonly FreeSwitchServer[]
  readonly #pool: WorkerPool
  readonly #open = new Map<LegHandle, OpenLeg>()
  readonly #watch: NodeJS.Timeout
  #nextHandle = 1
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
    this.#pool = new WorkerPool({
      worker: { rtp: null, agentTalkerModule: options.agentTalkerModule },
      workers: options.workers,
      sink: this,
      warn: options.onWarning,
    })
    this.#watch = setInterval(() => {
      const nowMs = performance.now()
      for (const { leg } of this.#open.values()) leg.watch(nowMs)
    }, WATCH_MS).unref()
  }

  get legs(): number {
    return this.#open.size
  }

  get load(): WorkerPool['load'] {
    return this.#pool.load
  }

  /** How each server fares. */
  get servers(): readonly MediaServerFigures[] {
    return this.#servers.map((server) => ({
      server: server.name,
      up: server.up,
      calls: [...this.#open.values()].filter(({ leg }) => leg.server === server).length,
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

  setStandings(standings: Standings): void {
    this.#pool.setStandings(standings)
  }

  async open(spec: LegSpec): Promise<MediaLeg> {
    if (this.#closing) throw new MediaError('media-lost', 'media is being stopped')
    if (this.impediment !== null) throw new MediaError('media-lost', this.impediment)
    const host = this.#pool.leastLoaded()
    const handle = this.#nextHandle++
    const leg = new FreeSwitchLeg({
      servers: () => byRoom(this.#servers),
      codecs: this.#options.codecs,
      silenceTimeoutMs: this.#options.silenceTimeoutMs,
      voice: new RemoteVoice(handle, host),
      emit: (event) => this.#tell(handle, event),
      warn: (message) => this.onWarning(handle, message),
      onClosed: () => this.#forget(handle),
    })
    this.#open.set(handle, { spec, leg, host })
    host.legs.add(handle)
    try {
      const { talker, recording = null } = spec
      const { result } = await host.request(handle, { kind: 'openVoice', talker, recording })
      if (!result.ok) throw new MediaError('media-failed', result.error.message)
      return leg
    } catch (cause) {
      this.#forget(handle)
      throw cause
    }
  }

  get joins(): boolean {
    return false
  }

  /** Always rejects: what FreeSWITCH carries is joined with nothing in this version. */
  join(): Promise<never> {
    return Promise.reject(
      new MediaError('media-failed', 'calls that FreeSWITCH carries cannot be joined in this version'),
    )
  }

  async talk(leg: MediaLeg, talker: TalkerSpec): Promise<void> {
    const place = [...this.#open].find(([, open]) => open.leg === leg)
    if (place === undefined) throw new MediaError('media-failed', 'the leg is not open')
    const [handle, { host }] = place
    await host.request(handle, { kind: 'talk', talker })
  }

  /** Ends one worker thread at once, as a crash would: for tests. */
  async crashWorker(index: number): Promise<void> {
    await this.#pool.crash(index)
  }

  async close(): Promise<void> {
    this.#closing = true
    await Promise.all([...this.#open.values()].map(({ leg }) => leg.close()))
    clearInterval(this.#watch)
    await this.#pool.close()
    await Promise.all(this.#servers.map((server) => server.close()))
  }

  onEvent(handle: LegHandle, event: LegEvent): void {
    // A leg fails once, be it here or there.
    if (event.kind === 'failed') this.#open.get(handle)?.leg.fail(event.message)
    else this.#tell(handle, event)
  }

  onWarning(handle: LegHandle, message: string): void {
    this.#options.onWarning(`leg ${this.#open.get(handle)?.spec.legId ?? handle}: ${message}`)
  }

  onExit(host: WorkerHost, reason: string): void {
    for (const open of this.#open.values()) {
      if (open.host === host) open.leg.fail(`the media worker is gone: ${reason}`)
    }
  }

  #tell(handle: LegHandle, event: LegEvent): void {
    this.#open.get(handle)?.spec.onEvent(event)
  }

  #forget(handle: LegHandle): void {
    this.#open.get(handle)?.host.legs.delete(handle)
    this.#open.delete(handle)
  }

  #onDown(server: FreeSwitchServer, reason: string): void {
    this.#options.onLost(server.name, reason)
    for (const { leg } of this.#open.values()) {
      if (leg.server === server) leg.fail(`FreeSWITCH at ${server.name} is lost: ${reason}`)
    }
  }
}
