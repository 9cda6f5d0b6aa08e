import { z } from 'zod'
import { assertNever } from '../../core/assert-never.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { parse } from './parse.ts'
import { type ApiError, type Json, refusal } from './wire.ts'

type Status = 'completed' | 'incomplete' | 'in_progress'

/** One conversation item as the server keeps it. Audio is never kept, only its length. */
export type Item = Message | FunctionCall | FunctionOutput

export interface Message {
  readonly id: string
  readonly type: 'message'
  readonly role: 'system' | 'user' | 'assistant'
  readonly status: Status
  readonly content: readonly Content[]
  /** Who brought it: `caller` by voice, `agent` in a response, `client` by `conversation.item.create`. */
  readonly origin: 'caller' | 'agent' | 'client'
}

export type Content =
  | { readonly kind: 'input_text' | 'output_text'; readonly text: string }
  | { readonly kind: 'input_image' }
  | {
      readonly kind: 'input_audio'
      readonly transcript: string | null
      readonly audioMs: number
      readonly speechMs: number
    }
  | { readonly kind: 'output_audio'; readonly transcript: string; readonly audioMs: number }

export interface FunctionCall {
  readonly id: string
  readonly type: 'function_call'
  readonly status: Status
  readonly callId: string
  readonly name: string
  readonly arguments: string
}

interface FunctionOutput {
  readonly id: string
  readonly type: 'function_call_output'
  readonly callId: string
  readonly output: string
}

/** Longest text, tool output or tool arguments of one item. */
const TEXT_CHARS = 262_144
const ID_CHARS = 256
const CONTENT_PARTS = 64

const text = z.string().max(TEXT_CHARS)
const id = z.string().min(1).max(ID_CHARS)
const head = { id: id.optional(), object: z.literal('realtime.item').optional(), status: z.string().optional() }
const inputText = z.strictObject({ type: z.literal('input_text'), text })

const messageSchema = z.discriminatedUnion('role', [
  z.strictObject({
    ...head,
    type: z.literal('message'),
    role: z.literal('system'),
    content: z.array(inputText).max(CONTENT_PARTS),
  }),
  z.strictObject({
    ...head,
    type: z.literal('message'),
    role: z.literal('user'),
    content: z
      .array(
        z.discriminatedUnion('type', [
          inputText,
          z.strictObject({ type: z.literal('input_audio'), audio: z.base64(), transcript: text.nullable().optional() }),
          z.strictObject({ type: z.literal('input_image'), image_url: z.string(), detail: z.string().optional() }),
        ]),
      )
      .max(CONTENT_PARTS),
  }),
  z.strictObject({
    ...head,
    type: z.literal('message'),
    role: z.literal('assistant'),
    // Assistant audio cannot be restored: whoever sends `output_audio` is told that the text is missing.
    content: z.array(z.strictObject({ type: z.enum(['output_text', 'output_audio']), text })).max(CONTENT_PARTS),
  }),
])

const itemSchema = z.discriminatedUnion('type', [
  messageSchema,
  z.strictObject({
    ...head,
    type: z.literal('function_call'),
    call_id: id.optional(),
    name: z.string().min(1).max(ID_CHARS),
    arguments: text,
  }),
  z.strictObject({ ...head, type: z.literal('function_call_output'), call_id: id, output: text }),
])

type ItemInput = z.output<typeof itemSchema>
type ContentInput = Extract<ItemInput, { type: 'message' }>['content'][number]

/**
 * Reads an item that a client wants to add (OpenAI Realtime: `conversation.item.create`). `newId` is taken where it names none;
 * `bytesPerMs` of the session's input format measures audio given as base64.
 */
export function parseItem(value: unknown, newId: string, bytesPerMs: number, root = 'item'): Result<Item, ApiError> {
  const parsed = parse(itemSchema, value, root)
  if (!parsed.ok) return parsed
  const input = parsed.value
  const itemId = input.id ?? newId
  switch (input.type) {
    case 'message': {
      const audio = input.content.findIndex((part) => part.type === 'output_audio')
      if (audio >= 0) {
        const param = `${root}.content[${audio}].type`
        return err(refusal('invalid_value', "Assistant messages can be created with 'output_text' only.", param))
      }
      const content = input.content.map((part) => readContent(part, bytesPerMs))
      return ok({ id: itemId, type: 'message', role: input.role, status: 'completed', content, origin: 'client' })
    }
    case 'function_call':
      return ok({
        id: itemId,
        type: 'function_call',
        status: 'completed',
        callId: input.call_id ?? itemId,
        name: input.name,
        arguments: input.arguments,
      })
    case 'function_call_output':
      return ok({ id: itemId, type: 'function_call_output', callId: input.call_id, output: input.output })
    default:
      return assertNever(input)
  }
}

function readContent(part: ContentInput, bytesPerMs: number): Content {
  switch (part.type) {
    case 'input_text':
      return { kind: 'input_text', text: part.text }
    case 'output_text':
    case 'output_audio':
      return { kind: 'output_text', text: part.text }
    case 'input_image':
      return { kind: 'input_image' }
    case 'input_audio': {
      const audioMs = Math.floor((part.audio.length * 3) / 4 / bytesPerMs)
      return { kind: 'input_audio', transcript: part.transcript ?? null, audioMs, speechMs: audioMs }
    }
    default:
      return assertNever(part)
  }
}

/** An item as it stands in an event. */
export function formatItem(item: Item): Json {
  const start = { id: item.id, object: 'realtime.item', type: item.type }
  switch (item.type) {
    case 'message':
      return { ...start, status: item.status, role: item.role, content: item.content.map(formatContent) }
    case 'function_call':
      return { ...start, status: item.status, call_id: item.callId, name: item.name, arguments: item.arguments }
    case 'function_call_output':
      return { ...start, status: 'completed', call_id: item.callId, output: item.output }
    default:
      return assertNever(item)
  }
}

function formatContent(content: Content): Json {
  switch (content.kind) {
    case 'input_text':
    case 'output_text':
      return { type: content.kind, text: content.text }
    case 'input_image':
      return { type: content.kind }
    case 'input_audio':
    case 'output_audio':
      return { type: content.kind, transcript: content.transcript }
    default:
      return assertNever(content)
  }
}

/** Characters of an item that the server holds in memory. */
export function itemChars(item: Item): number {
  switch (item.type) {
    case 'message':
      return item.content.reduce((chars, part) => chars + contentText(part).length, 0)
    case 'function_call':
      return item.name.length + item.arguments.length
    case 'function_call_output':
      return item.output.length
    default:
      return assertNever(item)
  }
}

/** What is written or was said in a part of a message; empty for sound without a transcript. */
export const contentText = (part: Content): string =>
  'text' in part ? part.text : 'transcript' in part ? (part.transcript ?? '') : ''
