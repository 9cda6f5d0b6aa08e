import { parseJson } from '../core/json.ts'
import { err, ok, type Result } from '../core/result.ts'

/** Longest text frame of a server that is read, in UTF-16 units: about five minutes of G.711 in one event. */
export const MAX_EVENT_CHARS = 4 * 1024 * 1024
/** Longest id that is kept (OpenAI Realtime: `event_id` has at most 512 characters). */
export const MAX_ID_CHARS = 512
/** Longest transcript, name or message that is kept; the rest is cut off. */
export const MAX_TEXT_CHARS = 16 * 1024
/** Longest arguments of one function call. Longer ones are refused as unreadable. */
export const MAX_ARGUMENTS_CHARS = 64 * 1024
/** Output items of one response that are looked at. */
export const MAX_OUTPUT_ITEMS = 64

/** A function call that a response has finished writing. `arguments` is JSON as the model wrote it. */
export interface FunctionCall {
  readonly callId: string
  readonly name: string
  readonly arguments: string
}

/** A call of an MCP server's tool that the model's server has made by itself. */
export interface HostedCall {
  readonly itemId: string
  /** Of the MCP server. */
  readonly label: string
  readonly name: string
  readonly arguments: string
  readonly output: string
  /** Why it failed; null: it did not. */
  readonly error: string | null
}

/** `error.code`, `type`, `message`, `param` and the `event_id` of the client event it is about, where the server knows it. */
export interface ServerError {
  readonly code: string | null
  readonly type: string | null
  readonly message: string
  readonly param: string | null
  readonly eventId: string | null
}

export type ResponseStatus = 'completed' | 'cancelled' | 'incomplete' | 'failed'

interface Part {
  readonly responseId: string
  readonly itemId: string
}

/**
 * The server events that a phone call acts on (OpenAI Realtime GA), by their names on the wire. Fields that nobody here reads are left
 * out, and every other event is `other`: the protocol grows, and a new event must not end a call.
 */
export type ServerEvent =
  /**
   * `outputFormat` is the audio format the server says it will speak, e.g. `audio/pcmu`; `expiresAtS` when it will end the session, in Unix
   * time, 0 where it does not say.
   */
  | { readonly type: 'session.updated'; readonly outputFormat: string | null; readonly expiresAtS: number }
  | { readonly type: 'error'; readonly error: ServerError }
  | { readonly type: 'input_audio_buffer.speech_started'; readonly itemId: string }
  | { readonly type: 'input_audio_buffer.speech_stopped'; readonly itemId: string }
  /** `conversation.item.added` and `conversation.item.done`: the server has the item. */
  | { readonly type: 'conversation.item.added'; readonly itemId: string }
  | {
      readonly type: 'conversation.item.input_audio_transcription.completed'
      readonly itemId: string
      readonly transcript: string
    }
  /** `request` is our own mark in `metadata`, where the server echoes it. */
  | { readonly type: 'response.created'; readonly responseId: string; readonly request: string | null }
  | {
      readonly type: 'response.done'
      readonly responseId: string
      readonly status: ResponseStatus
      /** Why it failed: `status_details.error.code`. */
      readonly code: string | null
      readonly message: string
      readonly totalTokens: number
      readonly calls: readonly FunctionCall[]
    }
  /** Only for an item that is a completed function call. */
  | { readonly type: 'response.output_item.done'; readonly responseId: string; readonly call: FunctionCall }
  | { readonly type: 'response.mcp_call.in_progress'; readonly itemId: string }
  /** `response.output_item.done` of an item `mcp_call`. */
  | { readonly type: 'mcp_call'; readonly call: HostedCall }
  | { readonly type: 'mcp_list_tools.failed' }
  | ({ readonly type: 'response.output_audio.delta'; readonly contentIndex: number; readonly delta: string } & Part)
  | ({ readonly type: 'response.output_audio.done' } & Part)
  | ({ readonly type: 'response.output_audio_transcript.delta'; readonly delta: string } & Part)
  | ({ readonly type: 'response.output_audio_transcript.done'; readonly transcript: string } & Part)
  | { readonly type: 'other'; readonly name: string }

