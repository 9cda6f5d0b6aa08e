import { err, ok, type Result } from '../../core/result.ts'
import type { Conversation } from './conversation.ts'
import { type Item, parseItem } from './item.ts'
import { type ApiError, refusal } from './wire.ts'

/**
 * The `input` of a `response.create`: items given whole, or `item_reference`s into the conversation. Undefined where there is none, so
 * that the conversation itself is the context; an empty list is no context at all.
 */
export function readInput(
  input: readonly { readonly type: string }[] | undefined,
  conversation: Conversation,
  newId: () => string,
  bytesPerMs: number,
): Result<readonly Item[] | undefined, ApiError> {
  if (input === undefined) return ok(undefined)
  const items: Item[] = []
  for (const [index, entry] of input.entries()) {
    const root = `response.input[${index}]`
    const item =
      entry.type === 'item_reference' ? refer(entry, conversation, root) : parseItem(entry, newId(), bytesPerMs, root)
    if (!item.ok) return item
    items.push(item.value)
  }
  return ok(items)
}

function refer(entry: object, conversation: Conversation, root: string): Result<Item, ApiError> {
  const id: unknown = Reflect.get(entry, 'id')
  const item = typeof id === 'string' ? conversation.get(id) : undefined
  return item === undefined ? err(refusal('item_not_found', `${root} refers to no item.`, `${root}.id`)) : ok(item)
}
