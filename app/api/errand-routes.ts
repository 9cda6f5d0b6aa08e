import type { PlaceRequest } from '../../lib/route/place.ts'
import type { StoredErrand } from '../store/errand-store.ts'
import { errandAnswer, errandsAnswer, errorAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { ApiOptions } from './options.ts'
import { errandParams, errandsQuery } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const DEFAULT_LIMIT = 50
const VIEWER = { role: 'viewer' } as const
const OPERATOR = { role: 'operator' } as const
const COMMON = { tags: ['calls'], security: [{ key: [] }] }

/** Errands: wishes to reach somebody, and the calls that were made for them. */
export function addErrandRoutes(app: Api, { errands, log }: ApiOptions): void {
  if (errands === null) return
  const list = {
    ...COMMON,
    summary: 'Errands, newest first: wishes to reach somebody, with the calls that were made for them',
    querystring: errandsQuery,
    response: { 200: errandsAnswer, 400: errorAnswer, 503: errorAnswer },
  }
  app.get('/api/v1/errands', { config: VIEWER, schema: list }, async (request, reply) => {
    const page = await errands.list({ ...request.query, limit: request.query.limit ?? DEFAULT_LIMIT })
    return reply.send({ errands: page.errands.map(errandView), next: page.next })
  })
  const one = {
    ...COMMON,
    summary: 'An errand, with the calls that were made for it',
    params: errandParams,
    response: { 200: errandAnswer, 404: errorAnswer, 503: errorAnswer },
  }
  app.get('/api/v1/errands/:id', { config: VIEWER, schema: one }, async (request, reply) => {
    const { id } = request.params
    return reply.send(errandView(found(id === undefined ? null : await errands.read(id))))
  })
  const cancel = {
    ...COMMON,
    summary: 'Make no further call for an errand: what rings stops ringing, a call that was answered goes on',
    params: errandParams,
    response: { 200: errandAnswer, 404: errorAnswer, 503: errorAnswer },
  }
  app.delete('/api/v1/errands/:id', { config: OPERATOR, schema: cancel }, async (request, reply) => {
    const actor = request.principal?.name ?? 'unknown'
    const { id } = request.params
    const cancelled = found(id === undefined ? null : await errands.cancel(id, actor))
    log.info({ errand: cancelled.errand.id, actor, state: cancelled.errand.state.kind }, 'errand cancelled')
    return reply.send(errandView(cancelled))
  })
}

function found(stored: StoredErrand | null): StoredErrand {
  if (stored === null) throw new ApiError('errand-not-found', 'there is no errand with this id')
  return stored
}

function errandView({ errand, tenant, key, request, actor }: StoredErrand) {
  const { id, policy, createdAt, expiresAt, history, state, reason } = errand
  const { attempts, afterMs, factor, on, withinMs } = policy
  const asked: PlaceRequest = JSON.parse(request)
  return {
    ...{ id, tenant, to: asked.to, from: asked.from ?? null, agent: asked.agent ?? null, actor },
    idempotencyKey: key,
    state: state.kind,
    reason,
    dueAt: 'dueAt' in state ? state.dueAt : null,
    retry: { attempts, afterSec: afterMs / 1_000, factor, on, withinSec: withinMs / 1_000 },
    attempts: history,
    ...{ createdAt, expiresAt },
    endedAt: 'endedAt' in state ? state.endedAt : null,
  }
}
