import { assertNever } from '../../core/assert-never.ts'
import { bytesPerMs } from './audio-format.ts'
import type { Pace } from './burst.ts'
import { CallerAudio, type VoiceDetector } from './caller-audio.ts'
import { type ClientEvent, parseClientEvent } from './client-event.ts'
import { Conversation, truncateItem } from './conversation.ts'
import type { Faults } from './faults.ts'
import { formatItem, parseItem } from './item.ts'
import { Listener } from './listener.ts'
import { Responder, type ResponseCause } from './responder.ts'
import { readInput } from './response-input.ts'
import type { ResponseEnd } from './running-response.ts'
import { defaultConfig, mergeSession, type SessionConfig } from './session-config.ts'
import { type ApiError, type Json, refusal, type ServerEvent } from './wire.ts'

export interface SessionOptions {
  /** Unique among sessions: every other id is made from it. */
  readonly id: string
  readonly model: string
  /** When it began, on the clock that every method is given. */
  readonly createdAtMs: number
  /** The same moment in seconds since 1970, as the wire has it. */
  readonly createdAtS: number
  /** How long it may last (OpenAI: 3600 s). */
  readonly durationS: number
  readonly pace: Pace
  /** Asked whenever it matters, so that faults can begin in the middle of a session. */
  readonly faults: () => Faults
  readonly detector: VoiceDetector
}

/** What the driver of a session does for it, in order. */
export type SessionEffect =
  | { readonly kind: 'send'; readonly event: Json }
  /** Make speech of these sentences and give it to `onSpeech`. */
  | { readonly kind: 'synthesize'; readonly responseId: string; readonly sentences: readonly string[] }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }

/** A look into one session, for tests and for the log. */
export interface SessionReport {
  readonly id: string
  readonly model: string
  /** Milliseconds of caller audio that were appended. */
  readonly heardMs: number
  /** Items that the caller's voice has made. */
  readonly turns: number
  /** Client events by type; what could not be read is `invalid`. */
  readonly received: Readonly<Record<string, number>>
  /** Server events by type. */
  readonly sent: Readonly<Record<string, number>>
  readonly config: SessionConfig
  /** Items of the conversation as the wire shows them, the oldest first. */
  readonly items: readonly Json[]
}

const NOTHING_ASKED: ResponseCause = { request: {}, input: undefined, idle: false }

