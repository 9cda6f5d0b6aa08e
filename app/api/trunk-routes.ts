import type { TrunkId } from '../../lib/core/ids.ts'
import { auditAnswer, errorAnswer, trunkAnswer, trunksAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { ApiOptions, TrunkView } from './options.ts'
import { orderOf } from './override-order.ts'
import { auditQuery, overrideBody, trunkParams } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const DEFAULT_LIMIT = 50
const VIEWER = { role: 'viewer' } as const
const OPERATOR = { role: 'operator' } as const
const COMMON = { tags: ['fleet'], security: [{ key: [] }] }

/** Trunks, what operators say of them, and who said it. */
export function addTrunkRoutes(app: Api, options: ApiOptions): void {
  const list = { ...COMMON, summary: 'Trunks and their state', response: { 200: trunksAnswer } }
  app.get('/api/v1/trunks', { config: VIEWER, schema: list }, (_request, reply) => reply.send(options.trunks()))
  addOverride(app, options)
  addAudit(app, options)
}

function addOverride(app: Api, options: ApiOptions): void {
  const path = '/api/v1/trunks/:id/override'
  const common = { ...COMMON, params: trunkParams }
  const answers = { 200: trunkAnswer, 404: errorAnswer, 503: errorAnswer }
  const put = {
    ...common,
    summary: "Set a trunk's state for the whole fleet, whatever the evidence says",
    body: overrideBody,
    response: { ...answers, 400: errorAnswer },
  }
  app.put(path, { config: OPERATOR, schema: put }, async (request, reply) => {
    const { id } = findTrunk(options, request.params.id)
    await options.actions.override(id, orderOf(request.body, request.principal?.name))
    return reply.send(findTrunk(options, id))
  })
  const remove = { ...common, summary: 'Give a trunk back to the evidence', response: answers }
  app.delete(path, { config: OPERATOR, schema: remove }, async (request, reply) => {
    const { id } = findTrunk(options, request.params.id)
    await options.actions.clearOverride(id, request.principal?.name ?? 'unknown')
    return reply.send(findTrunk(options, id))
  })
}

function addAudit(app: Api, options: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary: 'Who did what, newest first, as a chain of hashes that shows what was changed later',
    querystring: auditQuery,
    response: { 200: auditAnswer, 400: errorAnswer, 503: errorAnswer },
  }
  app.get('/api/v1/audit', { config: VIEWER, schema }, async (request, reply) => {
    const { limit, before } = request.query
    return reply.send(await options.audit(limit ?? DEFAULT_LIMIT, before ?? null))
  })
}

function findTrunk({ trunks }: ApiOptions, id: TrunkId): TrunkView {
  const trunk = trunks().find((one) => one.id === id)
  if (trunk === undefined) throw new ApiError('trunk-not-found', `there is no trunk ${id}`)
  return trunk
}
