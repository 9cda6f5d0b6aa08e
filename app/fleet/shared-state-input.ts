import { StoreError } from '../store/store-error.ts'

const MAX_KEY_BYTES = 512
const MAX_CHANNEL_BYTES = 256
/** A value, in bytes of JSON. */
const MAX_VALUE_BYTES = 256 * 1024
/** A message, in bytes of JSON: what Postgres notifies is below 8000 bytes, the channel's name included. */
const MAX_MESSAGE_BYTES = 7000
/** Shared state is for what lives now. */
const MAX_TTL_MS = 30 * 86_400_000

/** The key, if every carrier takes it: some text without control characters or halves of surrogate pairs. */
export const checkKey = (key: string): string => checkName(key, 'key', MAX_KEY_BYTES)

export const checkChannel = (channel: string): string => checkName(channel, 'channel', MAX_CHANNEL_BYTES)

function checkName(name: string, what: string, maxBytes: number): string {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0 || bytes > maxBytes) throw refused(`a ${what} has 1 to ${maxBytes} bytes, this one has ${bytes}`)
  if (/\p{Cc}|\p{Cs}/u.test(name)) throw refused(`a ${what} has no control characters: ${JSON.stringify(name)}`)
  return name
}

/** The time to live in whole milliseconds, at least 1. */
export function checkTtl(ttlMs: number): number {
  if (ttlMs > 0 && ttlMs <= MAX_TTL_MS) return Math.ceil(ttlMs)
  throw refused(`a time to live is above 0 and at most ${MAX_TTL_MS} ms, not ${ttlMs}`)
}

export const toValue = (value: unknown): string => toJson(value, 'value', MAX_VALUE_BYTES)

export const toMessage = (message: unknown): string => toJson(message, 'message', MAX_MESSAGE_BYTES)

function toJson(value: unknown, what: string, maxBytes: number): string {
  const json = tryStringify(value)
  if (json === undefined) throw refused(`a ${what} must be JSON, not ${typeof value}`)
  const bytes = Buffer.byteLength(json)
  if (bytes > maxBytes) throw refused(`a ${what} has at most ${maxBytes} bytes of JSON, this one has ${bytes}`)
  return json
}

function tryStringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined // A cycle, a BigInt, or nested deeper than the stack.
  }
}

const refused = (message: string): StoreError => new StoreError('shared-state-input', `shared state: ${message}`)
