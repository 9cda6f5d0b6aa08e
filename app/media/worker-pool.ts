import type { LegHandle, WorkerLoad, WorkerOptions } from './embedded/protocol.ts'
import { type HostSink, MediaError, WorkerHost } from './embedded/worker-host.ts'
import type { Standings } from './port.ts'

/** A worker that dies this young is started anew only after as long again, so that a broken one does not spin. */
const YOUNG_MS = 1000

export interface PoolOptions {
  readonly worker: WorkerOptions
  /** Threads, at least 1. */
  readonly workers: number
  /** Where events and warnings of legs go; `onExit` is told of a worker before another one takes its place. */
  readonly sink: HostSink
  readonly warn: (message: string) => void
}

/** The media workers of an engine: the next leg goes to the one with the fewest, and one that dies is started anew. */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #hosts: (WorkerHost | null)[]
  readonly #startedAtMs: number[] = []
  readonly #restarts = new Set<NodeJS.Timeout>()
  #standings: Standings = new Map()
  #closing = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#hosts = Array.from({ length: Math.max(1, options.workers) }, (_, index) => this.#start(index))
  }

  /** How each worker fares, by its index; one that has just been started has nothing to tell yet. */
  get load(): readonly (WorkerLoad & { readonly worker: number })[] {
    return this.#hosts.flatMap((host, worker) => (host?.load == null ? [] : [{ ...host.load, worker }]))
  }

  /** The worker for the next leg. Throws where none is running. */
  leastLoaded(): WorkerHost {
    const [first, ...others] = this.#hosts.filter((host) => host !== null)
    if (this.#closing || first === undefined) throw new MediaError('media-lost', 'no media worker is running')
    return others.reduce((best, host) => (host.legs.size < best.legs.size ? host : best), first)
  }

  /** For every worker, also one that is started later. */
  setStandings(standings: Standings): void {
    this.#standings = standings
    for (const host of this.#hosts) host?.setStandings(standings)
  }

  /** Closes all legs and ends every thread. */
  async close(): Promise<void> {
    this.#closing = true
    for (const timer of this.#restarts) clearTimeout(timer)
    await Promise.all(this.#hosts.filter((host) => host !== null).map((host) => host.stop()))
  }

  /** Ends one thread at once, as a crash would. */
  async crash(index: number): Promise<void> {
    await this.#hosts[index]?.terminate()
  }

  #start(index: number): WorkerHost {
    this.#startedAtMs[index] = performance.now()
    const { worker, sink } = this.#options
    const host = new WorkerHost(worker, {
      onEvent: (leg: LegHandle, event) => sink.onEvent(leg, event),
      onWarning: (leg: LegHandle, message) => sink.onWarning(leg, message),
      onExit: (ended, reason) => this.#onExit(ended, reason),
    })
    host.setStandings(this.#standings)
    return host
  }

  #onExit(host: WorkerHost, reason: string): void {
    this.#options.sink.onExit(host, reason)
    if (this.#closing) return
    this.#options.warn(`a media worker has ended (${reason}); it is started anew`)
    const index = this.#hosts.indexOf(host)
    const ageMs = performance.now() - (this.#startedAtMs[index] ?? 0)
    this.#hosts[index] = null
    if (ageMs >= YOUNG_MS) {
      this.#hosts[index] = this.#start(index)
      return
    }
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      this.#hosts[index] = this.#start(index)
    }, YOUNG_MS).unref()
    this.#restarts.add(timer)
  }
}
