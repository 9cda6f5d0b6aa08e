import assert from 'node:assert/strict'
import { agentsAnswer } from '../../../app/api/answers.ts'
import { type OperatedApi, openApi } from '../../helpers/api.ts'

const FAILED = { state: 'failed', reason: 'maintenance' }

describe('agents over HTTP', () => {
  let api: OperatedApi
  beforeEach(async () => {
    api = await openApi()
  })
  afterEach(() => api.close())

  it('are listed with their backends, as documented', async () => {
    const [agent] = agentsAnswer.parse((await api.get('/api/v1/agents')).json())
    assert.deepEqual([agent?.name, agent?.backends[0]?.id], ['intake', 'intake/0'])
  })

  it("take an operator's word on all of their backends or on one, and answer with the agent", async () => {
    const one = await api.put('/api/v1/agents/intake/0/override', FAILED)
    assert.equal(one.statusCode, 200)
    assert.deepEqual([one.json().name, one.json().backends[0].override.actor], ['intake', 'otto'])
    await api.put('/api/v1/agents/intake/override', { state: 'standby', reason: 'slow', ttlSeconds: 60 })
    await api.remove('/api/v1/agents/intake/0/override')
    await api.remove('/api/v1/agents/intake/override')
    assert.deepEqual(api.parts.actions, [
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
      assert.equal((await api.put(url, FAILED)).statusCode, status)
      assert.deepEqual(api.parts.actions, [])
    })
  }
})
