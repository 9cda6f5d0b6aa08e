import { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'
import { parse } from './parse.ts'
import { type ApiError, refusal } from './wire.ts'

/** Instructions and tools may take 16,384 tokens; four characters are counted as one. */
const INSTRUCTIONS_CHARS = 65_536
const TOOLS = 128
const NAME_CHARS = 128

export const formatSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('audio/pcm'), rate: z.literal(24_000).default(24_000) }),
  z.strictObject({ type: z.literal('audio/pcmu') }),
  z.strictObject({ type: z.literal('audio/pcma') }),
])

const milliseconds = z.number().int().min(0).max(60_000)

const serverVad = z.strictObject({
  type: z.literal('server_vad'),
  threshold: z.number().min(0).max(1).exactOptional(),
  prefix_padding_ms: milliseconds.exactOptional(),
  silence_duration_ms: milliseconds.exactOptional(),
  create_response: z.boolean().exactOptional(),
  interrupt_response: z.boolean().exactOptional(),
  idle_timeout_ms: z.number().int().min(5_000).max(30_000).nullable().exactOptional(),
})

const semanticVad = z.strictObject({
  type: z.literal('semantic_vad'),
  eagerness: z.enum(['low', 'medium', 'high', 'auto']).exactOptional(),
  create_response: z.boolean().exactOptional(),
  interrupt_response: z.boolean().exactOptional(),
})

export const toolsSchema = z
  .array(
    z.discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('function'),
        name: z.string().min(1).max(NAME_CHARS),
        description: z.string().optional(),
        parameters: z.record(z.string(), z.unknown()).optional(),
      }),
      z.looseObject({ type: z.literal('mcp'), server_label: z.string() }),
    ]),
  )
  .max(TOOLS)

export const toolChoiceSchema = z.union([
  z.enum(['auto', 'none', 'required']),
  z.strictObject({ type: z.literal('function'), name: z.string() }),
  z.looseObject({ type: z.literal('mcp'), server_label: z.string() }),
])

