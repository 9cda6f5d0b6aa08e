import type { ServerError } from './protocol.ts'

/**
 * What an `error` event means for the call (OpenAI Realtime). An error ends nothing by itself; only the socket's close does.
 * - `race`: it crossed something of ours on the wire; nothing is wrong.
 * - `conflict`: a response was asked for while one is active; asked again after it.
 * - `expired`: the session has reached its longest duration; the close follows.
 * - `account`: key, quota or model; no retry helps.
 * - `limited`: too much was asked for in too short a time; a pause helps.
 * - `fault`: everything else: a mistake of ours, or the server's.
 */
export type ErrorClass = 'race' | 'conflict' | 'expired' | 'account' | 'limited' | 'fault'

const CLASSES: Readonly<Record<string, ErrorClass>> = {
  response_cancel_not_active: 'race',
  input_audio_buffer_commit_empty: 'race',
  item_truncate_invalid_item_id: 'race',
  item_not_found: 'race',
  conversation_already_has_active_response: 'conflict',
  session_expired: 'expired',
  rate_limit_exceeded: 'limited',
  inference_rate_limit_exceeded: 'limited',
  'http-429': 'limited',
  insufficient_quota: 'account',
  model_not_found: 'account',
  invalid_api_key: 'account',
  // The handshake of the socket (RFC 6455 §4.2.2): no such key, not allowed, no such deployment.
  'http-401': 'account',
  'http-403': 'account',
  'http-404': 'account',
}

export function classifyError(error: Pick<ServerError, 'code'>): ErrorClass {
  const known = error.code !== null && Object.hasOwn(CLASSES, error.code) ? CLASSES[error.code] : undefined
  return known ?? 'fault'
}
