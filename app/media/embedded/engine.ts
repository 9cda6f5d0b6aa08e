import type { Result } from '../../../lib/core/result.ts'
import { PortPool, type PortRange } from '../../../lib/media/port-pool.ts'
import type {
  AgentRefusal,
  LegEvent,
  LegSpec,
  LegSummary,
  MediaEngine,
  MediaLeg,
  OfferKind,
  SdpRefusal,
  SrtpSpec,
  Standings,
  TalkerSpec,
} from '../port.ts'
import { WorkerPool } from '../worker-pool.ts'
import type { LegHandle } from './protocol.ts'
import { type HostSink, MediaError, type WorkerHost } from './worker-host.ts'

export interface MediaOptions {
  /** IP literal that SDP advertises, and that the RTP sockets bind unless `bindAddress` says otherwise. */
  readonly address: string
  readonly bindAddress?: string
  readonly rtpPorts: PortRange
  /** Worker threads, at least 1. */
  readonly workers: number
  /** Codec names of the configuration, preferred first; those that are not supported are not offered. */
  readonly codecs: readonly string[]
  /** How long RTP and RTCP may be silent. */
  readonly silenceTimeoutMs?: number
  /** URL of a module that exports `createAgentTalker(spec, emit): Talker`, in place of the realtime agent. Null: phones only. */
  readonly agentTalkerModule?: string | null
  /** Faults that end no call, for the log. */
  readonly onWarning?: (message: string) => void
}

/** The embedded engine tells a little more than the port asks for. */
export interface EmbeddedMedia extends MediaEngine {
  /** Port pairs that are free. */
  readonly freePorts: number
  readonly load: WorkerPool['load']
  /** Ends one worker thread at once, as a crash would: for tests and drills. */
  crashWorker(index: number): Promise<void>
}

/** The default of `media.silenceTimeout` (docs/behaviour.md, “The call with the agent”). */
const SILENCE_TIMEOUT_MS = 30_000
/** Pairs that another process holds are skipped, up to so many a leg. */
const MAX_BUSY_PAIRS = 64

interface OpenLeg {
  readonly spec: LegSpec
  readonly host: WorkerHost
  readonly rtpPort: number
  closed: boolean
}

/** Starts the embedded media engine: RTP in worker threads. */
export async function startMedia(options: MediaOptions): Promise<EmbeddedMedia> {
  return new Engine(options)
}

class Engine implements EmbeddedMedia, HostSink {
  readonly #warn: (message: string) => void
  readonly #ports: PortPool
  readonly #range: PortRange
  readonly #pool: WorkerPool
  readonly #legs = new Map<LegHandle, OpenLeg>()
  #nextHandle = 1

