import type { FastifyReply, FastifyRequest } from 'fastify'
import { StoreError } from '../store/store-error.ts'
import { Keyring, type Principal } from './auth.ts'
import { ApiError, errorBody, fromHttpStatus } from './errors.ts'
import type { ApiOptions, Role } from './options.ts'
import type { Api } from './zod-provider.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use a route. Every route under `/api/v1` names it. */
    role?: Role | 'public'
  }
  interface FastifyRequest {
    principal: Principal | null
  }
}

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}
const STRICT_CSP = "default-src 'none'; frame-ancestors 'none'"

/** Headers of an answer that no page or proxy may make something else of. */
export function privateHeaders(): Readonly<Record<string, string>> {
  return { ...SECURITY_HEADERS, 'content-security-policy': STRICT_CSP, 'cache-control': 'no-store' }
}

/** Who is asking, before a route is run; a route of the API that names no role is a bug and stops the start. */
export function addAuthorization(app: Api, options: ApiOptions): void {
  const keyring = new Keyring(options.keys)
  app.decorateRequest('principal', null)
  app.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith('/api/v1') && config?.role === undefined) throw new Error(`route ${url} names no role`)
  })
  app.addHook('onRequest', async (request) => {
    const { role } = request.routeOptions.config
    if (role === undefined || role === 'public') return
    try {
      request.principal = keyring.authorize(request, role)
    } catch (error) {
      if (
        error instanceof ApiError &&
        request.headers.authorization !== undefined &&
        error.code !== 'too-many-failures'
      ) {
        options.log.warn({ address: request.ip, route: request.routeOptions.url, code: error.code }, 'request refused')
      }
      throw error
    }
  })
}

/** Security headers on every answer, and a measurement of each. */
export function addAnswerHooks(app: Api, options: ApiOptions): void {
  app.addHook('onSend', async (request, reply) => {
    reply.headers(request.url.startsWith('/api/docs') ? SECURITY_HEADERS : privateHeaders())
  })
  app.addHook('onResponse', async (request, reply) => {
    options.metrics.apiRequest(request.routeOptions.url ?? 'unknown', reply.statusCode, reply.elapsedTime)
  })
}

/** Every failure as `{error: {code, message}}`. What a client did not cause is logged and told without details. */
export function addErrorHandling(app: Api, options: ApiOptions): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = toApiError(thrown)
    if (error.status >= 500) {
      options.log.error({ err: thrown, route: request.routeOptions.url, code: error.code }, 'request failed')
    }
    return sendError(reply, error)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]?.slice(0, 200) ?? ''
    return sendError(reply, new ApiError('not-found', `nothing here: ${request.method} ${path}`))
  })
}

/** Answers with an error before a route was found: a URL that cannot be decoded, a parameter too long. */
export function onFrameworkError(thrown: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(privateHeaders())
  void sendError(reply, toApiError(thrown))
}

function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  return reply
    .code(error.status)
    .headers(error.headers)
    .type('application/json')
    .send(JSON.stringify(errorBody(error)))
}

/** Validation errors and those of fastify itself carry a status; anything else is ours. */
function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  if (!(thrown instanceof Error)) return fromHttpStatus(500, '')
  if (thrown instanceof StoreError && (thrown.code === 'postgres-away' || thrown.code === 'redis-away')) {
    const away = thrown.code === 'postgres-away' ? 'the store of records and overrides' : 'the shared state'
    return new ApiError('store-unavailable', `${away} does not answer`)
  }
  const status = 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : 500
  return fromHttpStatus(status, thrown.message)
}
