import { err, ok, type Result } from '../../core/result.ts'
import { encode, nearSilence } from './audio-format.ts'
import type { Pace } from './burst.ts'
import type { ResponseRequest } from './client-event.ts'
import type { Conversation } from './conversation.ts'
import { decideReply, type Reply } from './dialogue.ts'
import type { Faults } from './faults.ts'
import type { Item } from './item.ts'
import type { Output } from './output-item.ts'
import { type ResponseEnd, RunningResponse } from './running-response.ts'
import { splitSentences } from './sentences.ts'
import type { SessionConfig } from './session-config.ts'
import { formatUsage } from './usage.ts'
import { type ApiError, refusal, type ServerEvent } from './wire.ts'

/** Responses outside the default conversation that may run at once. */
const OUT_OF_BAND = 8
/** Tokens a minute that `rate_limits.updated` tells of; nothing is ever refused for it. */
const TOKEN_LIMIT = 40_000

/** What a responder needs of its session. */
export interface ResponderPort {
  readonly conversation: Conversation
  readonly conversationId: string
  readonly pace: Pace
  readonly config: () => SessionConfig
  readonly faults: () => Faults
  readonly newId: (kind: 'resp' | 'item' | 'call') => string
  readonly emit: (event: ServerEvent) => void
  /** Asks for speech; `onSpeech` is the answer. */
  readonly synthesize: (responseId: string, sentences: readonly string[]) => void
  /** The response of the default conversation is over, with so much audio sent. */
  readonly onDone: (end: ResponseEnd, audioMs: number) => void
}

/** What a response is to be made from. */
export interface ResponseCause {
  readonly request: ResponseRequest
  /** Items in place of the conversation, where the request has an `input`. */
  readonly input: readonly Item[] | undefined
  /** The caller has been silent for too long. */
  readonly idle: boolean
}

interface Pending {
  readonly response: RunningResponse
  readonly reply: Reply
  readonly context: readonly Item[]
}

/** The responses of one session: at most one in the default conversation, a few beside it. */
export class Responder {
  readonly #port: ResponderPort
  readonly #pending = new Map<string, Pending>()
  #activeId: string | undefined
  #turns = 0
  #spoken = false

  constructor(port: ResponderPort) {
    this.#port = port
  }

  /** Id of the response in the default conversation that is under way. */
  get activeId(): string | undefined {
    return this.#activeId
  }

  /** Assistant audio has been sent in this session. */
  get spoken(): boolean {
    return this.#spoken
  }

