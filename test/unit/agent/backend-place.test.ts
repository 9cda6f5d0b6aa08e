import assert from 'node:assert/strict'
import type { BackendVerdict } from '../../../lib/agent/backend-health.ts'
import {
  type BackendCandidate,
  type BackendStanding,
  judgePlace,
  orderBackends,
  standingOf,
} from '../../../lib/agent/backend-place.ts'

const candidate = (
  backend: string,
  standing: BackendStanding = 'active',
  rest: Partial<BackendCandidate<string>> = {},
): BackendCandidate<string> => ({ backend, standing, limited: false, tryDue: false, out: false, ...rest })

describe('the backends of a new call', () => {
  const cases: readonly (readonly [
    string,
    readonly BackendCandidate<string>[],
    { readonly backends: readonly string[]; readonly atFirst: number; readonly canary: boolean },
  ])[] = [
    [
      'are the active ones in their order',
      [candidate('a'), candidate('b')],
      { backends: ['a', 'b'], atFirst: 2, canary: false },
    ],
    [
      'pass over one that has failed, which is there for a loss',
      [candidate('a', 'failed'), candidate('b'), candidate('c', 'standby')],
      { backends: ['b', 'c', 'a'], atFirst: 2, canary: false },
    ],
    [
      'have those that only limit our rate before those on standby',
      [candidate('a', 'standby'), candidate('b', 'standby', { limited: true })],
      { backends: ['b', 'a'], atFirst: 2, canary: false },
    ],
    [
      'begin with one that is to be tried again',
      [candidate('a'), candidate('b', 'failed', { tryDue: true })],
      { backends: ['b', 'a'], atFirst: 2, canary: true },
    ],
    [
      'are all that have failed where there is no other, the least bad first',
      [candidate('a', 'failed', { out: true }), candidate('b', 'failed')],
      { backends: ['b', 'a'], atFirst: 2, canary: false },
    ],
    [
      'are never those that operators have taken out',
      [candidate('a', 'out', { tryDue: true }), candidate('b', 'standby')],
      { backends: ['b'], atFirst: 1, canary: false },
    ],
    ['are none where that is each of them', [candidate('a', 'out')], { backends: [], atFirst: 0, canary: false }],
  ]
  for (const [what, candidates, want] of cases) {
    it(what, () => assert.deepEqual(orderBackends(candidates), want))
  }
})

describe('what calls go by for a backend of an agent', () => {
  const evidence = (state: BackendVerdict['state'], channel: BackendVerdict['channel'] = 'calls'): BackendVerdict => ({
    state,
    sinceAtMs: 5,
    reason: 'found out',
    channel,
  })

  it('is the word of an operator, whatever was found out, and then the evidence again', () => {
    const down = judgePlace(evidence('active'), evidence('active'), { state: 'failed', reason: 'maintenance' }, 100)
    assert.deepEqual(down, { state: 'failed', sinceAtMs: 100, reason: 'maintenance', channel: 'operator' })
    assert.equal(standingOf(down), 'out')
    const back = judgePlace(down, evidence('active', null), null, 200)
    assert.deepEqual(back, { state: 'active', sinceAtMs: 200, reason: 'override lifted', channel: 'operator' })
    assert.deepEqual(judgePlace(down, evidence('failed'), null, 200), { ...evidence('failed'), sinceAtMs: 100 })
  })

  it('is since when it came to be so', () => {
    const before = judgePlace(null, evidence('standby'), null, 50)
    assert.equal(before.sinceAtMs, 5)
    assert.equal(judgePlace(before, evidence('standby'), null, 90).sinceAtMs, 5)
    assert.equal(judgePlace(before, evidence('failed'), null, 90).sinceAtMs, 90)
  })
})
