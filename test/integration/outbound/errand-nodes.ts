import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import type { ErrandActions } from '../../../app/api/options.ts'
import { buildApi } from '../../../app/api/server.ts'
import { createLog } from '../../../app/observe/log.ts'
import { startErrands } from '../../../app/outbound/start-errands.ts'
import { Parts } from '../../../app/parts.ts'
import { firstRow } from '../../../app/signaling/first-row.ts'
import { type Store, startStore } from '../../../app/store/store.ts'
import { type CallId, type NodeId, nodeId, tenantId } from '../../../lib/core/ids.ts'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import type { RetryPolicy } from '../../../lib/outbound/retry-policy.ts'
import type { PlaceRefusal, PlaceRequest } from '../../../lib/route/place.ts'
import { apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { tempFolder } from '../../helpers/postgres.ts'

interface Answer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  // The answers of the API are checked by its own schemas.
  json(): ReturnType<typeof JSON.parse>
}

/** A node's errands on a real PostgreSQL, with an API; its calls are written down where others have INVITEs. */
export interface ErrandNode {
  readonly id: NodeId
  /** Of its API. */
  readonly url: string
  readonly store: Store
  readonly errands: ErrandActions
  /** Calls that were rung, the first one first. */
  readonly rung: readonly CallRow[]
  /** Calls that were given up before anybody answered. */
  readonly givenUp: readonly CallId[]
  /** What it told, each as its name and state. */
  readonly told: readonly string[]
  /** What the next calls are refused with. */
  refusal: PlaceRefusal | null
  /** Calls that were refused so. */
  refused: number
  /** Takes no new calls. */
  draining: boolean
  /** Ends each call as soon as it rings. */
  atOnce: NonNullable<CallRow['end']> | null
  /** How tenants have it who say nothing. */
  policy: RetryPolicy | null
  /** Ends a call as its record then says. */
  end(call: CallId, end: NonNullable<CallRow['end']>, answered?: boolean): void
  post(body: object, key?: string): Promise<Answer>
  get(path: string): Promise<Answer>
  remove(path: string): Promise<Answer>
  stop(): Promise<void>
}

export const BUSY = { by: 'callee', sip: 486, cause: 'busy' } as const
export const HUNG_UP = { by: 'callee', sip: null, cause: 'normal' } as const

export async function startErrandNode(id: string, url: string): Promise<ErrandNode> {
  const dataDir = await tempFolder()
  const self = nodeId(id)
  const store = await startStore({ postgres: url, dataDir, node: self })
  const log = createLog({ level: 'silent' })
  const parts = new Parts(() => undefined)
  const rung: CallRow[] = []
  const givenUp: CallId[] = []
  const told: string[] = []
  const calls = {
    place(
      request: PlaceRequest,
      { as }: { readonly as: Parameters<typeof firstRow>[0]['as'] },
    ): Result<CallRow, PlaceRefusal> {
      if (node.refusal !== null) {
        node.refused += 1
        return err(node.refusal)
      }
      const { from = '+12025550100', to } = request
      const parties = { tenant: tenantId(request.tenant), trunk: null, from, to }
      const row = firstRow({ node: self, direction: 'outbound', parties, raw: { from, to }, sipCallId: '', as })
      store.journal.call(row)
      rung.push(row)
      if (node.atOnce !== null) node.end(row.id, node.atOnce, true)
      return ok(row)
    },
    giveUp: (call: CallId) => void givenUp.push(call),
    impediments: () => new Set(node.draining ? ['draining'] : []),
  }
  const errands = startErrands(
    {
      self,
      store,
      calls,
      isWorker: false,
      sessions: {
        get tenants() {
          return new Map([[tenantId('clinic'), { retry: node.policy }]])
        },
      },
      emit: ({ event, errand, state = '' }) => void told.push(`${event} ${String(errand)} ${String(state)}`),
      log,
    },
    parts,
  )
  assert.ok(errands !== null)
  const memory = apiParts({ errands, calls: store.calls })
  const api = await buildApi(memory.options)
  const headers = bearer(KEYS.operator)
  const node: ErrandNode = {
    id: self,
    url: await api.listen({ host: '127.0.0.1', port: 0 }),
    store,
    errands,
    rung,
    givenUp,
    told,
    refusal: null,
    refused: 0,
    draining: false,
    atOnce: null,
    policy: null,
    end: (call, end, answered = false) => {
      const row = rung.find((one) => one.id === call)
      if (row === undefined) throw new Error(`call ${call} was never rung here`)
      const endedAt = new Date()
      const answeredAt = answered ? endedAt : null
      store.journal.call({ ...row, revision: 1, state: 'ended', answeredAt, endedAt, end })
    },
    post: async (body, key) =>
      api.inject({
        method: 'POST',
        url: '/api/v1/calls',
        headers: { ...headers, ...(key !== undefined && { 'idempotency-key': key }) },
        payload: body,
      }),
    get: async (path) => api.inject({ method: 'GET', url: path, headers }),
    remove: async (path) => api.inject({ method: 'DELETE', url: path, headers }),
    stop: async () => {
      await api.close()
      memory.metrics.close()
      await parts.close()
      await store.close()
      await log.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  return node
}
