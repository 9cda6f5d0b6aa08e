import { type FunctionCall, formatItem, type Item, type Message } from './item.ts'
import type { Json, ServerEvent } from './wire.ts'

/** What a response is going to put out, one conversation item each. */
export type Output =
  | { readonly kind: 'audio'; readonly transcript: string; readonly audio: Uint8Array }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly callId: string; readonly name: string; readonly arguments: string }

/** Where an item's events go. `add` and `update` do nothing but store; outside the default conversation they are absent. */
export interface Outlet {
  readonly emit: (event: ServerEvent) => void
  readonly conversation?: {
    /** Stores a new item and gives its `previous_item_id`. */
    readonly add: (item: Item) => string | null
    readonly update: (item: Item) => void
  }
}

/** One item of a running response: opened, grown delta by delta, and closed; each step tells its events in the server's order. */
export class OutputItem {
  readonly id: string
  readonly #output: Output
  readonly #place: Json
  readonly #outlet: Outlet
  readonly #bytesPerMs: number
  #text = ''
  #bytes = 0
  #status: 'in_progress' | 'completed' | 'incomplete' = 'in_progress'
  #previousId: string | null = null
  /** The client has truncated it: what the conversation holds of it is no longer ours to change. */
  #truncated = false

  constructor(id: string, output: Output, responseId: string, outputIndex: number, bytesPerMs: number, outlet: Outlet) {
    this.id = id
    this.#output = output
    this.#place = { response_id: responseId, item_id: id, output_index: outputIndex }
    this.#outlet = outlet
    this.#bytesPerMs = bytesPerMs
  }

  /** Milliseconds of audio sent so far, whole ones. */
  get audioMs(): number {
    return Math.floor(this.#bytes / this.#bytesPerMs)
  }

  open(): void {
    const { response_id, output_index } = this.#place
    this.#emit({ type: 'response.output_item.added', response_id, output_index, item: this.#formatEmpty() })
    if (this.#outlet.conversation !== undefined) {
      this.#previousId = this.#outlet.conversation.add(this.item())
      const item = this.#formatEmpty()
      this.#emit({ type: 'conversation.item.added', previous_item_id: this.#previousId, item })
    }
    if (this.#output.kind === 'call') return
    this.#emit({ type: 'response.content_part.added', ...this.#part(), part: this.#formatPart('') })
  }

  /** Sends words and, of spoken items, the audio bytes that go with them. */
  grow(words: string, audio?: Uint8Array): void {
    this.#text += words
    if (words !== '') this.#emit({ type: this.#deltaType(), ...this.#deltaPlace(), delta: words })
    if (audio !== undefined) {
      this.#bytes += audio.length
      this.#emit({ type: 'response.output_audio.delta', ...this.#part(), delta: base64(audio) })
    }
    this.#update()
  }

  close(status: 'completed' | 'incomplete'): void {
    this.#status = status
    const text = this.#text
    if (this.#output.kind === 'audio') {
      this.#emit({ type: 'response.output_audio.done', ...this.#part() })
      this.#emit({ type: 'response.output_audio_transcript.done', ...this.#part(), transcript: text })
    } else if (this.#output.kind === 'text') {
      this.#emit({ type: 'response.output_text.done', ...this.#part(), text })
    } else {
      const { callId, name } = this.#output
      this.#emit({
        type: 'response.function_call_arguments.done',
        ...this.#place,
        call_id: callId,
        name,
        arguments: text,
      })
    }
    if (this.#output.kind !== 'call') {
      this.#emit({ type: 'response.content_part.done', ...this.#part(), part: this.#formatPart(text) })
    }
    this.#update()
    const item = formatItem(this.item())
    if (this.#outlet.conversation !== undefined) {
      this.#emit({ type: 'conversation.item.done', previous_item_id: this.#previousId, item })
    }
    const { response_id, output_index } = this.#place
    this.#emit({ type: 'response.output_item.done', response_id, output_index, item })
  }

  /** Audio after the item has been closed, as servers in a hurry send it. */
  sendLate(audio: Uint8Array): void {
    this.#emit({ type: 'response.output_audio.delta', ...this.#part(), delta: base64(audio) })
  }

  onTruncated(): void {
    this.#truncated = true
  }

  /** The item as it stands now. */
  item(): Message | FunctionCall {
    const output = this.#output
    if (output.kind === 'call') {
      const { callId, name } = output
      return { id: this.id, type: 'function_call', status: this.#status, callId, name, arguments: this.#text }
    }
    const content =
      output.kind === 'text'
        ? { kind: 'output_text' as const, text: this.#text }
        : { kind: 'output_audio' as const, transcript: this.#text, audioMs: this.audioMs }
    return {
      id: this.id,
      type: 'message',
      role: 'assistant',
      status: this.#status,
      content: [content],
      origin: 'agent',
    }
  }

  /** As items are announced: a message has no content yet. */
  #formatEmpty(): Json {
    const item = formatItem(this.item())
    return this.#output.kind === 'call' ? item : { ...item, content: [] }
  }

  #formatPart(text: string): Json {
    return this.#output.kind === 'audio' ? { type: 'audio', transcript: text } : { type: 'text', text }
  }

  #deltaType(): ServerEvent['type'] {
    if (this.#output.kind === 'audio') return 'response.output_audio_transcript.delta'
    return this.#output.kind === 'text' ? 'response.output_text.delta' : 'response.function_call_arguments.delta'
  }

  #deltaPlace(): Json {
    return this.#output.kind === 'call' ? { ...this.#place, call_id: this.#output.callId } : this.#part()
  }

  #part(): Json {
    return { ...this.#place, content_index: 0 }
  }

  #update(): void {
    if (!this.#truncated) this.#outlet.conversation?.update(this.item())
  }

  #emit(event: ServerEvent): void {
    this.#outlet.emit(event)
  }
}

const base64 = (audio: Uint8Array): string =>
  Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength).toString('base64')