export const modalitiesSchema = z.union([z.tuple([z.literal('audio')]), z.tuple([z.literal('text')])])
export const maxTokensSchema = z.union([z.literal('inf'), z.number().int().min(1).max(4096)])
export const voiceSchema = z.union([z.string().min(1).max(NAME_CHARS), z.strictObject({ id: z.string() })])
export const instructionsSchema = z.string().max(INSTRUCTIONS_CHARS)
export const reasoningSchema = z.strictObject({
  effort: z.enum(['minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
})

const updateSchema = z.strictObject({
  type: z.literal('realtime'),
  model: z.string().optional(),
  output_modalities: modalitiesSchema.optional(),
  instructions: instructionsSchema.nullable().optional(),
  audio: z
    .strictObject({
      input: z
        .strictObject({
          format: formatSchema.optional(),
          noise_reduction: z
            .strictObject({ type: z.enum(['near_field', 'far_field']) })
            .nullable()
            .optional(),
          transcription: z
            .looseObject({ model: z.string().optional(), language: z.string().optional() })
            .nullable()
            .optional(),
          turn_detection: z.discriminatedUnion('type', [serverVad, semanticVad]).nullable().optional(),
        })
        .optional(),
      output: z
        .strictObject({
          format: formatSchema.optional(),
          voice: voiceSchema.optional(),
          speed: z.number().min(0.25).max(1.5).optional(),
        })
        .optional(),
    })
    .optional(),
  tools: toolsSchema.nullable().optional(),
  tool_choice: toolChoiceSchema.optional(),
  parallel_tool_calls: z.boolean().nullable().optional(),
  reasoning: reasoningSchema.nullable().optional(),
  max_output_tokens: maxTokensSchema.optional(),
  truncation: z.union([z.enum(['auto', 'disabled']), z.looseObject({ type: z.literal('retention_ratio') })]).optional(),
  tracing: z
    .union([z.literal('auto'), z.looseObject({})])
    .nullable()
    .optional(),
  include: z.array(z.string()).nullable().optional(),
  prompt: z.looseObject({ id: z.string() }).nullable().optional(),
})

type SessionUpdate = z.output<typeof updateSchema>
type Present<T> = T extends null | undefined ? never : T

/** Audio formats of both directions; G.711 has 8000 Hz and one byte a sample, PCM 24,000 Hz, 16 bit little-endian, mono. */
export type AudioFormat = z.output<typeof formatSchema>
export type Tools = z.output<typeof toolsSchema>
export type ToolChoice = z.output<typeof toolChoiceSchema>
export type Modalities = z.output<typeof modalitiesSchema>
export type TurnDetection = Required<z.output<typeof serverVad>> | Required<z.output<typeof semanticVad>>

/** What `session.update` can change, in the words of the wire (OpenAI Realtime: `RealtimeSessionCreateRequest`). */
export interface SessionConfig {
  readonly output_modalities: Modalities
  readonly instructions: string
  readonly audio: {
    readonly input: {
      readonly format: AudioFormat
      readonly transcription: Readonly<Record<string, unknown>> | null
      readonly noise_reduction: Readonly<Record<string, unknown>> | null
      readonly turn_detection: TurnDetection | null
    }
    readonly output: {
      readonly format: AudioFormat
      readonly voice: z.output<typeof voiceSchema>
      readonly speed: number
    }
  }
  readonly tools: Tools
  readonly tool_choice: ToolChoice
  readonly parallel_tool_calls: boolean
  readonly reasoning: z.output<typeof reasoningSchema> | null
  readonly max_output_tokens: z.output<typeof maxTokensSchema>
  readonly truncation: Present<SessionUpdate['truncation']>
  readonly tracing: SessionUpdate['tracing'] | null
  readonly include: readonly string[] | null
  readonly prompt: Readonly<Record<string, unknown>> | null
}

const SERVER_VAD = {
  type: 'server_vad',
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 200,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true,
} as const

const SEMANTIC_VAD = {
  type: 'semantic_vad',
  eagerness: 'auto',
  create_response: true,
  interrupt_response: true,
} as const

/** A session as `session.created` shows it, before any update. The silence window is the one live sessions show, not the documented one. */
export const defaultConfig: SessionConfig = {
  output_modalities: ['audio'],
  instructions: '',
  audio: {
    input: {
      format: { type: 'audio/pcm', rate: 24_000 },
      transcription: null,
      noise_reduction: null,
      turn_detection: SERVER_VAD,
    },
    output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy', speed: 1 },
  },
  tools: [],
  tool_choice: 'auto',
  parallel_tool_calls: true,
  reasoning: null,
  max_output_tokens: 'inf',
  truncation: 'auto',
  tracing: null,
  include: null,
  prompt: null,
}

/** What an update is judged by besides its own text. */
export interface UpdateFacts {
  readonly model: string
  /** Assistant audio has been sent: from then on the voice is locked. */
  readonly spoken: boolean
}

/**
 * Merges the `session` of a `session.update`: an omitted key keeps its value; null, `""` and `[]` clear it. One mistake refuses
 * the whole update (OpenAI Realtime: `session.update`).
 */
export function mergeSession(
  config: SessionConfig,
  value: unknown,
  facts: UpdateFacts,
): Result<SessionConfig, ApiError> {
  const parsed = parse(updateSchema, value, 'session')
  if (!parsed.ok) return parsed
  const mistake = judgeUpdate(config, parsed.value, facts)
  return mistake === undefined ? ok(merge(config, parsed.value)) : err(mistake)
}

function judgeUpdate(config: SessionConfig, update: SessionUpdate, facts: UpdateFacts): ApiError | undefined {
  if (update.model !== undefined && update.model !== facts.model) {
    return refusal('invalid_value', 'The model of a session cannot be changed.', 'session.model')
  }
  if (update.reasoning && !reasons(facts.model)) {
    const message = `The parameter 'session.reasoning' is not supported by the model '${facts.model}'.`
    return refusal('invalid_value', message, 'session.reasoning')
  }
  const voice = update.audio?.output?.voice
  if (facts.spoken && voice !== undefined && JSON.stringify(voice) !== JSON.stringify(config.audio.output.voice)) {
    const message = "Cannot update a conversation's voice if assistant audio is present."
    return refusal('cannot_update_voice', message, 'session.audio.output.voice')
  }
  return undefined
}

/** `gpt-realtime`, `-mini` and `-1.5` refuse `reasoning`; everything newer, and models that are not OpenAI's, take it. */
export const reasons = (model: string): boolean =>
  !/^gpt-(4o-.*realtime.*|realtime(-mini|-1\.5)?(-\d{4}-\d\d-\d\d)?)$/.test(model)

function merge(config: SessionConfig, update: SessionUpdate): SessionConfig {
  const input = update.audio?.input
  const output = update.audio?.output
  return {
    output_modalities: update.output_modalities ?? config.output_modalities,
    instructions: cleared(update.instructions, config.instructions, ''),
    audio: {
      input: {
        format: input?.format ?? config.audio.input.format,
        transcription: cleared(input?.transcription, config.audio.input.transcription, null),
        noise_reduction: cleared(input?.noise_reduction, config.audio.input.noise_reduction, null),
        turn_detection: mergeTurnDetection(config.audio.input.turn_detection, input?.turn_detection),
      },
      output: {
        format: output?.format ?? config.audio.output.format,
        voice: output?.voice ?? config.audio.output.voice,
        speed: output?.speed ?? config.audio.output.speed,
      },
    },
    tools: cleared(update.tools, config.tools, []),
    tool_choice: update.tool_choice ?? config.tool_choice,
    parallel_tool_calls: cleared(update.parallel_tool_calls, config.parallel_tool_calls, true),
    reasoning: cleared(update.reasoning, config.reasoning, null),
    max_output_tokens: update.max_output_tokens ?? config.max_output_tokens,
    truncation: update.truncation ?? config.truncation,
    tracing: cleared(update.tracing, config.tracing, null),
    include: cleared(update.include, config.include, null),
    prompt: cleared(update.prompt, config.prompt, null),
  }
}

/** Omitted keeps, null clears. */
const cleared = <T>(update: T | null | undefined, kept: T, empty: T): T =>
  update === undefined ? kept : (update ?? empty)

type TurnDetectionUpdate = z.output<typeof serverVad> | z.output<typeof semanticVad> | null | undefined

/** Fields of the same kind of detection are kept; another kind begins from its defaults. */
function mergeTurnDetection(kept: TurnDetection | null, update: TurnDetectionUpdate): TurnDetection | null {
  if (update === undefined) return kept
  if (update === null) return null
  if (update.type === 'server_vad') {
    return { ...SERVER_VAD, ...(kept?.type === 'server_vad' && kept), ...update }
  }
  return { ...SEMANTIC_VAD, ...(kept?.type === 'semantic_vad' && kept), ...update }
}
