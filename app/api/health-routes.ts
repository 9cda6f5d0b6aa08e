import { readinessAnswer } from './answers.ts'
import type { ApiOptions, Readiness } from './options.ts'
import type { Api } from './zod-provider.ts'

/** What load balancers and Prometheus ask, without a key: nothing of it names a caller, a number or a tenant. */
export function addHealthRoutes(app: Api, options: ApiOptions): void {
  const config = { role: 'public' } as const
  const tags = ['health']
  app.get('/', { config, schema: { hide: true } }, (_request, reply) => reply.redirect('/api/docs'))
  app.get('/healthz', { config, schema: { tags, summary: 'Whether the process is alive' } }, () => ({ ok: true }))
  app.get(
    '/readyz',
    {
      config,
      schema: {
        tags,
        summary: 'Whether a call would be served; the body lists what is not ready',
        response: { 200: readinessAnswer, 503: readinessAnswer },
      },
    },
    (_request, reply) => {
      const readiness = readinessView(options.readiness())
      return reply.code(readiness.ready ? 200 : 503).send(readiness)
    },
  )
  app.get('/metrics', { config, schema: { tags, summary: 'Metrics for Prometheus' } }, async (_request, reply) => {
    const { registry } = options.metrics
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

function readinessView({ parts }: Readiness) {
  const notReady = parts.filter((part) => !part.ok).map(({ part, reason }) => ({ part, reason: reason ?? 'not ready' }))
  return { ready: notReady.length === 0, notReady, parts: parts.map(({ part }) => part) }
}
