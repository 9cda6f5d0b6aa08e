import { type BackendOutcome, type BackendReport, judgeLoss, judgeRefusal } from '../../lib/agent/backend-outcome.ts'
import type { ClientEvent } from '../../lib/agent/client-event.ts'
import type { ServerEvent } from '../../lib/agent/protocol.ts'
import type { AgentSpec, BackendSpec } from '../../lib/agent/spec.ts'
import { afterLoss, atFirst, nextTry, type Standing, type Succession } from '../../lib/agent/succession.ts'
import type { AudioSocket } from './caller-audio.ts'
import type { AgentMeter } from './meter.ts'
import { RealtimeSocket, type SocketEnd } from './realtime-socket.ts'

export interface BackendLinkHandlers {
  onOpen(): void
  onEvent(event: ServerEvent): void
  /** Once for each socket, and never for one that we closed. */
  onEnd(end: SocketEnd): void
  /** A further backend is being connected, and has so long to be configured. */
  onReopening(setupMs: number): void
  /** What came of `prepare`. */
  onPrepared(ok: boolean): void
  /** What a session says of its backend. */
  onReport(report: BackendReport): void
}

/** A server that has served for so long after a loss is well again. */
const SETTLED_MS = 10_000

/**
 * The way of one agent to its backends: one socket after the other, and at times a second one beside it that is to take its place. It
 * connects at once.
 */
export class BackendLink implements AudioSocket {
  readonly #spec: AgentSpec
  readonly #meter: AgentMeter
  readonly #handlers: BackendLinkHandlers
  readonly #standing: Standing
  readonly #closing = new Set<Promise<void>>()
  #succession: Succession
  #backend = 0
  #triedAtMs = 0
  /** Whether the session of now has said something of its backend. */
  #reported = false
  #canary: boolean
  /** How the last socket ended that ended by itself. */
  #end: SocketEnd | null = null
  #upAtMs = 0
  #socket: RealtimeSocket | null = null
  #spare: RealtimeSocket | null = null
  #timer: NodeJS.Timeout | undefined
  #closed = false
  /** How long the first backend has to be configured. */
  readonly setupMs: number

  /** @param standing how the backends stand, at any time */
  constructor(spec: AgentSpec, meter: AgentMeter, handlers: BackendLinkHandlers, standing: Standing) {
    this.#spec = spec
    this.#standing = standing
    this.#canary = spec.canary === true
    this.#meter = meter
    this.#handlers = handlers
    const { succession, next } = nextTry(atFirst(spec, performance.now()), spec, performance.now())
    this.#succession = succession
    this.setupMs = next?.setupMs ?? spec.connectTimeoutMs
    this.#socket = this.#try(this.setupMs)
  }

  /** The backend of the socket of now. */
  get backend(): BackendSpec {
    return this.#spec.backends[this.#backend] ?? this.#spec.backends[0]
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedBytes ?? 0
  }

  send(event: ClientEvent): void {
    this.#socket?.send(event)
  }

  sendText(text: string): void {
    this.#socket?.sendText(text)
  }

  /** The agent was heard, or did something. */
  noteWell(): void {
    if (!this.#reported) this.#report('fine', '')
  }

  /** The session of now never came up. */
  noteRefused(cause: string, refused: boolean, reason: string): void {
    this.#report(judgeRefusal(cause, refused), reason)
  }

  /** Ends the socket of now. */
  drop(): void {
    this.#leave(this.#socket)
    this.#socket = null
  }

  /** The server of now is configured. */
  noteUp(): void {
    this.#upAtMs = performance.now()
  }

  /**
   * The server was lost in the middle of a call, with this code. False where nothing is left to be tried: a server that takes us and drops
   * us again and again does not begin a new round each time.
   */
  recover(code: string, reason: string): boolean {
    const nowMs = performance.now()
    const outcome = judgeLoss(code, this.#reported)
    this.#report(outcome, reason)
    if (this.switchOver()) return true
    const goesOn = this.#succession.again && nowMs - this.#upAtMs < SETTLED_MS
    const isRefused = outcome === 'account' || outcome === 'limited'
    if (!goesOn) this.#succession = afterLoss(this.#backend, isRefused, this.#spec, nowMs, this.#standing)
    return this.next()
  }

  /** Connects the next backend, if there is one to be tried. */
  next(): boolean {
    if (this.#closed) return false
    this.drop()
    const { succession, next } = nextTry(this.#succession, this.#spec, performance.now())
    this.#succession = succession
    if (next === null) return false
    const connect = (): void => {
      this.#backend = next.backend
      this.#handlers.onReopening(next.setupMs)
      this.#socket = this.#try(next.setupMs)
    }
    clearTimeout(this.#timer)
    if (next.afterMs === 0) connect()
    else this.#timer = setTimeout(connect, next.afterMs).unref()
    return true
  }

  /** Opens a second socket to the backend of now. */
  prepare(): void {
    this.#leave(this.#spare)
    this.#spare = this.#open(this.#spec.connectTimeoutMs)
  }

  /** The second socket takes the place of the first. False where there is none that is open. */
  switchOver(): boolean {
    const spare = this.#spare
    if (spare === null || !spare.isOpen) return false
    this.drop()
    this.#spare = null
    this.#socket = spare
    this.#begin()
    this.#handlers.onReopening(this.#spec.connectTimeoutMs)
    this.#handlers.onOpen()
    return true
  }

  /** Ends every socket. Resolves when they are gone. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    // A canary whose place nobody gave back would block the next one.
    if (!this.#reported) this.#report('nothing', '')
    this.#leave(this.#spare)
    this.#spare = null
    this.drop()
    await Promise.all(this.#closing)
  }

  #try(setupMs: number): RealtimeSocket {
    this.#begin()
    return this.#open(setupMs)
  }

  #begin(): void {
    this.#triedAtMs = performance.now()
    this.#reported = false
    this.#end = null
  }

  #report(outcome: BackendOutcome, reason: string): void {
    const canary = this.#canary
    this.#reported = true
    this.#canary = false
    this.#tell(outcome, reason, this.#end, canary)
  }

  #tell(outcome: BackendOutcome, reason: string, end: SocketEnd | null, canary: boolean): void {
    const tookMs = performance.now() - this.#triedAtMs
    const retryAfterMs = end?.retryAfterMs ?? null
    this.#handlers.onReport({ backend: this.backend.id, outcome, reason, retryAfterMs, tookMs, canary })
  }

  /** What a socket says goes by its place at that moment: one that is neither of now nor spare is not heard. */
  #open(setupMs: number): RealtimeSocket {
    const isCurrent = (): boolean => this.#socket === socket
    const socket: RealtimeSocket = new RealtimeSocket(
      this.backend,
      setupMs,
      {
        onOpen: () => {
          if (isCurrent()) this.#handlers.onOpen()
          else if (this.#spare === socket) this.#handlers.onPrepared(true)
        },
        onEvent: (event) => isCurrent() && this.#handlers.onEvent(event),
        onEnd: (end) => {
          if (isCurrent()) {
            this.#end = end
            return this.#handlers.onEnd(end)
          }
          if (this.#spare !== socket) return
          this.#spare = null
          if (end.status !== undefined) this.#tell(judgeRefusal(`http-${end.status}`, true), end.message, end, false)
          this.#handlers.onPrepared(false)
        },
      },
      this.#meter,
    )
    return socket
  }

  #leave(socket: RealtimeSocket | null): void {
    if (socket === null) return
    const gone = socket.close()
    this.#closing.add(gone)
    void gone.finally(() => this.#closing.delete(gone))
  }
}