  /** Begins a response, or says why not (OpenAI Realtime: `response.create`). */
  create(cause: ResponseCause, nowMs: number): Result<void, ApiError> {
    const outOfBand = cause.request.conversation === 'none'
    if (!outOfBand && this.#activeId !== undefined) {
      const message = `Conversation already has an active response in progress: ${this.#activeId}. Wait until the response is finished before creating a new one.`
      return err(refusal('conversation_already_has_active_response', message))
    }
    if (outOfBand && this.#pending.size > OUT_OF_BAND) {
      return err(refusal('too_many_responses', `More than ${OUT_OF_BAND} out-of-band responses at once.`))
    }
    const response = this.#start(cause.request, outOfBand, nowMs)
    const context = cause.input ?? this.#port.conversation.items()
    const reply = this.#decide(cause, context)
    this.#pending.set(response.settings.id, { response, reply, context })
    this.#port.emit({ type: 'response.created', response: response.format() })
    if (this.#port.faults().rateLimits === 'start') this.#tellRateLimits(0)
    if (reply.say !== '' && response.settings.modalities[0] === 'audio') {
      this.#port.synthesize(response.settings.id, splitSentences(reply.say))
    } else {
      response.begin(this.#outputs(response, reply, undefined), nowMs)
    }
    return ok(undefined)
  }

  /** The speech that was asked for, at 8000 Hz; undefined where it could not be made. Late answers mean nothing. */
  onSpeech(responseId: string, samples: Int16Array | undefined, nowMs: number): void {
    const pending = this.#pending.get(responseId)
    if (pending === undefined) return
    if (samples === undefined) {
      const error = { type: 'server_error', code: 'server_error', message: 'Speech could not be synthesized.' }
      this.#finish(pending, { status: 'failed', error })
      return
    }
    pending.response.begin(this.#outputs(pending.response, pending.reply, samples), nowMs)
    this.advance(nowMs)
  }

  /** Stops a response; false where none runs under that id, or none at all where it is undefined. */
  cancel(responseId: string | undefined, reason: 'turn_detected' | 'client_cancelled'): boolean {
    const pending = this.#pending.get(responseId ?? this.#activeId ?? '')
    if (pending === undefined) return false
    this.#finish(pending, pending.response.stop({ status: 'cancelled', reason }))
    pending.response.sendLate()
    return true
  }

  advance(nowMs: number): void {
    for (const pending of this.#pending.values()) {
      const end = pending.response.advance(nowMs)
      this.#spoken ||= pending.response.audioMs > 0
      if (end !== undefined) this.#finish(pending, end)
    }
  }

  deadlineMs(): number {
    let soonest = Number.POSITIVE_INFINITY
    for (const { response } of this.#pending.values()) soonest = Math.min(soonest, response.deadlineMs() ?? soonest)
    return soonest
  }

  onTruncated(itemId: string): void {
    for (const { response } of this.#pending.values()) response.onTruncated(itemId)
  }

  #start(request: ResponseRequest, outOfBand: boolean, nowMs: number): RunningResponse {
    const { conversation, newId, emit, pace } = this.#port
    const config = this.#port.config()
    const id = newId('resp')
    const settings = {
      id,
      conversationId: outOfBand ? null : this.#port.conversationId,
      modalities: request.output_modalities ?? config.output_modalities,
      format: request.audio?.output?.format ?? config.audio.output.format,
      voice: request.audio?.output?.voice ?? config.audio.output.voice,
      maxTokens: request.max_output_tokens ?? config.max_output_tokens,
      metadata: request.metadata,
      pace,
      faults: this.#port.faults(),
    }
    if (!outOfBand) this.#activeId = id
    const add = (item: Item): string | null => conversation.append(item)
    const update = (item: Item): void => conversation.replace(item)
    const outlet = outOfBand ? { emit } : { emit, conversation: { add, update } }
    return new RunningResponse(settings, outlet, () => newId('item'), nowMs)
  }

  #decide(cause: ResponseCause, context: readonly Item[]): Reply {
    const config = this.#port.config()
    const turn = cause.request.conversation === 'none' ? this.#turns : this.#turns++
    return decideReply({
      items: context,
      instructions: cause.request.instructions ?? '',
      tools: cause.request.tools ?? config.tools,
      toolChoice: cause.request.tool_choice ?? config.tool_choice,
      turn,
      idle: cause.idle,
    })
  }

  #outputs(response: RunningResponse, reply: Reply, samples: Int16Array | undefined): readonly Output[] {
    const faults = this.#port.faults()
    const outputs: Output[] = []
    if (reply.say !== '' && samples !== undefined) {
      const spoken =
        faults.leadingSilenceMs === undefined ? samples : join(nearSilence(faults.leadingSilenceMs), samples)
      const audio = encode(spoken, response.settings.format)
      if (faults.twoItems) outputs.push(...halve(reply.say, audio))
      else outputs.push({ kind: 'audio', transcript: reply.say, audio })
    } else if (reply.say !== '') {
      outputs.push({ kind: 'text', text: reply.say })
    }
    if (reply.call !== undefined) outputs.push({ kind: 'call', callId: this.#port.newId('call'), ...reply.call })
    return outputs
  }

  #finish(pending: Pending, end: ResponseEnd): void {
    const { response, context } = pending
    const { id, conversationId } = response.settings
    this.#pending.delete(id)
    if (id === this.#activeId) this.#activeId = undefined
    const billed = end.status === 'completed' || end.status === 'incomplete'
    const usage = billed ? formatUsage(context, this.#port.config().instructions, response.output()) : null
    this.#port.emit({ type: 'response.done', response: response.format(end, usage) })
    const order = this.#port.faults().rateLimits ?? 'after'
    if (order === 'after' && usage !== null) this.#tellRateLimits(usage.total_tokens)
    if (conversationId !== null) this.#port.onDone(end, response.audioMs)
  }

  #tellRateLimits(spentTokens: number): void {
    const remaining = Math.max(0, TOKEN_LIMIT - spentTokens)
    const reset_seconds = ((TOKEN_LIMIT - remaining) * 60) / TOKEN_LIMIT
    const rate_limits = [{ name: 'tokens', limit: TOKEN_LIMIT, remaining, reset_seconds }]
    this.#port.emit({ type: 'rate_limits.updated', rate_limits })
  }
}

function join(first: Int16Array, second: Int16Array): Int16Array {
  const joined = new Int16Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}

/** One utterance as two items: cut in the middle of its words and of its sound. */
function halve(transcript: string, audio: Uint8Array): readonly Output[] {
  const space = transcript.indexOf(' ', transcript.length / 2) + 1
  const middle = Math.floor(audio.length / 4) * 2
  return [
    { kind: 'audio', transcript: transcript.slice(0, space), audio: audio.subarray(0, middle) },
    { kind: 'audio', transcript: transcript.slice(space), audio: audio.subarray(middle) },
  ]
}
