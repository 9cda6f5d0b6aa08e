import assert from 'node:assert/strict'
import { nodeId, trunkId } from '../../../lib/core/ids.ts'
import { type HeardReports, hearReports, reportOf, votersOn } from '../../../lib/fleet/reports.ts'
import { fleetVerdict } from '../../../lib/fleet/verdict.ts'

const SELF = nodeId('n1')
const ALPHA = trunkId('alpha')
const own = { node: SELF, channels: { probe: 'active' } as const }
const failed = (beat: string): unknown =>
  JSON.parse(JSON.stringify(reportOf(beat, new Map([[ALPHA, { calls: 'failed' as const }]]))))
const hear = (before: HeardReports, values: Readonly<Record<string, unknown>>, nowMs: number): HeardReports =>
  hearReports(before, new Map(Object.entries(values)), SELF, nowMs)
const votes = (heard: HeardReports, nowMs: number): number =>
  fleetVerdict(votersOn(ALPHA, own, heard, nowMs), nowMs).votes.size

describe('the reports of other nodes', () => {
  it('grow old from when they were first seen here, however often they are read again', () => {
    let heard = hear(new Map(), { 'verdict:n2': failed('run-1') }, 10_000)
    for (const nowMs of [11_000, 12_000]) {
      heard = hear(heard, { 'verdict:n2': failed('run-1') }, nowMs)
      assert.equal(votes(heard, nowMs), 2)
    }
    assert.equal(votes(heard, 13_000), 1)
    assert.equal(votes(hear(heard, { 'verdict:n2': failed('run-2') }, 13_000), 13_000), 2)
  })

  it('are counted alike by nodes whose clocks are 5 s apart', () => {
    for (const aheadMs of [0, 5_000, -5_000]) {
      const heard = hear(new Map(), { 'verdict:n2': failed('run-1') }, 10_000 + aheadMs)
      assert.equal(votes(heard, 12_999 + aheadMs), 2)
      assert.equal(votes(heard, 13_000 + aheadMs), 1)
    }
  })

  it('of a node that took its own back are gone at once', () => {
    const heard = hear(new Map(), { 'verdict:n2': failed('run-1') }, 0)
    assert.equal(votes(hear(heard, {}, 1), 1), 1)
  })

  it('leave trunks without evidence out, and speak for no other trunk', () => {
    assert.deepEqual(reportOf('b', new Map([[ALPHA, {}]])), { beat: 'b', trunks: {} })
    const beta = trunkId('beta')
    const heard = hear(new Map(), { 'verdict:n2': failed('b') }, 0)
    assert.equal(fleetVerdict(votersOn(beta, { node: SELF, channels: {} }, heard, 0), 0).votes.size, 0)
  })

  it('cannot replace what this node says of itself', () => {
    assert.equal(hear(new Map(), { 'verdict:n1': failed('b') }, 0).size, 0)
  })

  const foreign: readonly [why: string, value: unknown][] = [
    ['null', null],
    ['text', 'failed'],
    ['no beat', { trunks: {} }],
    ['an endless beat', { beat: 'x'.repeat(200), trunks: {} }],
    ['a state that does not exist', { beat: 'b', trunks: { alpha: { calls: 'dead' } } }],
    ['a list of trunks', { beat: 'b', trunks: ['alpha'] }],
  ]
  for (const [why, value] of foreign) {
    it(`say nothing where they are none of ours: ${why}`, () => {
      assert.equal(hear(new Map(), { 'verdict:n2': value }, 0).size, 0)
    })
  }

  it('may have channels that this version does not know', () => {
    const value = { beat: 'b', trunks: { alpha: { calls: 'failed', weather: 'rain' } }, more: 1 }
    assert.equal(votes(hear(new Map(), { 'verdict:n2': value }, 0), 0), 2)
  })
})
