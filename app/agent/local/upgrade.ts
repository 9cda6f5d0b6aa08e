import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type Faults, parseFaults } from '../../../lib/agent/local/faults.ts'

/** Header by which a test asks for faults of its own session. */
const FAULTS_HEADER = 'x-tandem-faults'
const MODEL_CHARS = 256
/** Paths of the endpoint; every other gets 404. */
const PATHS = new Set(['/v1/realtime', '/realtime'])

/** What an upgrade request asks for, or the HTTP answer that refuses it. */
export type Admission =
  | { readonly kind: 'accept'; readonly model: string; readonly faults: Faults; readonly beta: boolean }
  | { readonly kind: 'refuse'; readonly status: number; readonly body: string }

/** Judges an upgrade: path, key, model, faults (OpenAI Realtime: connecting by WebSocket). */
export function judgeUpgrade(request: IncomingMessage, apiKey: string, serverFaults: Faults): Admission {
  const url = URL.canParse(request.url ?? '', 'ws://host') ? new URL(request.url ?? '', 'ws://host') : undefined
  if (url === undefined || !PATHS.has(url.pathname)) return refuse(404, 'not_found', 'Nothing is served here.')
  if (serverFaults.refuseStatus !== undefined) return refuseByFault(serverFaults.refuseStatus)
  if (!hasKey(request, apiKey)) return refuse(401, 'invalid_api_key', 'Incorrect or missing API key.')
  const [model = '', ...rest] = (url.searchParams.get('model') ?? '').split(';')
  if (model === '' || model.length > MODEL_CHARS)
    return refuse(400, 'missing_model', "The query parameter 'model' is missing.")
  const header = request.headers[FAULTS_HEADER]
  const own = parseFaults([...rest, typeof header === 'string' ? header : ''].join(';'))
  if (!own.ok) return refuse(400, 'invalid_faults', own.error)
  if (own.value.refuseStatus !== undefined) return refuseByFault(own.value.refuseStatus)
  return { kind: 'accept', model, faults: own.value, beta: request.headers['openai-beta'] !== undefined }
}

/** The refusal of a server that can take no more. */
export const tooMany = (sessions: number): Admission =>
  refuse(503, 'too_many_sessions', `The local agent has ${sessions} sessions and takes no more.`)

function hasKey(request: IncomingMessage, apiKey: string): boolean {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const header = request.headers['api-key']
  const given = bearer ?? (typeof header === 'string' ? header : '')
  return timingSafeEqual(digest(given), digest(apiKey))
}

/** Equal lengths for a comparison in constant time. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

const FAULT_CODES: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
}

const refuseByFault = (status: number): Admission =>
  refuse(status, FAULT_CODES[status] ?? 'server_error', 'Refused by a fault that was switched on.')

function refuse(status: number, code: string, message: string): Admission {
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  return { kind: 'refuse', status, body: JSON.stringify({ error: { message, type, param: null, code } }) }
}
