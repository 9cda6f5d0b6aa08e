import { type Content, contentText, type Item } from './item.ts'
import type { Json } from './wire.ts'

/** Milliseconds of audio in a token: 100 of the user, 50 of the assistant (OpenAI Realtime, pricing). */
const USER_TOKEN_MS = 100
const ASSISTANT_TOKEN_MS = 50
/** A rule of thumb for English. */
const TOKEN_CHARS = 4

interface Tokens {
  readonly text: number
  readonly audio: number
}

export const textTokens = (text: string): number => Math.ceil(text.length / TOKEN_CHARS)
export const speechTokens = (audioMs: number): number => Math.ceil(audioMs / ASSISTANT_TOKEN_MS)

function partTokens(part: Content): Tokens {
  if (part.kind === 'input_audio') return { text: 0, audio: Math.ceil(part.audioMs / USER_TOKEN_MS) }
  if (part.kind === 'output_audio') return { text: textTokens(part.transcript), audio: speechTokens(part.audioMs) }
  return { text: textTokens(contentText(part)), audio: 0 }
}

function itemTokens(item: Item): Tokens {
  if (item.type === 'function_call') return { text: textTokens(item.name + item.arguments), audio: 0 }
  if (item.type === 'function_call_output') return { text: textTokens(item.output), audio: 0 }
  return sum(item.content.map(partTokens))
}

const sum = (parts: readonly Tokens[]): Tokens => ({
  text: parts.reduce((text, part) => text + part.text, 0),
  audio: parts.reduce((audio, part) => audio + part.audio, 0),
})

/** The `usage` of a `response.done`. */
export interface Usage {
  readonly total_tokens: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly input_token_details: Json
  readonly output_token_details: Json
}

/**
 * Tokens of one response as OpenAI counts them: each bills the whole conversation anew. Plausible, not exact: there is no tokenizer
 * here. Nothing is ever said to be cached.
 */
export function formatUsage(context: readonly Item[], instructions: string, output: readonly Item[]): Usage {
  const input = sum([...context.map(itemTokens), { text: textTokens(instructions), audio: 0 }])
  const made = sum(output.map(itemTokens))
  return {
    total_tokens: input.text + input.audio + made.text + made.audio,
    input_tokens: input.text + input.audio,
    output_tokens: made.text + made.audio,
    input_token_details: {
      text_tokens: input.text,
      audio_tokens: input.audio,
      image_tokens: 0,
      cached_tokens: 0,
      cached_tokens_details: { text_tokens: 0, audio_tokens: 0, image_tokens: 0 },
    },
    output_token_details: { text_tokens: made.text, audio_tokens: made.audio },
  }
}
