import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifySchema } from 'fastify'
import { type Api, toOpenApi } from './zod-provider.ts'

const DESCRIPTION = `Calls, trunks and nodes of a Tandem fleet. Every request carries a bearer key: \`viewer\` reads, \`operator\`
acts on trunks and calls, \`admin\` the rest. Errors are \`{error: {code, message}}\`, where the code never changes.`

/** Serves the OpenAPI document and its page under `/api/docs`; to be called before the routes are added. */
export async function addDocs(app: Api, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Tandem', version, description: DESCRIPTION },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      tags: [
        { name: 'calls', description: 'Call records, ladders, captures' },
        { name: 'fleet', description: 'Trunks and nodes' },
        { name: 'events', description: 'The live log' },
        { name: 'health', description: 'For load balancers and monitoring; without a key' },
      ],
    },
    transform: ({ schema, url }) => ({ schema: documented(schema), url }),
  })
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    staticCSP: true,
    uiConfig: { persistAuthorization: false },
  })
}

function documented(schema: FastifySchema | undefined): FastifySchema {
  const { querystring, params, headers, body, response, ...rest } = schema ?? {}
  return {
    ...rest,
    ...(querystring !== undefined && { querystring: toOpenApi(querystring, 'input') }),
    ...(params !== undefined && { params: toOpenApi(params, 'input') }),
    ...(headers !== undefined && { headers: toOpenApi(headers, 'input') }),
    ...(body !== undefined && { body: toOpenApi(body, 'input') }),
    ...(typeof response === 'object' && response !== null && { response: documentedAnswers(response) }),
  }
}

function documentedAnswers(answers: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(answers).map(([status, schema]) => [status, toOpenApi(schema, 'output')]))
}