/**
 * One session of the OpenAI Realtime protocol (GA) without its socket: client events, speech and the passing of time go in, effects
 * come out. Time is a monotonic clock's milliseconds and only ever an argument.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #conversation = new Conversation()
  readonly #audio: CallerAudio
  readonly #listener: Listener
  readonly #responder: Responder
  #config: SessionConfig = defaultConfig
  #effects: SessionEffect[] = []
  #nowMs: number
  #ids = 0
  /** A turn ended while a response was under way that may not be interrupted: the answer follows it. */
  #answerAfter = false
  #idleAtMs = Number.POSITIVE_INFINITY
  #closed = false
  readonly #received = new Map<string, number>()
  readonly #sent = new Map<string, number>()

  constructor(options: SessionOptions) {
    this.#options = options
    this.#nowMs = options.createdAtMs
    this.#audio = new CallerAudio(this.#config.audio.input.format, options.detector)
    const port = {
      conversation: this.#conversation,
      config: () => this.#config,
      faults: options.faults,
      newId: (kind: string) => this.#newId(kind),
      emit: (event: ServerEvent) => this.#emit(event),
    }
    this.#listener = new Listener({
      ...port,
      audio: this.#audio,
      onSpeech: () => this.#onSpeechStarted(),
      onTurnEnd: () => this.#onTurnEnd(),
    })
    this.#responder = new Responder({
      ...port,
      conversationId: this.#newId('conv'),
      pace: options.pace,
      synthesize: (responseId, sentences) => this.#effects.push({ kind: 'synthesize', responseId, sentences }),
      onDone: (end, audioMs) => this.#onResponseDone(end, audioMs),
    })
  }

  /** The socket is open. */
  open(nowMs: number): readonly SessionEffect[] {
    return this.#run(nowMs, () => this.#emit({ type: 'session.created', session: this.#formatSession() }))
  }

  /** One text frame of the client, whatever it holds. */
  onFrame(frame: string, nowMs: number): readonly SessionEffect[] {
    return this.#run(nowMs, () => {
      const event = parseClientEvent(frame)
      count(this.#received, event.ok ? event.value.type : 'invalid')
      const mistake = event.ok ? this.#onEvent(event.value) : event.error.error
      if (mistake !== undefined) this.#refuse(mistake, event.ok ? (event.value.event_id ?? null) : event.error.eventId)
    })
  }

  /** Speech that was asked for, 8000 Hz, or undefined where it failed. */
  onSpeech(responseId: string, samples: Int16Array | undefined, nowMs: number): readonly SessionEffect[] {
    return this.#run(nowMs, () => this.#responder.onSpeech(responseId, samples, nowMs))
  }

  /** Does what has come due by `nowMs`. */
  wake(nowMs: number): readonly SessionEffect[] {
    return this.#run(nowMs, () => {
      this.#listener.advance(nowMs)
      this.#responder.advance(nowMs)
      if (nowMs >= this.#idleAtMs) this.#onIdle()
      if (nowMs >= this.#expiresAtMs()) this.#expire()
    })
  }

  /** When `wake` is to be called next. It may change with every call, and with the faults. */
  deadlineMs(): number {
    if (this.#closed) return Number.POSITIVE_INFINITY
    return Math.min(this.#responder.deadlineMs(), this.#listener.deadlineMs, this.#idleAtMs, this.#expiresAtMs())
  }

  report(): SessionReport {
    const { id, model } = this.#options
    const heardMs = Math.floor(this.#audio.positionMs)
    const items = this.#conversation.items().map(formatItem)
    const received = Object.fromEntries(this.#received)
    const sent = Object.fromEntries(this.#sent)
    return { id, model, heardMs, turns: this.#listener.turns, received, sent, config: this.#config, items }
  }

  #run(nowMs: number, what: () => void): readonly SessionEffect[] {
    if (this.#closed) return []
    this.#nowMs = nowMs
    what()
    const effects = this.#effects
    if (effects.length > 0) this.#effects = []
    return effects
  }

  /** Performs an event, or gives back what is wrong with it. */
  #onEvent(event: ClientEvent): ApiError | undefined {
    switch (event.type) {
      case 'input_audio_buffer.append':
        return this.#listener.append(event.audio, this.#nowMs)
      case 'input_audio_buffer.commit':
        this.#idleAtMs = Number.POSITIVE_INFINITY
        return this.#listener.commit(this.#nowMs)
      case 'input_audio_buffer.clear':
        return this.#listener.clear()
      case 'session.update':
        return this.#update(event.session)
      case 'conversation.item.create':
        return this.#createItem(event.item, event.previous_item_id ?? undefined)
      case 'conversation.item.retrieve': {
        const item = this.#conversation.get(event.item_id)
        if (item === undefined) return notFound(event.item_id)
        return this.#emit({ type: 'conversation.item.retrieved', item: formatItem(item) })
      }
      case 'conversation.item.delete':
        if (!this.#conversation.delete(event.item_id)) return notFound(event.item_id)
        return this.#emit({ type: 'conversation.item.deleted', item_id: event.item_id })
      case 'conversation.item.truncate':
        return this.#truncate(event.item_id, event.content_index, event.audio_end_ms)
      case 'response.create': {
        const request = event.response ?? {}
        const newId = (): string => this.#newId('item')
        const input = readInput(request.input ?? undefined, this.#conversation, newId, this.#inputBytesPerMs())
        return input.ok ? this.#respond({ request, input: input.value, idle: false }) : input.error
      }
      case 'response.cancel':
        if (this.#responder.cancel(event.response_id, 'client_cancelled')) return undefined
        return refusal('response_cancel_not_active', 'Cancellation failed: no active response found')
      default:
        return assertNever(event)
    }
  }

  #update(session: unknown): ApiError | undefined {
    const facts = { model: this.#options.model, spoken: this.#responder.spoken }
    const merged = mergeSession(this.#config, session, facts)
    if (!merged.ok) return merged.error
    this.#config = merged.value
    this.#listener.onConfig()
    if (this.#idleTimeoutMs() === null) this.#idleAtMs = Number.POSITIVE_INFINITY
    return this.#emit({ type: 'session.updated', session: this.#formatSession() })
  }

  #createItem(value: unknown, previousItemId: string | undefined): ApiError | undefined {
    const item = parseItem(value, this.#newId('item'), this.#inputBytesPerMs())
    if (!item.ok) return item.error
    const placed = this.#conversation.insert(item.value, previousItemId)
    if (!placed.ok) return placed.error
    const place = { previous_item_id: placed.value, item: formatItem(item.value) }
    this.#emit({ type: 'conversation.item.added', ...place })
    return this.#emit({ type: 'conversation.item.done', ...place })
  }

  #truncate(item_id: string, content_index: number, audio_end_ms: number): ApiError | undefined {
    const cut = truncateItem(this.#conversation.get(item_id), content_index, audio_end_ms)
    if (!cut.ok) return cut.error
    this.#conversation.replace(cut.value)
    this.#responder.onTruncated(item_id)
    return this.#emit({ type: 'conversation.item.truncated', item_id, content_index, audio_end_ms })
  }

  #respond(cause: ResponseCause): ApiError | undefined {
    this.#idleAtMs = Number.POSITIVE_INFINITY
    if (this.#options.faults().unknownEvents) this.#emit({ type: 'local.weather', outlook: { sky: 'clear' } })
    const begun = this.#responder.create(cause, this.#nowMs)
    return begun.ok ? undefined : begun.error
  }

  #onSpeechStarted(): void {
    this.#idleAtMs = Number.POSITIVE_INFINITY
    if (!this.#config.audio.input.turn_detection?.interrupt_response) return
    this.#responder.cancel(undefined, 'turn_detected')
  }

  #onTurnEnd(): void {
    this.#idleAtMs = Number.POSITIVE_INFINITY
    if (!this.#config.audio.input.turn_detection?.create_response) return
    if (this.#responder.activeId === undefined) this.#respond(NOTHING_ASKED)
    else this.#answerAfter = true
  }

  #onResponseDone(end: ResponseEnd, audioMs: number): void {
    if (this.#answerAfter) {
      this.#answerAfter = false
      this.#respond(NOTHING_ASKED)
      return
    }
    const idleMs = this.#idleTimeoutMs()
    if (idleMs !== null && end.status === 'completed') this.#idleAtMs = this.#nowMs + audioMs + idleMs
  }

  #idleTimeoutMs(): number | null {
    const detection = this.#config.audio.input.turn_detection
    return detection?.type === 'server_vad' ? detection.idle_timeout_ms : null
  }

  #onIdle(): void {
    this.#idleAtMs = Number.POSITIVE_INFINITY
    this.#listener.timeOut(this.#nowMs)
    this.#respond({ ...NOTHING_ASKED, idle: true })
  }

  #expiresAtMs(): number {
    const { createdAtMs, durationS } = this.#options
    return createdAtMs + Math.min(durationS * 1000, this.#options.faults().expireAfterMs ?? Number.POSITIVE_INFINITY)
  }

  #expire(): void {
    const message = `Your session hit the maximum duration of ${Math.ceil(this.#options.durationS / 60)} minutes.`
    this.#refuse(refusal('session_expired', message), null)
    this.#effects.push({ kind: 'close', code: 1001, reason: message })
    this.#closed = true
  }

  #refuse(error: ApiError, eventId: string | null): void {
    this.#emit({ type: 'error', error: { ...error, event_id: eventId } })
  }

  #emit(event: ServerEvent): undefined {
    count(this.#sent, event.type)
    const stamped = { event_id: this.#newId('event'), ...event }
    const extra = this.#options.faults().unknownEvents ? { local_extra: [1] } : {}
    this.#effects.push({ kind: 'send', event: { ...stamped, ...extra } })
  }

  #formatSession(): Json {
    const { id, model, createdAtS, durationS } = this.#options
    const head = { type: 'realtime', object: 'realtime.session', id: `sess_${id}`, model }
    return { ...head, expires_at: createdAtS + durationS, ...this.#config }
  }

  #inputBytesPerMs(): number {
    return bytesPerMs(this.#config.audio.input.format)
  }

  #newId(kind: string): string {
    return `${kind}_${this.#options.id}${(this.#ids++).toString(36)}`
  }
}

const count = (counts: Map<string, number>, key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1)

const notFound = (itemId: string): ApiError =>
  refusal('item_not_found', `Item with item_id '${itemId.slice(0, 64)}' not found.`, 'item_id')
