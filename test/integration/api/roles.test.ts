import assert from 'node:assert/strict'
import * as z from 'zod'
import { MAX_FAILURES } from '../../../app/api/auth.ts'
import { ROLES } from '../../../app/api/options.ts'
import { buildApi } from '../../../app/api/server.ts'
import type { Api } from '../../../app/api/zod-provider.ts'
import { type ApiParts, apiParts, bearer, KEYS } from '../../helpers/api.ts'
import { endedCall } from '../../helpers/memory-store.ts'

type Who = 'nobody' | (typeof ROLES)[number]

const ID = endedCall(1).id
/** Every route, and the least that one must be to use it. */
const ROUTES: readonly [method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, least: Who, body?: object][] = [
  ['GET', '/', 'nobody'],
  ['GET', '/healthz', 'nobody'],
  ['GET', '/readyz', 'nobody'],
  ['GET', '/metrics', 'nobody'],
  ['GET', '/api/docs', 'nobody'],
  ['GET', '/api/docs/json', 'nobody'],
  ['GET', '/api/v1/calls', 'viewer'],
  ['GET', `/api/v1/calls/${ID}`, 'viewer'],
  ['GET', `/api/v1/calls/${ID}/ladder`, 'viewer'],
  ['GET', `/api/v1/calls/${ID}/events`, 'viewer'],
  ['GET', `/api/v1/calls/${ID}/pcap`, 'viewer'],
  ['GET', `/api/v1/calls/${ID}/recording`, 'viewer'],
  ['GET', '/api/v1/trunks', 'viewer'],
  ['GET', '/api/v1/agents', 'viewer'],
  ['GET', `/api/v1/sessions/${ID}`, 'viewer'],
  ['GET', '/api/v1/nodes', 'viewer'],
  ['GET', '/api/v1/audit', 'viewer'],
  ['PUT', '/api/v1/trunks/alpha/override', 'operator', { state: 'failed', reason: 'maintenance' }],
  ['DELETE', '/api/v1/trunks/alpha/override', 'operator'],
  ['PUT', '/api/v1/agents/intake/override', 'operator', { state: 'failed', reason: 'maintenance' }],
  ['DELETE', '/api/v1/agents/intake/override', 'operator'],
  ['PUT', '/api/v1/agents/intake/0/override', 'operator', { state: 'failed', reason: 'maintenance' }],
  ['DELETE', '/api/v1/agents/intake/0/override', 'operator'],
  ['POST', '/api/v1/calls', 'operator', { to: '+12025550123', tenant: 'clinic' }],
  ['POST', `/api/v1/calls/${ID}/transfer`, 'operator', { to: '+12025550123' }],
  ['DELETE', `/api/v1/calls/${ID}`, 'operator'],
  ['POST', '/api/v1/nodes/east-1/drain', 'admin'],
]
const WHO: readonly Who[] = ['nobody', ...ROLES]

describe('who may do what over HTTP', () => {
  let api: Api
  let parts: ApiParts
  beforeEach(async () => {
    parts = apiParts()
    parts.store.records.set(ID, { ...endedCall(1), state: 'active', endedAt: null, end: null, recording: 'here' })
    api = await buildApi(parts.options)
  })
  afterEach(async () => {
    await api.close()
    parts.metrics.close()
  })

  for (const [method, url, least, payload] of ROUTES) {
    it(`${method} ${url.replace(ID, 'ID')} is for ${least === 'nobody' ? 'everybody' : `${least} and above`}`, async () => {
      for (const who of WHO) {
        const headers = who === 'nobody' ? {} : bearer(KEYS[who])
        const { statusCode } = await api.inject({ method, url, headers, ...(payload !== undefined && { payload }) })
        const allowed = WHO.indexOf(who) >= WHO.indexOf(least)
        if (allowed) assert.ok(statusCode < 400, `${who}: ${statusCode}`)
        else assert.equal(statusCode, who === 'nobody' ? 401 : 403, who)
      }
    })
  }

  it('the table above names every documented route but the event stream, which has no end', async () => {
    const document = z
      .looseObject({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse((await api.inject('/api/docs/json')).json())
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const listed = ROUTES.map(
      ([method, url]) =>
        `${method} ${url
          .replace(ID, '{id}')
          .replace(/east-1|alpha/, '{id}')
          .replace('intake/0', '{name}/{place}')
          .replace('intake', '{name}')}`,
    )
    const undocumented = new Set(['GET /', 'GET /api/docs', 'GET /api/docs/json'])
    const expected = [...listed.filter((route) => !undocumented.has(route)), 'GET /api/v1/events']
    assert.deepEqual(documented.toSorted(), expected.toSorted())
  })

  it('an action that was refused is not done', async () => {
    await api.inject({ method: 'DELETE', url: `/api/v1/calls/${ID}`, headers: bearer(KEYS.viewer) })
    await api.inject({ method: 'POST', url: '/api/v1/nodes/east-1/drain', headers: bearer(KEYS.operator) })
    assert.deepEqual(parts.actions, [])
  })

  const refusals: readonly [why: string, header: string | undefined, status: number, challenge: RegExp][] = [
    ['no key', undefined, 401, /^Bearer realm="tandem"$/],
    ['a wrong key', 'Bearer wrong', 401, /error="invalid_token"/],
    ['a key with something added', `Bearer ${KEYS.admin}x`, 401, /error="invalid_token"/],
    ['another scheme', `Basic ${KEYS.admin}`, 401, /error="invalid_token"/],
    ['an empty key', 'Bearer ', 401, /error="invalid_token"/],
    ['a role that does not suffice', `Bearer ${KEYS.viewer}`, 403, /error="insufficient_scope", scope="admin"/],
  ]
  for (const [why, authorization, status, challenge] of refusals) {
    it(`challenges ${why} as RFC 6750 says`, async () => {
      const headers = authorization === undefined ? {} : { authorization }
      const answer = await api.inject({ method: 'POST', url: '/api/v1/nodes/east-1/drain', headers })
      assert.equal(answer.statusCode, status)
      assert.match(String(answer.headers['www-authenticate']), challenge)
      assert.doesNotMatch(answer.body, new RegExp(KEYS.admin))
    })
  }

  it('stops an address that guesses, without counting requests that have no key', async () => {
    for (let i = 0; i < 2 * MAX_FAILURES; i += 1) await api.inject('/api/v1/calls')
    for (let i = 0; i < MAX_FAILURES; i += 1) await api.inject({ url: '/api/v1/calls', headers: bearer(`guess-${i}`) })
    const stopped = await api.inject({ url: '/api/v1/calls', headers: bearer(KEYS.admin) })
    assert.equal(stopped.statusCode, 429)
    assert.match(String(stopped.headers['retry-after']), /^\d+$/)
    const other = await api.inject({ url: '/api/v1/calls', headers: bearer(KEYS.admin), remoteAddress: '127.0.0.9' })
    assert.equal(other.statusCode, 200)
  })
})
