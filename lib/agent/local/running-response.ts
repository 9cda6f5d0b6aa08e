import { assertNever } from '../../core/assert-never.ts'
import { bytesPerMs } from './audio-format.ts'
import { type Pace, planBurst } from './burst.ts'
import type { ResponseRequest } from './client-event.ts'
import type { Faults } from './faults.ts'
import { formatItem, type Item } from './item.ts'
import { type Outlet, type Output, OutputItem } from './output-item.ts'
import type { AudioFormat, Modalities, SessionConfig } from './session-config.ts'
import { speechTokens, textTokens, type Usage } from './usage.ts'
import type { ApiError, Json } from './wire.ts'

/** What one response is made with: the session's settings and what its request changes. */
export interface ResponseSettings {
  readonly id: string
  /** Null outside the default conversation. */
  readonly conversationId: string | null
  readonly modalities: Modalities
  readonly format: AudioFormat
  readonly voice: SessionConfig['audio']['output']['voice']
  readonly maxTokens: number | 'inf'
  readonly metadata: ResponseRequest['metadata']
  readonly pace: Pace
  readonly faults: Faults
}

export type ResponseEnd =
  | { readonly status: 'completed' }
  | { readonly status: 'cancelled'; readonly reason: 'turn_detected' | 'client_cancelled' }
  | { readonly status: 'incomplete'; readonly reason: 'max_output_tokens' }
  | {
      readonly status: 'failed'
      readonly error: { readonly type: string; readonly code: string; readonly message: string }
    }

type Step = { readonly atMs: number } & (
  | { readonly kind: 'open' | 'close'; readonly item: OutputItem }
  | { readonly kind: 'grow'; readonly item: OutputItem; readonly words: string; readonly audio?: Uint8Array }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'end'; readonly end: ResponseEnd }
)

/** One response from `response.created` to `response.done`: a schedule of steps that the session performs as their time comes. */
export class RunningResponse {
  readonly settings: ResponseSettings
  readonly #outlet: Outlet
  readonly #createdAtMs: number
  readonly #newItemId: () => string
  /** The schedule, soonest last. Empty until the speech is there. */
  #steps: Step[] = []
  readonly #items: OutputItem[] = []
  #open: OutputItem | undefined
  /** The item that a stop has cut, and what of its audio was still to come. */
  #cut: OutputItem | undefined
  #late: readonly Uint8Array[] = []

  constructor(settings: ResponseSettings, outlet: Outlet, newItemId: () => string, nowMs: number) {
    this.settings = settings
    this.#outlet = outlet
    this.#newItemId = newItemId
    this.#createdAtMs = nowMs
  }

  deadlineMs(): number | undefined {
    return this.#steps.at(-1)?.atMs
  }

  /** Items announced so far. */
  output(): readonly Item[] {
    return this.#items.map((item) => item.item())
  }

  /** Milliseconds of audio sent so far. */
  get audioMs(): number {
    return this.#items.reduce((sum, item) => sum + item.audioMs, 0)
  }

