import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import type { CallOrder } from '../../lib/call/call-order.ts'
import type { CallId } from '../../lib/core/ids.ts'
import type { CallRecord } from '../../lib/observe/call-record.ts'
import { buildLadder, type Ladder } from '../../lib/observe/ladder.ts'
import { formatLadder } from '../../lib/observe/ladder-text.ts'
import { formatPcap } from '../../lib/observe/pcap.ts'
import type { CallQuery } from '../store/port.ts'
import { callAnswer, callsAnswer, errorAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { ApiOptions } from './options.ts'
import { callParams, callsQuery, ladderQuery, transferBody } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const DEFAULT_LIMIT = 50
const VIEWER = { role: 'viewer' } as const
const OPERATOR = { role: 'operator' } as const
const COMMON = { tags: ['calls'], security: [{ key: [] }] }

/** Call records, their ladders and captures; handing them on and hanging up. */
export function addCallRoutes(app: Api, options: ApiOptions): void {
  addCallList(app, options)
  addOneCall(app, options)
  addLadder(app, options)
  addEvents(app, options)
  addPcap(app, options)
  addRecording(app, options)
  addTransfer(app, options)
  addHangUp(app, options)
}

function addCallList(app: Api, { calls }: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary: 'Calls, newest first',
    querystring: callsQuery,
    response: { 200: callsAnswer, 400: errorAnswer },
  }
  app.get('/api/v1/calls', { config: VIEWER, schema }, async (request, reply) => {
    const query = { ...request.query, limit: request.query.limit ?? DEFAULT_LIMIT }
    const page = await calls.calls(withoutUndefined(query))
    return reply.send({ calls: page.calls.map(callView), next: page.next })
  })
}

function addOneCall(app: Api, options: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary: 'One call whole',
    params: callParams,
    response: { 200: callAnswer, 404: errorAnswer },
  }
  app.get('/api/v1/calls/:id', { config: VIEWER, schema }, async (request, reply) =>
    reply.send(callView(await findCall(options, request.params.id))),
  )
}

function addLadder(app: Api, options: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary: 'The messages, events and turns of a call, as text or as JSON',
    params: callParams,
    querystring: ladderQuery,
  }
  app.get('/api/v1/calls/:id/ladder', { config: VIEWER, schema }, async (request, reply) => {
    const { format, style, width } = request.query
    const ladder = await ladderOf(options, await findCall(options, request.params.id))
    if (format === 'json') return reply.send(ladder)
    const text = formatLadder(ladder, { ascii: style === 'ascii', ...(width !== undefined && { width }) })
    return reply.type('text/plain; charset=utf-8').send(text)
  })
}

function addEvents(app: Api, options: ApiOptions): void {
  const schema = { ...COMMON, summary: 'The events of a call, oldest first', params: callParams }
  app.get('/api/v1/calls/:id/events', { config: VIEWER, schema }, async (request, reply) => {
    const call = await findCall(options, request.params.id)
    return reply.send(await options.calls.events(call.id))
  })
}

function addPcap(app: Api, options: ApiOptions): void {
  const schema = { ...COMMON, summary: 'The SIP messages of a call as a capture file', params: callParams }
  app.get('/api/v1/calls/:id/pcap', { config: VIEWER, schema }, async (request, reply) => {
    const call = await findCall(options, request.params.id)
    return reply
      .type('application/vnd.tcpdump.pcap')
      .header('content-disposition', `attachment; filename="${call.id}.pcap"`)
      .send(formatPcap(await options.calls.ladder(call.id)))
  })
}

function addRecording(app: Api, options: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary: 'What was said, as WAV: the caller left, the agent right. The node that had the call has it.',
    params: callParams,
  }
  app.get('/api/v1/calls/:id/recording', { config: VIEWER, schema }, async (request, reply) => {
    const call = await findCall(options, request.params.id)
    if (call.recording === null) throw new ApiError('recording-not-found', `call ${call.id} was not recorded`)
    const actor = request.principal?.name ?? 'unknown'
    const wav = await options.recording(call.recording, call.id, actor)
    if (wav === null) {
      throw new ApiError(
        'recording-not-found',
        `node ${call.node} may have it; here it is not, or not any more, or not for our key`,
      )
    }
    return reply.type('audio/wav').header('content-length', wav.length).send(Readable.from(wav.chunks))
  })
}

