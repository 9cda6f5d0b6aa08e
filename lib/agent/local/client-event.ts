import { z } from 'zod'
import { parseJson } from '../../core/json.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { parse } from './parse.ts'
import {
  formatSchema,
  instructionsSchema,
  maxTokensSchema,
  modalitiesSchema,
  reasoningSchema,
  toolChoiceSchema,
  toolsSchema,
  voiceSchema,
} from './session-config.ts'
import { type ApiError, refusal } from './wire.ts'

/** A client's `event_id` is echoed in errors, so its length is bounded. */
const EVENT_ID_CHARS = 512
/** One append may hold 15 MiB of base64. */
const AUDIO_CHARS = 15 * 1024 * 1024
const INPUT_ITEMS = 512
/** OpenAI: 16 keys of at most 64 characters with values of at most 512. */
const METADATA_KEYS = 16

const eventId = z.string().max(EVENT_ID_CHARS).nullable().optional()
const itemId = z.string()

const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= METADATA_KEYS, `At most ${METADATA_KEYS} keys`)

const responseSchema = z.strictObject({
  conversation: z.enum(['auto', 'none']).optional(),
  input: z
    .array(z.looseObject({ type: z.string() }))
    .max(INPUT_ITEMS)
    .nullable()
    .optional(),
  instructions: instructionsSchema.optional(),
  tools: toolsSchema.optional(),
  tool_choice: toolChoiceSchema.optional(),
  output_modalities: modalitiesSchema.optional(),
  audio: z
    .strictObject({
      output: z.strictObject({ format: formatSchema.optional(), voice: voiceSchema.optional() }).optional(),
    })
    .optional(),
  max_output_tokens: maxTokensSchema.optional(),
  metadata: metadataSchema.nullable().optional(),
  reasoning: reasoningSchema.optional(),
  parallel_tool_calls: z.boolean().optional(),
  prompt: z.looseObject({ id: z.string() }).nullable().optional(),
})

/** What one response asks for beyond its session (OpenAI Realtime: `response.create`). */
export type ResponseRequest = z.output<typeof responseSchema>

const head = { event_id: eventId }

const schemas = {
  // The session itself is judged by its merge, which knows the model and the voice in use.
  'session.update': z.strictObject({ ...head, type: z.literal('session.update'), session: z.unknown() }),
  'input_audio_buffer.append': z.strictObject({
    ...head,
    type: z.literal('input_audio_buffer.append'),
    audio: z.string().max(AUDIO_CHARS),
  }),
  'input_audio_buffer.commit': z.strictObject({ ...head, type: z.literal('input_audio_buffer.commit') }),
  'input_audio_buffer.clear': z.strictObject({ ...head, type: z.literal('input_audio_buffer.clear') }),
  'conversation.item.create': z.strictObject({
    ...head,
    type: z.literal('conversation.item.create'),
    item: z.looseObject({ type: z.string() }),
    previous_item_id: z.string().nullable().optional(),
  }),
  'conversation.item.retrieve': z.strictObject({
    ...head,
    type: z.literal('conversation.item.retrieve'),
    item_id: itemId,
  }),
  'conversation.item.delete': z.strictObject({ ...head, type: z.literal('conversation.item.delete'), item_id: itemId }),
  'conversation.item.truncate': z.strictObject({
    ...head,
    type: z.literal('conversation.item.truncate'),
    item_id: itemId,
    content_index: z.number().int().min(0),
    audio_end_ms: z.number().int().min(0),
  }),
  'response.create': z.strictObject({
    ...head,
    type: z.literal('response.create'),
    response: responseSchema.nullable().optional(),
  }),
  'response.cancel': z.strictObject({
    ...head,
    type: z.literal('response.cancel'),
    response_id: z.string().optional(),
  }),
} as const

type ClientEventType = keyof typeof schemas
export type ClientEvent = z.output<(typeof schemas)[ClientEventType]>

/** The event, or the mistake in it with the `event_id` that an `error` event must name. */
export interface Misread {
  readonly error: ApiError
  readonly eventId: string | null
}

/** Reads one text frame of a client. Whatever it holds, this neither throws nor keeps more than the event. */
export function parseClientEvent(frame: string): Result<ClientEvent, Misread> {
  const json = parseJson(frame)
  if (typeof json !== 'object' || json === null) {
    return err({ error: refusal('invalid_event', 'The event must be one JSON object.'), eventId: null })
  }
  const id: unknown = Reflect.get(json, 'event_id')
  const eventId = typeof id === 'string' ? id.slice(0, EVENT_ID_CHARS) : null
  const type: unknown = Reflect.get(json, 'type')
  const append = type === 'input_audio_buffer.append' ? fastAppend(json) : undefined
  if (append !== undefined) return ok(append)
  if (typeof type !== 'string') {
    return err({ error: refusal('missing_required_parameter', "Missing required parameter: 'type'.", 'type'), eventId })
  }
  if (!isClientEventType(type)) {
    const supported = Object.keys(schemas).join("', '")
    const message = `Invalid value: '${type.slice(0, EVENT_ID_CHARS)}'. Supported values are: '${supported}'.`
    return err({ error: refusal('invalid_value', message, 'type'), eventId })
  }
  const schema: z.ZodType<ClientEvent> = schemas[type]
  const parsed = parse(schema, json)
  return parsed.ok ? parsed : err({ error: parsed.error, eventId })
}

const isClientEventType = (type: string): type is ClientEventType => Object.hasOwn(schemas, type)

/** The hot path, 25 to 50 frames a second and session: the common shape is taken without a schema. */
function fastAppend(json: object): ClientEvent | undefined {
  const audio: unknown = Reflect.get(json, 'audio')
  const keys = Object.keys(json).length
  if (keys !== 2 || typeof audio !== 'string' || audio.length > AUDIO_CHARS) return undefined
  return { type: 'input_audio_buffer.append', audio }
}