/** Why a frame is no event. Such a frame is counted and ignored; it ends nothing. */
export interface MalformedEvent {
  readonly code: 'too-large' | 'not-json' | 'not-an-event' | 'bad-field'
  readonly message: string
}

/** The key of our mark in a response's `metadata`. */
export const REQUEST_MARK = 'tandem_request'

/** Reads one text frame of a server. Never throws, whatever the frame holds. */
export function parseServerEvent(json: string): Result<ServerEvent, MalformedEvent> {
  if (json.length > MAX_EVENT_CHARS) {
    return err({ code: 'too-large', message: `event too large: ${json.length} > ${MAX_EVENT_CHARS} characters` })
  }
  const value = parseJson(json)
  if (value === undefined) return err({ code: 'not-json', message: 'the frame is not JSON' })
  if (!isRecord(value) || typeof value.type !== 'string') {
    return err({ code: 'not-an-event', message: 'an event is a JSON object with a type' })
  }
  const fields = new Fields(value)
  const event = readEvent(value.type, fields)
  if (fields.bad === null) return ok(event)
  return err({ code: 'bad-field', message: `${value.type.slice(0, 64)} without a usable ${fields.bad}` })
}

function readEvent(type: string, fields: Fields): ServerEvent {
  switch (type) {
    case 'response.output_audio.delta':
      return {
        type,
        ...part(fields),
        contentIndex: fields.count('content_index'),
        delta: fields.text('delta', MAX_EVENT_CHARS),
      }
    case 'response.output_audio_transcript.delta':
      return { type, ...part(fields), delta: fields.text('delta') }
    case 'response.output_audio_transcript.done':
      return { type, ...part(fields), transcript: fields.text('transcript') }
    case 'response.output_audio.done':
      return { type, ...part(fields) }
    case 'input_audio_buffer.speech_started':
    case 'input_audio_buffer.speech_stopped':
      return { type, itemId: fields.id('item_id') }
    case 'response.mcp_call.in_progress':
      return { type, itemId: fields.id('item_id') }
    case 'mcp_list_tools.failed':
      return { type }
    case 'conversation.item.added':
    case 'conversation.item.done':
      return { type: 'conversation.item.added', itemId: fields.inside('item').id('id') }
    case 'conversation.item.input_audio_transcription.completed':
      return { type, itemId: fields.id('item_id'), transcript: fields.text('transcript') }
    case 'response.created': {
      const response = fields.inside('response')
      return { type, responseId: response.id('id'), request: response.maybe('metadata').maybeText(REQUEST_MARK) }
    }
    case 'response.done':
      return readResponseDone(fields.inside('response'))
    case 'response.output_item.done':
      return readOutputItem(fields)
    case 'session.updated': {
      const session = fields.maybe('session')
      const format = session.maybe('audio').maybe('output').maybe('format')
      return { type, outputFormat: format.maybeText('type'), expiresAtS: session.count('expires_at') }
    }
    case 'error':
      return { type, error: readError(fields.maybe('error')) }
    default:
      return { type: 'other', name: type.slice(0, MAX_ID_CHARS) }
  }
}

const part = (fields: Fields): Part => ({ responseId: fields.id('response_id'), itemId: fields.id('item_id') })

const STATUSES: readonly ResponseStatus[] = ['completed', 'cancelled', 'incomplete', 'failed']

function readResponseDone(response: Fields): ServerEvent {
  const text = response.maybeText('status')
  const failure = response.maybe('status_details').maybe('error')
  return {
    type: 'response.done',
    responseId: response.id('id'),
    status: STATUSES.find((status) => status === text) ?? 'completed',
    code: failure.maybeText('code') ?? failure.maybeText('type'),
    message: failure.maybeText('message') ?? '',
    totalTokens: response.maybe('usage').count('total_tokens'),
    calls: response.list('output').flatMap((item) => functionCall(item) ?? []),
  }
}