  constructor(options: MediaOptions) {
    this.#warn = options.onWarning ?? (() => {})
    this.#range = options.rtpPorts
    this.#ports = new PortPool(options.rtpPorts)
    this.#pool = new WorkerPool({
      worker: {
        rtp: {
          address: options.address,
          bindAddress: options.bindAddress ?? options.address,
          codecs: options.codecs,
          silenceTimeoutMs: options.silenceTimeoutMs ?? SILENCE_TIMEOUT_MS,
        },
        agentTalkerModule: options.agentTalkerModule,
      },
      workers: options.workers,
      sink: this,
      warn: this.#warn,
    })
  }

  get legs(): number {
    return this.#legs.size
  }

  get freePorts(): number {
    return this.#ports.available
  }

  get load(): EmbeddedMedia['load'] {
    return this.#pool.load
  }

  setStandings(standings: Standings): void {
    this.#pool.setStandings(standings)
  }

  async open(spec: LegSpec): Promise<MediaLeg> {
    for (let busy = 0; busy < MAX_BUSY_PAIRS; busy++) {
      const host = spec.beside === undefined ? this.#pool.leastLoaded() : placeOf(spec.beside).host
      const rtpPort = this.#ports.take()
      if (rtpPort === null) break
      const leg = await this.#tryOpen(spec, host, rtpPort)
      if (leg !== null) return leg
    }
    const { from, to } = this.#range
    throw new MediaError(
      'media-ports',
      `no RTP port pair is free in ${from}-${to}: ${this.#legs.size} legs hold one, ${this.#ports.available} are held by others`,
    )
  }

  get joins(): boolean {
    return true
  }

  async join(first: MediaLeg, second: MediaLeg): Promise<void> {
    const [one, two] = [placeOf(first), placeOf(second)]
    if (one.host !== two.host) throw new MediaError('media-failed', 'the legs are not beside each other')
    await one.host.request(one.handle, { kind: 'join', other: two.handle })
  }

  async talk(leg: MediaLeg, talker: TalkerSpec): Promise<void> {
    const { handle, host } = placeOf(leg)
    await host.request(handle, { kind: 'talk', talker })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  async crashWorker(index: number): Promise<void> {
    await this.#pool.crash(index)
  }

  onEvent(handle: LegHandle, event: LegEvent): void {
    const leg = this.#legs.get(handle)
    if (leg !== undefined && !leg.closed) leg.spec.onEvent(event)
  }

  onWarning(handle: LegHandle, message: string): void {
    this.#warn(`leg ${this.#legs.get(handle)?.spec.legId ?? handle}: ${message}`)
  }

  onExit(host: WorkerHost, reason: string): void {
    for (const handle of host.legs) {
      this.onEvent(handle, { kind: 'failed', message: `the media worker is gone: ${reason}` })
      this.#forget(handle)
    }
  }

  /** Null where another process holds one of the two ports. */
  async #tryOpen(spec: LegSpec, host: WorkerHost, rtpPort: number): Promise<MediaLeg | null> {
    const handle = this.#nextHandle++
    const leg: OpenLeg = { spec, host, rtpPort, closed: false }
    this.#legs.set(handle, leg)
    host.legs.add(handle)
    try {
      const { result } = await host.request(handle, {
        kind: 'open',
        rtpPort,
        talker: spec.talker,
        previousSdp: spec.previousSdp ?? null,
        recording: spec.recording ?? null,
        srtp: spec.srtp ?? 'off',
        previousKeys: spec.previousKeys ?? null,
      })
      if (result.ok) return new RemoteLeg(handle, host, () => this.#forget(handle))
      this.#forget(handle)
      if (result.error.code === 'port-busy') return null
      throw new MediaError('media-failed', result.error.message)
    } catch (cause) {
      this.#forget(handle)
      throw cause
    }
  }

  /** The leg is over and both of its sockets are closed. Safe to call twice. */
  #forget(handle: LegHandle): void {
    const leg = this.#legs.get(handle)
    if (leg === undefined) return
    leg.closed = true
    leg.host.legs.delete(handle)
    this.#legs.delete(handle)
    this.#ports.give(leg.rtpPort)
  }
}

/** Where a leg of this engine lives. */
function placeOf(leg: MediaLeg): RemoteLeg {
  if (leg instanceof RemoteLeg) return leg
  throw new MediaError('media-failed', 'the leg is none of this engine')
}

/** A leg that lives in a worker. */
class RemoteLeg implements MediaLeg {
  readonly handle: LegHandle
  readonly host: WorkerHost
  readonly #onClosed: () => void
  #closed: Promise<LegSummary> | null = null

  constructor(handle: LegHandle, host: WorkerHost, onClosed: () => void) {
    this.handle = handle
    this.host = host
    this.#onClosed = onClosed
  }

  async answer(sdp: string): Promise<Result<string, SdpRefusal>> {
    return (await this.host.request(this.handle, { kind: 'answer', sdp })).result
  }

  async offer(kind: OfferKind = 'usual', srtp?: SrtpSpec): Promise<string> {
    return (await this.host.request(this.handle, { kind: 'offer', which: kind, srtp: srtp ?? null })).sdp
  }

  async accept(sdp: string): Promise<Result<void, SdpRefusal>> {
    return (await this.host.request(this.handle, { kind: 'accept', sdp })).result
  }

  ready(): Promise<Result<void, AgentRefusal>> {
    return this.host.ready(this.handle)
  }

  async silentMs(): Promise<number | null> {
    return (await this.host.request(this.handle, { kind: 'silence' })).silentMs
  }

  start(): void {
    this.host.start(this.handle)
  }

  mute(muted: boolean): void {
    this.host.mute(this.handle, muted)
  }

  transferred(callId: string, problem: string | null): void {
    this.host.transferred(this.handle, callId, problem)
  }

  dtmf(digit: string, durationMs: number): void {
    this.host.dtmf(this.handle, digit, durationMs)
  }

  close(): Promise<LegSummary> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** A worker that is gone has closed its sockets already; only the summary is lost with it. */
  async #close(): Promise<LegSummary> {
    try {
      return (await this.host.request(this.handle, { kind: 'close' })).summary
    } catch {
      return { media: null, agent: null, recording: null }
    } finally {
      this.#onClosed()
    }
  }
}
