import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import fastify from 'fastify'
import { describeHolder, portHolder } from '../port-holder.ts'
import { addAgentRoutes } from './agent-routes.ts'
import { addCallRoutes } from './call-routes.ts'
import { addDocs } from './docs.ts'
import { addErrandRoutes } from './errand-routes.ts'
import { ApiError, errorBody } from './errors.ts'
import { addEventRoutes } from './event-routes.ts'
import { addFleetRoutes } from './fleet-routes.ts'
import { addHealthRoutes } from './health-routes.ts'
import { addAnswerHooks, addAuthorization, addErrorHandling, onFrameworkError } from './hooks.ts'
import { addManagedRoutes } from './managed-routes.ts'
import type { ApiOptions } from './options.ts'
import { addPlaceRoute } from './place-route.ts'
import { addSessionRoutes } from './session-routes.ts'
import { addTrunkRoutes } from './trunk-routes.ts'
import { type Api, validateByZod, type ZodTypeProvider } from './zod-provider.ts'

export interface RunningApi {
  /** Where it is reached, e.g. `http://127.0.0.1:8080`. */
  readonly url: string
  /** Ends event streams, lets requests finish for a moment, and closes every connection. */
  close(): Promise<void>
}

const MAX_BODY_BYTES = 64 * 1024
const MAX_CONNECTIONS = 1_000
const REQUEST_TIMEOUT_MS = 10_000
const CLOSE_GRACE_MS = 2_000

/** Starts the HTTP server of a node. Rejects with clear words where the address is taken or cannot be listened on. */
export async function startApi(options: ApiOptions): Promise<RunningApi> {
  const app = await buildApi(options)
  const { host, port } = options.listen
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw await explainListenError(error, host, port)
  }
  const address = app.server.address()
  const listening = typeof address === 'object' && address !== null ? address.port : port
  return { url: `http://${host.includes(':') ? `[${host}]` : host}:${listening}`, close: () => closeApi(app) }
}

/** The server with all its routes, not listening yet. */
export async function buildApi(options: ApiOptions): Promise<Api> {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    frameworkErrors: onFrameworkError,
    clientErrorHandler: (_error, socket) => refuseBrokenHttp(socket),
  }).withTypeProvider<ZodTypeProvider>()
  app.server.maxConnections = MAX_CONNECTIONS
  app.setValidatorCompiler(validateByZod)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  addAuthorization(app, options)
  addAnswerHooks(app, options)
  addErrorHandling(app, options)
  await addDocs(app, options.version)
  addHealthRoutes(app, options)
  addCallRoutes(app, options)
  addPlaceRoute(app, options)
  addErrandRoutes(app, options)
  addSessionRoutes(app, options)
  addTrunkRoutes(app, options)
  addAgentRoutes(app, options)
  addFleetRoutes(app, options)
  addManagedRoutes(app, options)
  addEventRoutes(app, options)
  await app.ready()
  return app
}

async function closeApi(app: Api): Promise<void> {
  const cutOff = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS)
  try {
    await app.close()
  } finally {
    clearTimeout(cutOff)
  }
}

/** What is no HTTP gets an answer in the common form, as far as its socket still takes one. */
function refuseBrokenHttp(socket: Socket): void {
  if (!socket.writable) return
  const body = JSON.stringify(errorBody(new ApiError('bad-request', 'this is not HTTP as this server speaks it')))
  socket.end(
    `HTTP/1.1 400 ${STATUS_CODES[400]}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  )
}

async function explainListenError(error: unknown, host: string, port: number): Promise<unknown> {
  if (!(error instanceof Error && 'code' in error)) return error
  if (error.code === 'EADDRINUSE') {
    const holder = describeHolder(await portHolder('tcp', { host, port }))
    return new Error(`http.listen ${host}:${port} is taken by ${holder}`, { cause: error })
  }
  if (error.code === 'EACCES')
    return new Error(`http.listen ${host}:${port} is not allowed to this user`, { cause: error })
  if (error.code === 'EADDRNOTAVAIL')
    return new Error(`http.listen ${host} is no address of this machine`, { cause: error })
  return error
}
