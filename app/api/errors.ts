import { STATUS_CODES } from 'node:http'

/** Every error of the API by its stable code, and its HTTP status. */
const ERRORS = {
  'bad-request': 400,
  'bad-parameter': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'call-not-found': 404,
  'session-not-found': 404,
  'node-not-found': 404,
  'recording-not-found': 404,
  'trunk-not-found': 404,
  'agent-not-found': 404,
  'entry-not-found': 404,
  'errand-not-found': 404,
  'call-ended': 409,
  'call-elsewhere': 409,
  'call-state': 409,
  'node-elsewhere': 409,
  'outside-calling-hours': 409,
  'in-config-file': 409,
  'too-many-entries': 409,
  'entry-changed': 412,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'entry-refused': 422,
  'key-reused': 422,
  'no-key-wrap': 422,
  'version-needed': 428,
  'tenant-limit': 429,
  'too-many-failures': 429,
  internal: 500,
  'not-serving': 503,
  'store-unavailable': 503,
  'too-many-streams': 503,
} as const

export type ApiErrorCode = keyof typeof ERRORS

/** An error that a client of the API is told about: the code never changes, the message is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ApiErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  /** Each thing that is wrong, where there may be several. */
  readonly problems: readonly string[] | null

  constructor(
    code: ApiErrorCode,
    message: string,
    headers: Readonly<Record<string, string>> = {},
    problems: readonly string[] | null = null,
  ) {
    super(message)
    this.problems = problems
    this.code = code
    this.status = ERRORS[code]
    this.headers = headers
  }
}

/** What went wrong inside fastify (a body too large, a broken request), by the status it chose. */
export function fromHttpStatus(status: number, message: string): ApiError {
  if (status === 413) return new ApiError('body-too-large', message)
  if (status === 415) return new ApiError('unsupported-media-type', message)
  if (status >= 400 && status < 500) return new ApiError('bad-request', message)
  return new ApiError('internal', STATUS_CODES[500] ?? 'Internal Server Error')
}

/** The body of every error. */
export function errorBody(error: ApiError): {
  readonly error: { readonly code: ApiErrorCode; readonly message: string; readonly problems?: readonly string[] }
} {
  const { code, message, problems } = error
  return { error: { code, message, ...(problems !== null && { problems }) } }
}
