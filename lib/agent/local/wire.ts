import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime'

/** Any JSON object, as it is written to or read from the wire. */
export type Json = Readonly<Record<string, unknown>>

/** A server event before it gets its `event_id`. Its `type` is one of the official client's, or made up to test a client. */
export type ServerEvent = Json & { readonly type: RealtimeServerEvent['type'] | `local.${string}` }

/** The body of an `error` event (OpenAI Realtime: `error`); the client's `event_id` is added by the session. */
export interface ApiError {
  readonly type: 'invalid_request_error' | 'server_error'
  readonly code: string
  readonly message: string
  /** Path of the offending field, `session.audio.input.format`; null where no field is to blame. */
  readonly param: string | null
}

/** A client's mistake: the session goes on, an `error` event tells of it. */
export const refusal = (code: string, message: string, param: string | null = null): ApiError => ({
  type: 'invalid_request_error',
  code,
  message,
  param,
})
