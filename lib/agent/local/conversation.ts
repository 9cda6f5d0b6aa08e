import { err, ok, type Result } from '../../core/result.ts'
import { type Item, itemChars } from './item.ts'
import { type ApiError, refusal } from './wire.ts'

/** Bounds of one conversation; a client that reaches them gets an error for each further item that it creates. */
const ITEMS = 2_000
const CHARS = 4_194_304

/** The ordered items of one session's default conversation (OpenAI Realtime: `conversation.item.*`). */
export class Conversation {
  readonly #items = new Map<string, Item>()
  readonly #order: string[] = []
  #chars = 0

  get size(): number {
    return this.#order.length
  }

  /** Items from the oldest to the newest. */
  items(): readonly Item[] {
    return this.#order.flatMap((id) => this.#items.get(id) ?? [])
  }

  get(id: string): Item | undefined {
    return this.#items.get(id)
  }

  /** The newest item's id, null in an empty conversation: the `previous_item_id` of what comes next. */
  lastId(): string | null {
    return this.#order.at(-1) ?? null
  }

  /** Adds the server's own item at the end, which in a full conversation costs the oldest; gives its `previous_item_id`. */
  append(item: Item): string | null {
    const oldest = this.#order[0]
    if (this.#order.length >= ITEMS && oldest !== undefined) this.delete(oldest)
    const previous = this.lastId()
    this.#place(item, this.#order.length)
    return previous
  }

  /**
   * Adds a client's item after `previousItemId`: `"root"` is the very beginning, undefined the end. Gives the id of the item
   * before it, null for the first.
   */
  insert(item: Item, previousItemId?: string): Result<string | null, ApiError> {
    const mistake = this.#judge(item)
    if (mistake !== undefined) return err(mistake)
    const at = this.#positionAfter(previousItemId)
    if (at === undefined) {
      const message = `Item with item_id '${previousItemId}' not found, so nothing can be placed after it.`
      return err(refusal('item_not_found', message, 'previous_item_id'))
    }
    this.#place(item, at)
    return ok(this.#order[at - 1] ?? null)
  }

  /** Puts a new version of an item where the old one stands; nothing where the item was deleted meanwhile. */
  replace(item: Item): void {
    const old = this.#items.get(item.id)
    if (old === undefined) return
    this.#chars += itemChars(item) - itemChars(old)
    this.#items.set(item.id, item)
  }

  delete(id: string): boolean {
    const item = this.#items.get(id)
    if (item === undefined) return false
    this.#chars -= itemChars(item)
    this.#items.delete(id)
    this.#order.splice(this.#order.indexOf(id), 1)
    return true
  }

  #judge(item: Item): ApiError | undefined {
    if (this.#items.has(item.id)) {
      return refusal('invalid_value', `Error adding item: an item with id '${item.id}' already exists.`, 'item.id')
    }
    if (this.#order.length >= ITEMS || this.#chars + itemChars(item) > CHARS) {
      return refusal('conversation_full', `The conversation is full: ${ITEMS} items or ${CHARS} characters.`, 'item')
    }
    if (item.type === 'function_call_output' && !this.#called(item.callId)) {
      return refusal('invalid_tool_call_id', `Tool call ID '${item.callId}' not found in conversation.`, 'item.call_id')
    }
    return undefined
  }

  #called(callId: string): boolean {
    for (const item of this.#items.values()) if (item.type === 'function_call' && item.callId === callId) return true
    return false
  }

  #positionAfter(previousItemId: string | undefined): number | undefined {
    if (previousItemId === undefined) return this.#order.length
    if (previousItemId === 'root') return 0
    const at = this.#order.indexOf(previousItemId)
    return at < 0 ? undefined : at + 1
  }

  #place(item: Item, at: number): void {
    this.#order.splice(at, 0, item.id)
    this.#items.set(item.id, item)
    this.#chars += itemChars(item)
  }
}

/**
 * Cuts a spoken item to what was heard (OpenAI Realtime: `conversation.item.truncate`). The whole transcript goes, as nobody knows
 * which words were heard.
 */
export function truncateItem(item: Item | undefined, contentIndex: number, audioEndMs: number): Result<Item, ApiError> {
  if (item === undefined) {
    return err(refusal('item_truncate_invalid_item_id', 'Item to truncate not found.', 'item_id'))
  }
  const part = item.type === 'message' ? item.content[contentIndex] : undefined
  if (item.type !== 'message' || part?.kind !== 'output_audio') {
    const message = 'Only model output audio messages can be truncated'
    return err(refusal('unsupported_content_type', message, item.type === 'message' ? 'content_index' : 'item_id'))
  }
  if (audioEndMs > part.audioMs) {
    const message = `Audio content of ${part.audioMs}ms is already shorter than ${audioEndMs}ms`
    return err(refusal('invalid_value', message, 'audio_end_ms'))
  }
  const content = item.content.with(contentIndex, { kind: 'output_audio', transcript: '', audioMs: audioEndMs })
  return ok({ ...item, content })
}
