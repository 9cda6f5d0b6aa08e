import { drainAnswer, errorAnswer, nodesAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { ApiOptions } from './options.ts'
import { nodeParams } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const COMMON = { tags: ['fleet'], security: [{ key: [] }] }

/** The nodes of the fleet. */
export function addFleetRoutes(app: Api, options: ApiOptions): void {
  const viewer = { role: 'viewer' } as const
  const admin = { role: 'admin' } as const
  app.get(
    '/api/v1/nodes',
    { config: viewer, schema: { ...COMMON, summary: 'Nodes of the fleet', response: { 200: nodesAnswer } } },
    async (_request, reply) => reply.send(await options.nodes()),
  )
  app.post(
    '/api/v1/nodes/:id/drain',
    {
      config: admin,
      schema: {
        ...COMMON,
        summary: 'Let a node finish its calls and take no new ones',
        params: nodeParams,
        response: { 202: drainAnswer, 404: errorAnswer, 409: errorAnswer },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const actor = request.principal?.name ?? 'unknown'
      const outcome = await options.actions.drain(id, actor)
      options.log.info({ drained: id, actor, outcome }, 'drain asked for')
      if (outcome === 'unknown') throw new ApiError('node-not-found', `there is no node ${id}`)
      if (outcome === 'elsewhere') throw new ApiError('node-elsewhere', `node ${id} does not answer; ask it itself`)
      return reply.code(202).send({ id, state: 'draining' })
    },
  )
}
