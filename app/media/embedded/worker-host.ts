import { Worker } from 'node:worker_threads'
import { err, type Result } from '../../../lib/core/result.ts'
import type { G711Law } from '../../../lib/media/g711.ts'
import type { AgentRefusal, LegEvent, Standings } from '../port.ts'
import type { FromWorker, LegHandle, Reply, RequestBody, ToWorker, WorkerLoad, WorkerOptions } from './protocol.ts'

/** Media has failed under a leg, or there is none to be had. The code is stable; the message is for people. */
export class MediaError extends Error {
  readonly code: 'media-lost' | 'media-ports' | 'media-failed'

  constructor(code: MediaError['code'], message: string) {
    super(message)
    this.name = 'MediaError'
    this.code = code
  }
}

/** A leg may take 3 s to close its talker; what is still there after this is a handle that was forgotten. */
const STOP_MS = 5000

export interface HostSink {
  onEvent(leg: LegHandle, event: LegEvent): void
  onWarning(leg: LegHandle, message: string): void
  /** The thread has ended, asked or not; every request that was open has been rejected. */
  onExit(host: WorkerHost, reason: string): void
}

interface Pending {
  readonly settle: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/** The main thread's end of one media worker: requests and their replies, events, and the thread's end. */
export class WorkerHost {
  readonly #worker: Worker
  readonly #pending = new Map<number, Pending>()
  readonly #exited: Promise<void>
  #nextRequest = 1
  #alive = true
  #error: string | null = null
  /** Legs that were given to this worker and have not ended. */
  readonly legs = new Set<LegHandle>()
  /** Null until the thread has told for the first time. */
  load: WorkerLoad | null = null

  constructor(options: WorkerOptions, sink: HostSink) {
    this.#worker = new Worker(new URL('../worker.js', import.meta.url), { workerData: options, name: 'tandem-media' })
    this.#worker.on('message', (message: FromWorker) => this.#onMessage(message, sink))
    this.#worker.on('error', (error) => {
      this.#error = error.stack ?? error.message
    })
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#alive = false
        const reason = this.#error ?? `exit code ${code}`
        for (const { reject } of this.#pending.values()) reject(lost(reason))
        this.#pending.clear()
        sink.onExit(this, reason)
        resolve()
      })
    })
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Sends a request and resolves with the reply of its kind; rejects where the worker meets a bug or its end. */
  request<K extends Reply['kind']>(
    leg: LegHandle,
    body: RequestBody & { kind: K },
  ): Promise<Extract<Reply, { kind: K }>> {
    if (!this.#alive) return Promise.reject(lost('its thread has ended'))
    const request = this.#nextRequest++
    const kind: K = body.kind
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply): void => {
        if (isKind(reply, kind)) resolve(reply)
        else reject(new MediaError('media-failed', failureOf(reply)))
      }
      this.#pending.set(request, { settle, reject })
      this.#post({ request, leg, ...body })
    })
  }

  /** Whether the leg's talker could speak at once; where its thread is gone, that it never will. */
  async ready(leg: LegHandle): Promise<Result<void, AgentRefusal>> {
    try {
      return (await this.request(leg, { kind: 'ready' })).result
    } catch (cause) {
      return err({ code: 'media-lost', message: cause instanceof Error ? cause.message : String(cause) })
    }
  }

  start(leg: LegHandle): void {
    if (this.#alive) this.#post({ kind: 'start', leg })
  }

  dtmf(leg: LegHandle, digit: string, durationMs: number): void {
    if (this.#alive) this.#post({ kind: 'dtmf', leg, digit, durationMs })
  }

  transferred(leg: LegHandle, callId: string, problem: string | null): void {
    if (this.#alive) this.#post({ kind: 'transferred', leg, callId, problem })
  }

  mute(leg: LegHandle, muted: boolean): void {
    if (this.#alive) this.#post({ kind: 'mute', leg, muted })
  }

  agreed(leg: LegHandle, codec: G711Law, maySpeak: boolean): void {
    if (this.#alive) this.#post({ kind: 'agreed', leg, codec, maySpeak })
  }

  setStandings(standings: Standings): void {
    if (this.#alive) this.#post({ kind: 'standings', standings })
  }

  /** Closes all legs and ends the thread; by force where something in it does not end. */
  async stop(): Promise<void> {
    if (this.#alive) this.#post({ kind: 'stop' })
    const timer = setTimeout(() => void this.#worker.terminate(), STOP_MS)
    await this.#exited
    clearTimeout(timer)
  }

  /** Ends the thread at once, as a crash would; its legs are told `failed`. */
  async terminate(): Promise<void> {
    await this.#worker.terminate()
    await this.#exited
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #onMessage(message: FromWorker, sink: HostSink): void {
    if (message.kind === 'event') sink.onEvent(message.leg, message.event)
    else if (message.kind === 'warning') sink.onWarning(message.leg, message.message)
    else if (message.kind === 'load') this.load = message.load
    else {
      const pending = this.#pending.get(message.request)
      this.#pending.delete(message.request)
      pending?.settle(message)
    }
  }
}

const lost = (reason: string): MediaError => new MediaError('media-lost', `the media worker is gone: ${reason}`)

const failureOf = (reply: Reply): string => (reply.kind === 'error' ? reply.message : `unexpected ${reply.kind}`)

function isKind<K extends Reply['kind']>(reply: Reply, kind: K): reply is Extract<Reply, { kind: K }> {
  return reply.kind === kind
}
