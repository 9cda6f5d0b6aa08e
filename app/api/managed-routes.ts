import * as z from 'zod'
import { MANAGED_KINDS, type ManagedKey, type ManagedKind } from '../../lib/config/managed.ts'
import { errorAnswer, managedEntryAnswer, managedListAnswer } from './answers.ts'
import { ApiError } from './errors.ts'
import type { ApiOptions, ManagedActions, ManagedDone, ManagedView } from './options.ts'
import { managedBody, managedHeaders, managedParams, managedQuery } from './schemas.ts'
import type { Api } from './zod-provider.ts'

const VIEWER = { role: 'viewer' } as const
const ADMIN = { role: 'admin' } as const
const COMMON = { tags: ['config'], security: [{ key: [] }] }
const REFUSALS = { 400: errorAnswer, 404: errorAnswer, 409: errorAnswer, 412: errorAnswer, 422: errorAnswer }
const UNVERSIONED = { 428: errorAnswer, 503: errorAnswer }
/** Kinds whose plain list at `/api/v1/KIND` is about health. */
const HAVE_A_LIST: readonly ManagedKind[] = ['agents', 'trunks']
const ONE: Readonly<Record<ManagedKind, string>> = {
  agents: 'an agent',
  trunks: 'a trunk',
  tenants: 'a tenant',
  numbers: 'a number',
  credentials: 'digest credentials',
}

/** What is managed beside the config file. */
export function addManagedRoutes(app: Api, options: ApiOptions): void {
  const { managed } = options
  if (managed === null) return
  const list = {
    ...COMMON,
    summary: 'What the config file has and what is managed beside it, all kinds',
    querystring: managedQuery,
    response: { 200: managedListAnswer, 400: errorAnswer },
  }
  app.get('/api/v1/managed', { config: VIEWER, schema: list }, (request, reply) =>
    reply.send(listOf(managed, request.query.kind)),
  )
  for (const kind of MANAGED_KINDS) {
    if (!HAVE_A_LIST.includes(kind)) addList(app, managed, kind)
    addEntry(app, managed, kind)
  }
}

function addList(app: Api, managed: ManagedActions, kind: ManagedKind): void {
  const summary = `All ${kind}, those of the config file and those managed beside it`
  const schema = { ...COMMON, summary, response: { 200: managedListAnswer } }
  app.get(`/api/v1/${kind}`, { config: VIEWER, schema }, (_request, reply) => reply.send(listOf(managed, kind)))
}

function addEntry(app: Api, managed: ManagedActions, kind: ManagedKind): void {
  const path = `/api/v1/${kind}/:name`
  const common = { ...COMMON, params: managedParams }
  const get = {
    ...common,
    summary: `Show ${ONE[kind]} of the config`,
    response: { 200: managedEntryAnswer, 400: errorAnswer, 404: errorAnswer },
  }
  app.get(path, { config: VIEWER, schema: get }, (request, reply) => {
    const { name } = request.params
    const found = managed.one({ kind, name })
    if (found === null) throw absent({ kind, name })
    return reply.headers(etagOf(found)).send(found)
  })
  const put = {
    ...common,
    summary: `Make or change ${ONE[kind]}, on every node within a second`,
    headers: managedHeaders,
    body: managedBody,
    response: { 200: managedEntryAnswer, 201: managedEntryAnswer, ...REFUSALS, ...UNVERSIONED },
  }
  app.put(path, { config: ADMIN, schema: put }, async (request, reply) => {
    const key = { kind, name: request.params.name }
    const version = request.headers['if-match'] ?? null
    const done = await managed.put(key, request.body, version, request.principal?.name ?? 'unknown')
    const { entry, change } = doneOr(key, done)
    return reply
      .code(change === 'created' ? 201 : 200)
      .headers(etagOf(entry))
      .send(entry)
  })
  const remove = {
    ...common,
    summary: `Remove ${ONE[kind]}; calls in progress go on`,
    headers: managedHeaders,
    response: { 204: z.null().describe('It is removed'), ...REFUSALS, ...UNVERSIONED },
  }
  app.delete(path, { config: ADMIN, schema: remove }, async (request, reply) => {
    const key = { kind, name: request.params.name }
    const version = request.headers['if-match'] ?? null
    doneOr(key, await managed.remove(key, version, request.principal?.name ?? 'unknown'))
    return reply.code(204).send()
  })
}

const listOf = (managed: ManagedActions, kind: ManagedKind | undefined) => ({
  entries: managed.all().filter((entry) => kind === undefined || entry.kind === kind),
  problems: managed.problems(),
})

const etagOf = ({ version }: ManagedView): Readonly<Record<string, string>> =>
  version === null ? {} : { etag: `"${version}"` }

const absent = ({ kind, name }: ManagedKey): ApiError =>
  new ApiError('entry-not-found', `there is no ${kind}/${name}, in the config file or beside it`)

/** Throws what a client is told where a change was not made. */
function doneOr(key: ManagedKey, done: ManagedDone): Extract<ManagedDone, { readonly kind: 'done' }> {
  const what = `${key.kind}/${key.name}`
  switch (done.kind) {
    case 'done':
      return done
    case 'absent':
      throw absent(key)
    case 'stale':
      throw new ApiError('entry-changed', `${what} was changed or removed meanwhile; read it again and change that`)
    case 'unversioned':
      throw new ApiError('version-needed', `${what} exists: send the ETag that GET gives as If-Match`)
    case 'in-file':
      throw new ApiError('in-config-file', `${what} is in the config file of this node (source: file); change it there`)
    case 'full':
      throw new ApiError('too-many-entries', 'there are as many managed entries as there may be')
    case 'no-key':
      throw new ApiError(
        'no-key-wrap',
        'a secret by value needs store.keyWrap in the config, the same on all nodes; or name a variable: ${NAME}',
      )
    case 'problems': {
      const words = `with ${what} so, the config would not hold: ${done.problems.slice(0, MAX_TOLD).join('; ')}`
      throw new ApiError('entry-refused', words, {}, done.problems)
    }
    default:
      return done satisfies never
  }
}

/** Problems in the message; the list has all. */
const MAX_TOLD = 3
