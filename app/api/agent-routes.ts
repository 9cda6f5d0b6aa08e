import { agentAnswer, agentsAnswer, errorAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { AgentView, ApiOptions } from './options.ts'
import { orderOf } from './override-order.ts'
import { agentParams, backendParams, overrideBody } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const VIEWER = { role: 'viewer' } as const
const OPERATOR = { role: 'operator' } as const
const COMMON = { tags: ['fleet'], security: [{ key: [] }] }
const ANSWERS = { 200: agentAnswer, 404: errorAnswer, 503: errorAnswer }
const SET = 'Set the state of its backends for the whole fleet, whatever the evidence says'
const CLEAR = 'Give them back to the evidence'

/** Agents with the servers that they talk to, and what operators say of those. */
export function addAgentRoutes(app: Api, options: ApiOptions): void {
  const { actions } = options
  const list = { ...COMMON, summary: 'Agents and the state of their backends', response: { 200: agentsAnswer } }
  app.get('/api/v1/agents', { config: VIEWER, schema: list }, (_request, reply) => reply.send(options.agents()))

  const all = { ...COMMON, params: agentParams }
  const put = { ...all, summary: SET, body: overrideBody, response: { ...ANSWERS, 400: errorAnswer } }
  app.put('/api/v1/agents/:name/override', { config: OPERATOR, schema: put }, async (request, reply) => {
    const { name } = findAgent(options, request.params.name)
    await actions.overrideAgent(name, orderOf(request.body, request.principal?.name))
    return reply.send(findAgent(options, name))
  })
  const remove = { ...all, summary: CLEAR, response: ANSWERS }
  app.delete('/api/v1/agents/:name/override', { config: OPERATOR, schema: remove }, async (request, reply) => {
    const { name } = findAgent(options, request.params.name)
    await actions.clearAgentOverride(name, request.principal?.name ?? 'unknown')
    return reply.send(findAgent(options, name))
  })

  const one = { ...COMMON, params: backendParams }
  const putOne = { ...one, summary: `One backend: ${SET}`, body: overrideBody, response: put.response }
  app.put('/api/v1/agents/:name/:place/override', { config: OPERATOR, schema: putOne }, async (request, reply) => {
    const { name, place } = request.params
    await actions.overrideAgent(findBackend(options, name, place), orderOf(request.body, request.principal?.name))
    return reply.send(findAgent(options, name))
  })
  const removeOne = { ...one, summary: `One backend: ${CLEAR}`, response: ANSWERS }
  app.delete(
    '/api/v1/agents/:name/:place/override',
    { config: OPERATOR, schema: removeOne },
    async (request, reply) => {
      const { name, place } = request.params
      await actions.clearAgentOverride(findBackend(options, name, place), request.principal?.name ?? 'unknown')
      return reply.send(findAgent(options, name))
    },
  )
}

function findAgent({ agents }: ApiOptions, name: string): AgentView {
  const agent = agents().find((one) => one.name === name)
  if (agent === undefined) throw new ApiError('agent-not-found', `there is no agent ${name}`)
  return agent
}

/** The id of a backend that the agent has. */
function findBackend(options: ApiOptions, name: string, place: string): string {
  const backend = findAgent(options, name).backends.find((one) => one.place === Number(place))
  if (backend === undefined) throw new ApiError('agent-not-found', `agent ${name} has no backend ${place}`)
  return backend.id
}
