import assert from 'node:assert/strict'
import type { BackendStanding } from '../../../lib/agent/backend-place.ts'
import type { BackendSpec } from '../../../lib/agent/spec.ts'
import { afterLoss, atFirst, nextTry, type Succession, type Try } from '../../../lib/agent/succession.ts'

const backend = (id: string): BackendSpec => ({
  id,
  kind: 'local',
  baseUrl: 'ws://127.0.0.1:1',
  model: 'm',
  apiKey: 'k',
  renewBeforeMs: 600_000,
})
const SPEC = {
  backends: [backend('a'), backend('b'), backend('c')],
  connectTimeoutMs: 2_000,
  reconnectForMs: 30_000,
} as const

const WELL = (): BackendStanding => 'active'
const standing =
  (of: Readonly<Record<string, BackendStanding>>) =>
  (id: string): BackendStanding =>
    of[id] ?? 'active'

/** Each try as `backend after setup`, where each one takes `tookMs`. */
function tries(from: Succession, tookMs: number, most = 20): readonly string[] {
  const all: string[] = []
  let [succession, nowMs]: [Succession, number] = [from, 0]
  for (let next: Try | null = null; all.length < most; nowMs += tookMs) {
    ;({ succession, next } = nextTry(succession, SPEC, nowMs))
    if (next === null) return all
    nowMs += next.afterMs
    all.push(`${next.backend} after ${next.afterMs} for ${next.setupMs}`)
  }
  return all
}

describe('the order in which the backends of an agent are tried', () => {
  it('is that of the config for a new call, each once, with an equal part of what time is left', () => {
    assert.deepEqual(tries(atFirst(SPEC, 0), 0), ['0 after 0 for 666', '1 after 0 for 1000', '2 after 0 for 2000'])
    assert.deepEqual(tries(atFirst(SPEC, 0), 600), ['0 after 0 for 666', '1 after 0 for 700', '2 after 0 for 800'])
    assert.deepEqual(tries(atFirst(SPEC, 0), 2_000), ['0 after 0 for 666'])
  })

  it('begins after a loss with the one that was lost, at once, and goes round with growing pauses', () => {
    assert.deepEqual(tries(afterLoss(1, false, SPEC, 0, WELL), 0, 10), [
      '1 after 0 for 2000',
      '2 after 0 for 2000',
      '0 after 0 for 2000',
      '1 after 250 for 2000',
      '2 after 0 for 2000',
      '0 after 0 for 2000',
      '1 after 500 for 2000',
      '2 after 0 for 2000',
      '0 after 0 for 2000',
      '1 after 1000 for 2000',
    ])
  })

  it('has the lost one last where it refuses us', () => {
    assert.deepEqual(tries(afterLoss(1, true, SPEC, 0, WELL), 0, 3), [
      '2 after 0 for 2000',
      '0 after 0 for 2000',
      '1 after 0 for 2000',
    ])
  })

  it('leaves out for a new call what is kept for a loss, and those that are left have the whole time', () => {
    assert.deepEqual(tries(atFirst({ ...SPEC, atFirst: 1 }, 0), 0), ['0 after 0 for 2000'])
  })

  it('has those that are down last after a loss, also the lost one, and those that were taken out not at all', () => {
    const order = (of: Readonly<Record<string, BackendStanding>>): readonly number[] =>
      afterLoss(0, false, SPEC, 0, standing(of)).order
    assert.deepEqual(order({ a: 'failed' }), [1, 2, 0])
    assert.deepEqual(order({ a: 'failed', b: 'standby' }), [2, 1, 0])
    assert.deepEqual(order({ b: 'out' }), [0, 2])
    assert.deepEqual(order({ a: 'out', b: 'out', c: 'out' }), [0, 1, 2])
  })

  it('ends when the caller has waited long enough', () => {
    assert.equal(tries(afterLoss(0, false, SPEC, 0, WELL), 2_000, 1_000).length, 14)
    assert.deepEqual(tries(afterLoss(0, false, SPEC, 0, WELL), 31_000), ['0 after 0 for 2000'])
  })
})
