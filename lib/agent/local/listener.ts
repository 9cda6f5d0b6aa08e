import type { CallerAudio, Committed } from './caller-audio.ts'
import type { Conversation } from './conversation.ts'
import { honestTranscript } from './dialogue.ts'
import type { Faults } from './faults.ts'
import { formatItem, type Item } from './item.ts'
import type { SessionConfig } from './session-config.ts'
import { type TurnEvent, type TurnSettings, turnSettings } from './turn-detection.ts'
import { type ApiError, refusal, type ServerEvent } from './wire.ts'

/** Less than this cannot be committed (OpenAI Realtime: `input_audio_buffer_commit_empty`). */
const MIN_COMMIT_MS = 100
/** A transcription comes this long after its item, often later than the first words of the reply. */
const TRANSCRIPTION_MS = 150
/** Transcriptions that may be awaited; a client that commits faster gets them at once. */
const TRANSCRIPTIONS = 64

/** What a listener needs of its session. */
export interface ListenerPort {
  readonly audio: CallerAudio
  readonly conversation: Conversation
  readonly config: () => SessionConfig
  readonly faults: () => Faults
  readonly newId: (kind: 'item') => string
  readonly emit: (event: ServerEvent) => void
  /** The caller has begun to speak; `speech_started` is out. */
  readonly onSpeech: () => void
  /** The caller's turn is over and in the conversation. */
  readonly onTurnEnd: () => void
}

interface Transcription {
  readonly dueMs: number
  readonly itemId: string
  readonly heard: Committed
}

/** The caller's side of a session: from appended bytes to turns, items and their transcriptions. */
export class Listener {
  readonly #port: ListenerPort
  #settings: TurnSettings = turnSettings(null)
  /** Item id promised by `speech_started`, until its commit. */
  #turnItemId: string | undefined
  #transcriptions: Transcription[] = []
  #turns = 0
  #nowMs = 0

  constructor(port: ListenerPort) {
    this.#port = port
    this.onConfig()
  }

  /** Items that the caller's voice has made. */
  get turns(): number {
    return this.#turns
  }

  get deadlineMs(): number {
    return this.#transcriptions[0]?.dueMs ?? Number.POSITIVE_INFINITY
  }

  /** The session's configuration has changed. */
  onConfig(): void {
    const { format, turn_detection } = this.#port.config().audio.input
    this.#port.audio.setFormat(format)
    this.#settings = turnSettings(turn_detection)
  }

