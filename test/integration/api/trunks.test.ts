import assert from 'node:assert/strict'
import { type OperatedApi, openApi } from '../../helpers/api.ts'

const PATH = '/api/v1/trunks/alpha/override'

describe('trunks over HTTP', () => {
  let api: OperatedApi
  beforeEach(async () => {
    api = await openApi()
  })
  afterEach(() => api.close())

  it("takes an operator's word and answers with the trunk", async () => {
    const answer = await api.put(PATH, { state: 'standby', reason: ' carrier works on it ', ttlSeconds: 600 })
    assert.equal(answer.statusCode, 200)
    const trunk = answer.json()
    assert.deepEqual([trunk.id, trunk.state], ['alpha', 'standby'])
    assert.deepEqual(trunk.override, {
      state: 'standby',
      reason: 'carrier works on it',
      actor: 'otto',
      since: '2026-01-01T00:00:00.000Z',
      expiresAt: null,
    })
    assert.deepEqual(api.parts.actions, ['override alpha standby by otto: carrier works on it'])
  })

  it('gives it back to the evidence, also where it was there already', async () => {
    await api.put(PATH, { state: 'failed', reason: 'maintenance' })
    for (let time = 0; time < 2; time++) {
      const answer = await api.remove(PATH)
      assert.deepEqual([answer.statusCode, answer.json().override], [200, null])
    }
  })

  const REFUSED: readonly [why: string, body: object, words: RegExp][] = [
    ['no state', { reason: 'x' }, /state/],
    ['a state that there is not', { state: 'broken', reason: 'x' }, /state/],
    ['no reason', { state: 'failed' }, /reason/],
    ['an empty reason', { state: 'failed', reason: '  ' }, /must say why/],
    ['control characters', { state: 'failed', reason: 'a\u0000b' }, /control characters/],
    ['a reason without end', { state: 'failed', reason: 'x'.repeat(501) }, /reason/],
    ['no time at all', { state: 'failed', reason: 'x', ttlSeconds: 0 }, /ttlSeconds/],
    ['a time as text', { state: 'failed', reason: 'x', ttlSeconds: '10m' }, /ttlSeconds/],
    ['a key that nobody knows', { state: 'failed', reason: 'x', ttl: 5 }, /ttl/],
  ]
  for (const [why, body, words] of REFUSED) {
    it(`refuses ${why}, and does nothing`, async () => {
      const answer = await api.put(PATH, body)
      assert.equal(answer.statusCode, 400)
      assert.match(answer.body, words)
      assert.deepEqual(api.parts.actions, [])
    })
  }

  it('says that there is no such trunk', async () => {
    const answer = await api.put('/api/v1/trunks/omega/override', { state: 'failed', reason: 'x' })
    assert.deepEqual([answer.statusCode, answer.json().error.code], [404, 'trunk-not-found'])
  })
})
