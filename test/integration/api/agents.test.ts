import assert from 'node:assert/strict'
import { agentsAnswer } from '../../../app/api/answers.ts'
import { buildApi } from '../../../app/api/server.ts'
import type { Api } from '../../../app/api/zod-provider.ts'
import { type ApiParts, apiParts, bearer, KEYS } from '../../helpers/api.ts'

const headers = bearer(KEYS.operator)

describe('agents over HTTP', () => {
  let api: Api
  let parts: ApiParts
  beforeEach(async () => {
    parts = apiParts()
    api = await buildApi(parts.options)
  })
  afterEach(async () => {
    await api.close()
    parts.metrics.close()
  })

  const put = (url: string, payload: object = { state: 'failed', reason: 'maintenance' }) =>
    api.inject({ method: 'PUT', url, headers, payload })

  it('are listed with their backends, as documented', async () => {
    const [agent] = agentsAnswer.parse((await api.inject({ url: '/api/v1/agents', headers })).json())
    assert.deepEqual([agent?.name, agent?.backends[0]?.id], ['intake', 'intake/0'])
  })

  it("take an operator's word on all of their backends or on one, and answer with the agent", async () => {
    const one = await put('/api/v1/agents/intake/0/override')
    assert.equal(one.statusCode, 200)
    assert.deepEqual([one.json().name, one.json().backends[0].override.actor], ['intake', 'otto'])
    await put('/api/v1/agents/intake/override', { state: 'standby', reason: 'slow', ttlSeconds: 60 })
    await api.inject({ method: 'DELETE', url: '/api/v1/agents/intake/0/override', headers })
    await api.inject({ method: 'DELETE', url: '/api/v1/agents/intake/override', headers })
    assert.deepEqual(parts.actions, [
      'override intake/0 failed by otto: maintenance',
      'override intake standby by otto: slow',
      'clear intake/0 by otto',
      'clear intake by otto',
    ])
  })

  for (const [what, url, status] of [
    ['no agent', '/api/v1/agents/nobody/override', 404],
    ['a backend that it has not', '/api/v1/agents/intake/1/override', 404],
    ['what is no place', '/api/v1/agents/intake/x/override', 400],
  ] as const) {
    it(`refuse a word on ${what}, and do nothing`, async () => {
      assert.equal((await put(url)).statusCode, status)
      assert.deepEqual(parts.actions, [])
    })
  }
})