function addHangUp(app: Api, options: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary: 'Hang up: both legs get a BYE, the answer does not wait for it',
    params: callParams,
    response: { 202: callAnswer, 404: errorAnswer, 409: errorAnswer },
  }
  app.delete('/api/v1/calls/:id', { config: OPERATOR, schema }, async (request, reply) => {
    const call = await obeyed(options, request, { kind: 'hangUp' })
    return reply.code(202).send(callView(call))
  })
}

function addTransfer(app: Api, options: ApiOptions): void {
  const schema = {
    ...COMMON,
    summary:
      'Hand the caller to a person, who is rung over the trunks of the tenant, or called by the far end itself where its trunk takes REFER: the record says what becomes of it',
    params: callParams,
    body: transferBody,
    response: { 202: callAnswer, 400: errorAnswer, 404: errorAnswer, 409: errorAnswer, 429: errorAnswer },
  }
  app.post('/api/v1/calls/:id/transfer', { config: OPERATOR, schema }, async (request, reply) => {
    const call = await obeyed(options, request, { kind: 'transfer', to: request.body.to })
    return reply.code(202).send(callView(call))
  })
}

/** The call that was asked for, once what is wanted of it has begun. */
async function obeyed(
  options: ApiOptions,
  request: Pick<FastifyRequest, 'principal'> & { readonly params: { readonly id: CallId | undefined } },
  order: CallOrder,
): Promise<CallRecord> {
  const call = await findCall(options, request.params.id)
  const actor = request.principal?.name ?? 'unknown'
  const outcome = await options.actions.order(call.id, order, actor)
  options.log.info(
    { call: call.id, actor, order: order.kind, outcome: outcome.kind },
    'an operator wants a call changed',
  )
  if (outcome.kind === 'refused') throw new ApiError(ORDER_REFUSALS[outcome.code], outcome.message)
  if (outcome.kind === 'done') return call
  const now = await findCall(options, call.id)
  if (now.state === 'ended') throw new ApiError('call-ended', `call ${call.id} has ended already`)
  throw new ApiError('call-elsewhere', `call ${call.id} is on node ${now.node}`)
}

const ORDER_REFUSALS = { request: 'bad-parameter', limit: 'tenant-limit', state: 'call-state' } as const

async function findCall({ calls }: ApiOptions, id: CallId | undefined): Promise<CallRecord> {
  const call = id === undefined ? null : await calls.call(id)
  if (call === null) throw new ApiError('call-not-found', 'there is no call with this id')
  return call
}

async function ladderOf({ calls }: ApiOptions, call: CallRecord): Promise<Ladder> {
  const [traces, events] = await Promise.all([calls.ladder(call.id), calls.events(call.id)])
  return buildLadder({ traces, events, turns: call.transcript })
}

/** A call without what is the journal's own. */
export function callView({ revision: _revision, epoch: _epoch, ...call }: CallRecord) {
  return call
}

function withoutUndefined(
  query: { readonly [K in keyof CallQuery]: CallQuery[K] | undefined } & { limit: number },
): CallQuery {
  const { limit, active, tenant, trunk, from, to, state, cause, session, sipSessionId, since, until, cursor } = query
  return {
    limit,
    ...(active !== undefined && { active }),
    ...(tenant !== undefined && { tenant }),
    ...(trunk !== undefined && { trunk }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(state !== undefined && { state }),
    ...(cause !== undefined && { cause }),
    ...(session !== undefined && { session }),
    ...(sipSessionId !== undefined && { sipSessionId }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(cursor !== undefined && { cursor }),
  }
}
