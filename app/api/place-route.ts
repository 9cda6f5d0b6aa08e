import type { CallRecord } from '../../lib/observe/call-record.ts'
import type { ErrandRefusal } from '../outbound/errands.ts'
import { StoreError } from '../store/store-error.ts'
import { callAnswer, errorAnswer } from './answers.ts'
import { callView } from './call-routes.ts'
import { ApiError } from './errors.ts'
import type { Actor, ApiOptions } from './options.ts'
import { placeBody, placeHeaders } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const REFUSALS = {
  request: 'bad-parameter',
  hours: 'outside-calling-hours',
  limit: 'tenant-limit',
  service: 'not-serving',
  'key-reused': 'key-reused',
} as const
/** When a client may ask again, in seconds: for what a limit or this node's state held up, and for what cannot be promised while PostgreSQL is away. */
const RETRY_AFTER_S = { limit: 1, service: 2, away: 5 } as const

interface PlacedCall {
  readonly call: CallRecord
  /** False: an earlier request has placed it. */
  readonly isNew: boolean
}

/** Placing calls, with a promise to do it once, or until somebody is reached, where the client wants one. */
export function addPlaceRoute(app: Api, options: ApiOptions): void {
  const schema = {
    tags: ['calls'],
    security: [{ key: [] }],
    summary: 'Call a number for an agent, over the trunks of a tenant: the record of the call says what becomes of it',
    headers: placeHeaders,
    body: placeBody,
    response: {
      202: callAnswer,
      400: errorAnswer,
      409: errorAnswer,
      422: errorAnswer,
      429: errorAnswer,
      503: errorAnswer,
    },
  }
  app.post('/api/v1/calls', { config: { role: 'operator' }, schema }, async (request, reply) => {
    const actor = request.principal?.name ?? 'unknown'
    const { retry, ...wish } = request.body
    const key = request.headers['idempotency-key'] ?? null
    const isErrand = key !== null || retry !== undefined || options.errands?.isErrand(wish) === true
    const { call, isNew } = isErrand
      ? await placeErrand(options, { request: wish, key, retry: retry ?? null }, actor)
      : await placeOnce(options, wish, actor)
    // What it is called where such keys are in use; the draft has no word for it.
    if (!isNew) void reply.header('idempotent-replayed', 'true')
    return reply.code(202).send(callView(call))
  })
}

async function placeOnce(
  { actions, log }: ApiOptions,
  request: Parameters<ApiOptions['actions']['place']>[0],
  actor: Actor,
): Promise<PlacedCall> {
  const placed = await actions.place(request, actor)
  if (!placed.ok) throw refusal(placed.error)
  log.info({ call: placed.value.id, tenant: placed.value.tenant, actor }, 'call placed')
  return { call: { ...placed.value, attempts: [], transcript: [] }, isNew: true }
}

async function placeErrand(
  { errands, log }: ApiOptions,
  wish: Parameters<NonNullable<ApiOptions['errands']>['place']>[0],
  actor: Actor,
): Promise<PlacedCall> {
  if (errands === null) throw new ApiError('not-serving', 'this process keeps no errands: ask its node')
  const placed = await errands.place(wish, actor).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error
    const words = 'PostgreSQL is away, and without it nothing can be promised: ask again, or without key and retry'
    throw new ApiError('store-unavailable', words, { 'retry-after': String(RETRY_AFTER_S.away) })
  })
  if (!placed.ok) throw refusal(placed.error)
  const { call, isNew } = placed.value
  if (isNew) log.info({ call: call.id, tenant: call.tenant, actor, errand: call.errand }, 'call placed')
  return placed.value
}

function refusal({ code, message }: ErrandRefusal): ApiError {
  const afterS = code === 'limit' || code === 'service' ? RETRY_AFTER_S[code] : null
  return new ApiError(REFUSALS[code], message, afterS === null ? {} : { 'retry-after': String(afterS) })
}