  /** Listens to base64 of the input format; a mistake in it is given back. */
  append(audio: string, nowMs: number): ApiError | undefined {
    const bytes = decodeBase64(audio)
    if (bytes === undefined) {
      const message = "Invalid 'audio'. Expected base64-encoded audio bytes (mono, in the input audio format)."
      return refusal('invalid_value', message, 'audio')
    }
    this.#nowMs = nowMs
    const detects = this.#port.config().audio.input.turn_detection !== null
    this.#port.audio.append(bytes, this.#settings, (turn) => {
      if (detects) this.#onTurn(turn)
    })
    return undefined
  }

  /** The client ends the turn (OpenAI Realtime: `input_audio_buffer.commit`). */
  commit(nowMs: number): ApiError | undefined {
    const { bufferedMs } = this.#port.audio
    if (bufferedMs < MIN_COMMIT_MS) {
      const had = `Expected at least ${MIN_COMMIT_MS}ms of audio, but buffer only has ${bufferedMs.toFixed(2)}ms of audio.`
      return refusal('input_audio_buffer_commit_empty', `Error committing input audio buffer: buffer too small. ${had}`)
    }
    this.#nowMs = nowMs
    this.#addHeard(this.#port.audio.commit())
    return undefined
  }

  clear(): undefined {
    this.#port.audio.clear()
    this.#turnItemId = undefined
    this.#port.emit({ type: 'input_audio_buffer.cleared' })
  }

  /** The caller has said nothing for too long (OpenAI Realtime: `input_audio_buffer.timeout_triggered`). */
  timeOut(nowMs: number): void {
    this.#nowMs = nowMs
    const { positionMs, bufferedMs } = this.#port.audio
    const item_id = this.#promiseItem()
    const audio_start_ms = Math.floor(positionMs - bufferedMs)
    const audio_end_ms = Math.floor(positionMs)
    this.#port.emit({ type: 'input_audio_buffer.timeout_triggered', item_id, audio_start_ms, audio_end_ms })
    this.#addHeard(this.#port.audio.commit())
  }

  /** Sends the transcriptions that have come due. */
  advance(nowMs: number): void {
    for (
      let next = this.#transcriptions[0];
      next !== undefined && next.dueMs <= nowMs;
      next = this.#transcriptions[0]
    ) {
      this.#transcriptions.shift()
      this.#transcribe(next)
    }
  }

  #onTurn(turn: TurnEvent): void {
    if (turn.kind === 'started') {
      const start = { audio_start_ms: turn.audioStartMs, item_id: this.#promiseItem() }
      this.#port.emit({ type: 'input_audio_buffer.speech_started', ...start })
      if (this.#port.faults().duplicateSpeechStarted) {
        this.#port.emit({ type: 'input_audio_buffer.speech_started', ...start })
      }
      this.#port.onSpeech()
      return
    }
    const stop = { audio_end_ms: turn.audioEndMs, item_id: this.#promiseItem() }
    this.#port.emit({ type: 'input_audio_buffer.speech_stopped', ...stop })
    this.#addHeard({ ...this.#port.audio.commit(), speechMs: turn.speechMs })
    this.#port.onTurnEnd()
  }

  #promiseItem(): string {
    this.#turnItemId ??= this.#port.newId('item')
    return this.#turnItemId
  }

  /** Makes what was heard an item of the conversation: `committed`, `item.added`, `item.done`, and later its transcription. */
  #addHeard(heard: Committed): void {
    const id = this.#promiseItem()
    this.#turnItemId = undefined
    this.#turns++
    const content = [{ kind: 'input_audio' as const, transcript: null, ...heard }]
    const item: Item = { id, type: 'message', role: 'user', status: 'completed', content, origin: 'caller' }
    const previous_item_id = this.#port.conversation.append(item)
    this.#port.emit({ type: 'input_audio_buffer.committed', previous_item_id, item_id: id })
    const shown = formatItem(item)
    this.#port.emit({ type: 'conversation.item.added', previous_item_id, item: shown })
    this.#port.emit({ type: 'conversation.item.done', previous_item_id, item: shown })
    if (this.#port.config().audio.input.transcription === null) return
    this.#transcriptions.push({ dueMs: this.#nowMs + TRANSCRIPTION_MS, itemId: id, heard })
    if (this.#transcriptions.length > TRANSCRIPTIONS) this.advance(Number.POSITIVE_INFINITY)
  }

  #transcribe({ itemId, heard }: Transcription): void {
    const place = { item_id: itemId, content_index: 0 }
    if (this.#port.faults().failTranscription) {
      const message = 'The audio could not be transcribed.'
      const error = { type: 'server_error', code: 'audio_unintelligible', message, param: null }
      this.#port.emit({ type: 'conversation.item.input_audio_transcription.failed', ...place, error })
      return
    }
    const transcript = heard.speechMs === 0 ? '' : honestTranscript(heard.speechMs)
    if (transcript !== '') {
      this.#port.emit({ type: 'conversation.item.input_audio_transcription.delta', ...place, delta: transcript })
    }
    const usage = { type: 'duration', seconds: Math.ceil(heard.audioMs / 1000) }
    this.#port.emit({ type: 'conversation.item.input_audio_transcription.completed', ...place, transcript, usage })
  }
}

/** Strict where `Buffer` is lenient: wrong signs or a wrong length give undefined. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return text.length % 4 === 0 && bytes.length === (text.length / 4) * 3 - padding ? bytes : undefined
}
