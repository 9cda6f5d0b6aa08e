import type { RawData, WebSocket } from 'ws'
import type { Faults } from '../../../lib/agent/local/faults.ts'
import type { Session, SessionEffect, SessionReport } from '../../../lib/agent/local/session.ts'
import { Outbox } from './outbox.ts'
import type { Speech } from './speech.ts'
import type { Detector } from './voice-activity.ts'

export interface ConnectionParts {
  readonly socket: WebSocket
  readonly session: Session
  readonly speech: Speech
  readonly detector: Detector
  readonly faults: () => Faults
}

/** A session and how its socket ended; null while it is open. */
export interface ConnectionReport extends SessionReport {
  readonly closed: { readonly code: number; readonly reason: string } | null
}

/** Drives one session on its socket: frames and timers in, effects out; and the faults that happen on the wire. */
export class Connection {
  readonly #parts: ConnectionParts
  readonly #outbox: Outbox
  readonly #openedAtMs = performance.now()
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #faultTimers: NodeJS.Timeout[] = []
  #deltas = 0
  #closed: { readonly code: number; readonly reason: string } | null = null

  constructor(parts: ConnectionParts, onClosed: (connection: Connection) => void) {
    this.#parts = parts
    this.#outbox = new Outbox(parts.socket)
    const { socket, session } = parts
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary))
    socket.on('ping', (data) => {
      if (!parts.faults().halfOpen) socket.pong(data)
    })
    // A broken frame or a reset; 'close' follows.
    socket.on('error', () => socket.terminate())
    socket.on('close', (code, reason) => {
      this.#closed = { code, reason: reason.toString() }
      this.#dispose()
      onClosed(this)
    })
    this.#perform(session.open(this.#openedAtMs), this.#openedAtMs)
    this.onFaults()
  }

  report(): ConnectionReport {
    return { ...this.#parts.session.report(), closed: this.#closed }
  }

  /** The faults have changed: those of them that wait for a moment are armed anew. */
  onFaults(): void {
    for (const timer of this.#faultTimers) clearTimeout(timer)
    this.#faultTimers = []
    if (this.#closed !== null) return
    const { socket, faults } = this.#parts
    const { dropAfterMs, closeAfterMs, stopReading } = faults()
    this.#atAge(dropAfterMs, () => socket.terminate())
    this.#atAge(closeAfterMs, () => socket.close(1011, 'The server had an error.'))
    if (stopReading) socket.pause()
    else if (socket.isPaused) socket.resume()
    this.#arm(performance.now())
  }

  #atAge(ageMs: number | undefined, what: () => void): void {
    if (ageMs === undefined) return
    this.#faultTimers.push(setTimeout(what, Math.max(0, this.#openedAtMs + ageMs - performance.now())))
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    const nowMs = performance.now()
    // A binary frame is no event of the protocol; its bytes are read as text and refused as such.
    const frame = isBinary ? '' : frameText(data)
    this.#perform(this.#parts.session.onFrame(frame, nowMs), nowMs)
  }

  #perform(effects: readonly SessionEffect[], nowMs: number): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.#send(effect.event, nowMs)
      else if (effect.kind === 'close') this.#outbox.close(effect.code, effect.reason, this.#slowMs(), nowMs)
      else void this.#say(effect.responseId, effect.sentences)
    }
    this.#arm(nowMs)
  }

  async #say(responseId: string, sentences: readonly string[]): Promise<void> {
    const samples = await this.#parts.speech.say(sentences)
    if (this.#closed !== null) return
    const nowMs = performance.now()
    this.#perform(this.#parts.session.onSpeech(responseId, samples, nowMs), nowMs)
  }

  #send(event: Readonly<Record<string, unknown>>, nowMs: number): void {
    const faults = this.#parts.faults()
    if (faults.mute) return
    this.#outbox.send(JSON.stringify(event), this.#slowMs(), nowMs)
    if (event.type !== 'response.output_audio.delta') return
    this.#deltas++
    if (this.#deltas === faults.dropAfterDeltas) this.#parts.socket.terminate()
    if (this.#deltas === faults.stallAfterDeltas)
      this.#outbox.stall(nowMs + (faults.stallMs ?? Number.POSITIVE_INFINITY))
  }

  #slowMs(): number {
    return this.#parts.faults().slowMs ?? 0
  }

  /** One timer, set anew only when the session's deadline has moved. */
  #arm(nowMs: number): void {
    const deadlineMs = this.#closed === null ? this.#parts.session.deadlineMs() : Number.POSITIVE_INFINITY
    if (deadlineMs === this.#timerAtMs) return
    clearTimeout(this.#timer)
    this.#timerAtMs = deadlineMs
    if (deadlineMs === Number.POSITIVE_INFINITY) return
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, Math.ceil(deadlineMs - nowMs)))
  }

  #wake(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY
    const nowMs = performance.now()
    this.#perform(this.#parts.session.wake(nowMs), nowMs)
  }

  #dispose(): void {
    clearTimeout(this.#timer)
    for (const timer of this.#faultTimers) clearTimeout(timer)
    this.#outbox.dispose()
    this.#parts.detector.free()
  }
}

function frameText(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8')
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8')
}