function readOutputItem(fields: Fields): ServerEvent {
  const hosted = hostedCall(fields.maybe('item'))
  if (hosted !== null) return { type: 'mcp_call', call: hosted }
  const call = functionCall(fields.maybe('item'))
  if (call === null) return { type: 'other', name: 'response.output_item.done' }
  return { type: 'response.output_item.done', responseId: fields.id('response_id'), call }
}

/** A cancelled response leaves calls with half their arguments: they say `incomplete` and are not run. */
function functionCall(item: Fields): FunctionCall | null {
  if (item.maybeText('type') !== 'function_call' || (item.maybeText('status') ?? 'completed') !== 'completed')
    return null
  const callId = item.maybeText('call_id', MAX_ID_CHARS)
  const name = item.maybeText('name', MAX_ID_CHARS)
  if (callId === null || callId === '' || name === null) return null
  return { callId, name, arguments: item.maybeText('arguments', MAX_ARGUMENTS_CHARS + 1) ?? '' }
}

function hostedCall(item: Fields): HostedCall | null {
  const itemId = item.maybeText('id', MAX_ID_CHARS)
  if (item.maybeText('type') !== 'mcp_call' || itemId === null || itemId === '') return null
  const error = item.maybe('error')
  return {
    itemId,
    label: item.maybeText('server_label', MAX_ID_CHARS) ?? '',
    name: item.maybeText('name', MAX_ID_CHARS) ?? '',
    arguments: item.maybeText('arguments', MAX_ARGUMENTS_CHARS) ?? '',
    output: item.maybeText('output', MAX_ARGUMENTS_CHARS) ?? '',
    error: error.maybeText('message') ?? error.maybeText('type') ?? item.maybeText('error'),
  }
}

const readError = (error: Fields): ServerError => ({
  code: error.maybeText('code', MAX_ID_CHARS),
  type: error.maybeText('type', MAX_ID_CHARS),
  message: error.maybeText('message') ?? '',
  param: error.maybeText('param', MAX_ID_CHARS),
  eventId: error.maybeText('event_id', MAX_ID_CHARS),
})

/** Reads fields of an object from outside and remembers the first that is missing or of a wrong type. */
class Fields {
  readonly #object: Readonly<Record<string, unknown>>
  readonly #root: Fields
  #bad: string | null = null

  constructor(object: Readonly<Record<string, unknown>>, root?: Fields) {
    this.#object = object
    this.#root = root ?? this
  }

  get bad(): string | null {
    return this.#bad
  }

  /** An id that must be there. */
  id(name: string): string {
    const value = this.#object[name]
    if (typeof value === 'string' && value !== '' && value.length <= MAX_ID_CHARS) return value
    return this.#miss(name)
  }

  /** A text that must be there; cut at `limit`. */
  text(name: string, limit: number = MAX_TEXT_CHARS): string {
    const value = this.#object[name]
    return typeof value === 'string' ? value.slice(0, limit) : this.#miss(name)
  }

  maybeText(name: string, limit: number = MAX_TEXT_CHARS): string | null {
    const value = this.#object[name]
    return typeof value === 'string' ? value.slice(0, limit) : null
  }

  /** A whole number from 0; anything else is 0. */
  count(name: string): number {
    const value = this.#object[name]
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
  }

  /** An object that must be there. */
  inside(name: string): Fields {
    const value = this.#object[name]
    if (isRecord(value)) return new Fields(value, this.#root)
    this.#miss(name)
    return new Fields({}, this.#root)
  }

  maybe(name: string): Fields {
    const value = this.#object[name]
    return new Fields(isRecord(value) ? value : {}, this.#root)
  }

  list(name: string): readonly Fields[] {
    const value: unknown = this.#object[name]
    if (!Array.isArray(value)) return []
    return value.slice(0, MAX_OUTPUT_ITEMS).map((item: unknown) => new Fields(isRecord(item) ? item : {}, this.#root))
  }

  #miss(name: string): '' {
    this.#root.#bad ??= name
    return ''
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