  /** Lays out the schedule, now that all is at hand that will be said. */
  begin(outputs: readonly Output[], nowMs: number): void {
    const steps: Step[] = []
    let atMs = Math.max(nowMs, this.#createdAtMs + this.settings.pace.firstDeltaMs)
    const allowed = limit(outputs, this.settings)
    allowed.outputs.forEach((output, index) => {
      const item = new OutputItem(
        this.#newItemId(),
        output,
        this.settings.id,
        index,
        bytesPerMs(this.settings.format),
        this.#outlet,
      )
      // The first item is announced as soon as it is known; its audio keeps the caller waiting.
      steps.push({ kind: 'open', atMs: index === 0 ? nowMs : atMs, item })
      const grown = this.#plan(item, output, atMs)
      steps.push(...grown)
      atMs = grown.at(-1)?.atMs ?? atMs
      // What was shortened is closed by the end, as incomplete.
      if (index < allowed.whole) steps.push({ kind: 'close', atMs, item })
    })
    steps.push({ kind: 'end', atMs, end: allowed.end })
    this.#steps = misbehave(steps, this.settings.faults).reverse()
  }

  /** Performs every step whose time has come; tells the end when it is reached. */
  advance(nowMs: number): ResponseEnd | undefined {
    for (let step = this.#steps.at(-1); step !== undefined && step.atMs <= nowMs; step = this.#steps.at(-1)) {
      this.#steps.pop()
      if (step.kind === 'end') return this.stop(step.end)
      this.#perform(step)
    }
    return undefined
  }

  /** Ends it now: closes the open item as incomplete and drops the rest. `response.done` is the session's to tell. */
  stop(end: ResponseEnd): ResponseEnd {
    const rest = this.#steps.toReversed()
    this.#steps = []
    const cut = this.#open
    cut?.close('incomplete')
    this.#open = undefined
    this.#late = rest.flatMap((step) => (step.kind === 'grow' && step.item === cut ? (step.audio ?? []) : []))
    this.#cut = cut
    return end
  }

  /** After `response.done` of a cancelled response: audio that was under way, where the fault asks for it. */
  sendLate(): void {
    for (const audio of this.#late.slice(0, this.settings.faults.lateDeltas ?? 0)) this.#cut?.sendLate(audio)
    this.#late = []
  }

  onTruncated(itemId: string): void {
    this.#items.find((item) => item.id === itemId)?.onTruncated()
  }

  /** The `response` of `response.created` and `response.done`. */
  format(end?: ResponseEnd, usage: Usage | null = null): Json {
    const { settings } = this
    return {
      object: 'realtime.response',
      id: settings.id,
      status: end?.status ?? 'in_progress',
      status_details: end === undefined ? null : formatDetails(end),
      output: this.output().map(formatItem),
      conversation_id: settings.conversationId,
      output_modalities: settings.modalities,
      max_output_tokens: settings.maxTokens,
      audio: { output: { format: settings.format, voice: settings.voice } },
      usage,
      metadata: settings.metadata ?? null,
    }
  }

  #plan(item: OutputItem, output: Output, fromMs: number): readonly Step[] {
    const { pace, format } = this.settings
    if (output.kind === 'audio') {
      return planBurst(output.audio.length, output.transcript, pace, bytesPerMs(format)).map((piece) => ({
        kind: 'grow',
        atMs: fromMs + piece.dueMs,
        item,
        words: piece.transcript,
        audio: output.audio.subarray(piece.from, piece.to),
      }))
    }
    const words = output.kind === 'text' ? (output.text.match(/\s*\S+/g) ?? []) : halves(output.arguments)
    return words.map((part) => ({ kind: 'grow', atMs: fromMs, item, words: part }))
  }

  #perform(step: Exclude<Step, { kind: 'end' }>): void {
    switch (step.kind) {
      case 'open':
        this.#items.push(step.item)
        this.#open = step.item
        return step.item.open()
      case 'grow':
        return step.item.grow(step.words, step.audio)
      case 'close':
        this.#open = undefined
        return step.item.close('completed')
      case 'error':
        return this.#outlet.emit({ type: 'error', error: { ...serverError(step.code), event_id: null } })
      default:
        return assertNever(step)
    }
  }
}

const halves = (text: string): readonly string[] => {
  const middle = Math.ceil(text.length / 2)
  return [text.slice(0, middle), text.slice(middle)].filter((part) => part !== '')
}

/** An error of the server's own making, as faults ask for it. */
const serverError = (code: string): ApiError => ({
  type: 'server_error',
  code,
  message: 'The server had an error while processing your request. Sorry about that!',
  param: null,
})

/** Mixes faults into a schedule, at its middle: among the deltas of a response that has any. */
function misbehave(steps: readonly Step[], faults: Faults): Step[] {
  const middle = Math.floor(steps.length / 2)
  const atMs = steps[middle]?.atMs ?? 0
  if (faults.failResponse !== undefined) {
    const { code, message } = serverError(faults.failResponse)
    const end: ResponseEnd = { status: 'failed', error: { type: code, code, message } }
    return [...steps.slice(0, middle), { kind: 'end', atMs, end }]
  }
  if (faults.errorEvent !== undefined)
    return steps.toSpliced(middle, 0, { kind: 'error', atMs, code: faults.errorEvent })
  return [...steps]
}

function formatDetails(end: ResponseEnd): Json | null {
  if (end.status === 'completed') return null
  if (end.status === 'failed') return { type: 'failed', error: end.error }
  return { type: end.status, reason: end.reason }
}

interface Allowed {
  readonly outputs: readonly Output[]
  /** How many of them are not shortened. */
  readonly whole: number
  readonly end: ResponseEnd
}

/** Cuts what exceeds `max_output_tokens`: the first output that does not fit is shortened, those after it are left out. */
function limit(outputs: readonly Output[], settings: ResponseSettings): Allowed {
  let left = settings.maxTokens === 'inf' ? Number.POSITIVE_INFINITY : settings.maxTokens
  for (const [whole, output] of outputs.entries()) {
    const tokens = outputTokens(output, settings.format)
    if (tokens > left) {
      const kept = outputs.slice(0, whole)
      const part = output.kind === 'call' || left === 0 ? [] : [shorten(output, left / tokens)]
      return { outputs: [...kept, ...part], whole, end: { status: 'incomplete', reason: 'max_output_tokens' } }
    }
    left -= tokens
  }
  return { outputs, whole: outputs.length, end: { status: 'completed' } }
}

function outputTokens(output: Output, format: AudioFormat): number {
  if (output.kind === 'audio') return speechTokens(output.audio.length / bytesPerMs(format))
  return textTokens(output.kind === 'text' ? output.text : output.arguments)
}

function shorten(output: Exclude<Output, { kind: 'call' }>, share: number): Output {
  if (output.kind === 'text')
    return { kind: 'text', text: output.text.slice(0, Math.floor(output.text.length * share)) }
  return {
    kind: 'audio',
    transcript: output.transcript.slice(0, Math.floor(output.transcript.length * share)),
    audio: output.audio.subarray(0, Math.floor((output.audio.length * share) / 2) * 2),
  }
}
