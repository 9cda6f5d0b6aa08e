import { Readable } from 'node:stream'
import { pino } from 'pino'
import type { ApiKey, ApiOptions, OverrideView, TrunkView } from '../../app/api/options.ts'
import { buildApi } from '../../app/api/server.ts'
import type { Api } from '../../app/api/zod-provider.ts'
import { EventLog } from '../../app/observe/event-log.ts'
import { createMetrics, type Metrics } from '../../app/observe/metrics.ts'
import { callId, nodeId, trunkId } from '../../lib/core/ids.ts'
import { err, ok } from '../../lib/core/result.ts'
import { MemoryStore } from './memory-store.ts'
import { callRow, sessionRow } from './records.ts'

export const KEYS: Readonly<Record<ApiKey['role'], string>> = {
  viewer: 'viewer-key-1',
  operator: 'operator-key-1',
  admin: 'admin-key-1',
}

export interface ApiParts {
  readonly options: ApiOptions
  readonly store: MemoryStore
  readonly events: EventLog
  readonly metrics: Metrics
  /** Every action that was asked for, as `hangUp ID by NAME`. */
  readonly actions: string[]
}

/** All that the API stands on, in memory; `overrides` replaces options. */
export function apiParts(overrides: Partial<ApiOptions> & { readonly ringSize?: number } = {}): ApiParts {
  const { ringSize, ...replaced } = overrides
  const node = nodeId('east-1')
  const store = new MemoryStore(node)
  const log = pino({ level: 'silent' })
  const events = new EventLog({ node, journal: store, store, log, ...(ringSize !== undefined && { ringSize }) })
  const metrics = createMetrics(node)
  const actions: string[] = []
  const startedAt = new Date(Date.UTC(2026, 0, 1))
  let override: TrunkView['override'] = null
  let agentOverride: OverrideView | null = null
  const options: ApiOptions = {
    listen: { host: '127.0.0.1', port: 0 },
    keys: [
      { name: 'vera', key: KEYS.viewer, role: 'viewer' },
      { name: 'otto', key: KEYS.operator, role: 'operator' },
      { name: 'anna', key: KEYS.admin, role: 'admin' },
    ],
    calls: store,
    // Each call has begun a session of its own.
    session: async (id) => (store.records.has(callId(id)) ? sessionRow(1, { id }) : null),
    events,
    metrics,
    log,
    version: '0.0.0-test',
    // A recording that is named `here` is there.
    recording: async (name) =>
      name === 'here' ? { length: 4, chunks: Readable.from([Buffer.from('RI'), Buffer.from('FF')]) } : null,
    readiness: () => ({ parts: [{ part: 'media', ok: true }] }),
    nodes: async () => [
      {
        id: node,
        self: true,
        region: 'us-east',
        address: '192.0.2.1',
        state: 'ready',
        version: '1',
        startedAt,
        calls: 1,
        maxCalls: 9,
      },
    ],
    trunks: () => [
      {
        id: trunkId('alpha'),
        carrier: 'generic',
        group: 'us',
        state: override?.state ?? 'active',
        since: startedAt,
        reason: null,
        override,
        fleet: 'active',
        votes: {},
        probe: { lastOkAt: null, rttMs: null, misses: 0 },
        calls: { attempts: 0, faults: 0 },
        mos: null,
      },
    ],
    agents: () => [
      {
        name: 'intake',
        away: false,
        backends: [
          {
            id: 'intake/0',
            place: 0,
            backend: 'openai',
            host: 'api.openai.com',
            model: 'm',
            state: agentOverride?.state ?? 'active',
            since: startedAt,
            reason: null,
            channel: null,
            override: agentOverride,
            probe: { lastOkAt: null, rttMs: null, sessionMs: null, misses: 0 },
            calls: { attempts: 0, faults: 0 },
            canary: false,
          },
        ],
      },
    ],
    audit: async () => ({ entries: [], next: null, brokenAt: null }),
    actions: {
      place: async ({ to, tenant }, actor) => {
        if (tenant !== 'clinic') return err({ code: 'request', message: `there is no tenant "${tenant}"` })
        actions.push(`place ${to} by ${actor}`)
        return ok(callRow(7, { direction: 'outbound', to, state: 'ringing' }))
      },
      order: async (call, order, actor) => {
        const { kind, ...details } = order
        actions.push([kind, call, ...Object.values(details), 'by', actor].join(' '))
        if (store.records.get(call)?.state === 'ended') return { kind: 'absent' }
        if (order.kind === 'transfer' && order.to === 'nobody')
          return { kind: 'refused', code: 'request', message: 'to: "nobody" is no telephone number' }
        if (order.kind === 'transfer' && order.to === '7')
          return { kind: 'refused', code: 'state', message: 'a transfer is under way already' }
        return { kind: 'done' }
      },
      drain: async (drained, actor) => {
        actions.push(`drain ${drained} by ${actor}`)
        return drained === node ? 'done' : 'unknown'
      },
      override: async (trunk, { forMs: _forMs, ...order }) => {
        actions.push(`override ${trunk} ${order.state} by ${order.actor}: ${order.reason}`)
        override = { ...order, since: startedAt, expiresAt: null }
      },
      clearOverride: async (trunk, actor) => {
        actions.push(`clear ${trunk} by ${actor}`)
        override = null
      },
      overrideAgent: async (subject, { forMs: _forMs, ...order }) => {
        actions.push(`override ${subject} ${order.state} by ${order.actor}: ${order.reason}`)
        agentOverride = { ...order, since: startedAt, expiresAt: null }
      },
      clearAgentOverride: async (subject, actor) => {
        actions.push(`clear ${subject} by ${actor}`)
        agentOverride = null
      },
    },
    errands: null,
    managed: null,
    ...replaced,
  }
  return { options, store, events, metrics, actions }
}

/** The API over parts in memory, and an operator who uses it. */
export interface OperatedApi {
  readonly parts: ApiParts
  readonly get: (url: string) => ReturnType<typeof ask>
  readonly put: (url: string, payload: object) => ReturnType<typeof ask>
  readonly remove: (url: string) => ReturnType<typeof ask>
  readonly close: () => Promise<void>
}

export async function openApi(): Promise<OperatedApi> {
  const parts = apiParts()
  const api = await buildApi(parts.options)
  return {
    parts,
    get: (url) => ask(api, 'GET', url),
    put: (url, payload) => ask(api, 'PUT', url, payload),
    remove: (url) => ask(api, 'DELETE', url),
    close: async () => {
      await api.close()
      parts.metrics.close()
    },
  }
}

const ask = async (api: Api, method: 'GET' | 'PUT' | 'DELETE', url: string, payload?: object) =>
  api.inject({ method, url, headers: bearer(KEYS.operator), ...(payload !== undefined && { payload }) })

export const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })
