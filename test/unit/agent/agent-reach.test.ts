import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isAway, NEW_REACH, type ReachEvidence, stepReach } from '../../../lib/agent/agent-reach.ts'

type Happening = readonly [evidence: ReachEvidence, atMs: number]

const after = (...happenings: readonly Happening[]) =>
  happenings.reduce((reach, [evidence, atMs]) => stepReach(reach, evidence, atMs), NEW_REACH)

const failing = (count: number, fromMs = 0): readonly Happening[] =>
  Array.from({ length: count }, (_, i) => ['unreachable', fromMs + i])

describe('whether an agent can be reached', () => {
  const ROWS: readonly (readonly [why: string, happenings: readonly Happening[], atMs: number, away: boolean])[] = [
    ['is taken for granted to begin with', [], 0, false],
    ['is not denied for one probe that fails', [['closed', 0]], 1, false],
    [
      'is denied after two',
      [
        ['closed', 0],
        ['closed', 5_000],
      ],
      5_000,
      true,
    ],
    [
      'is believed again after one that succeeds',
      [
        ['closed', 0],
        ['closed', 5_000],
        ['open', 10_000],
      ],
      10_000,
      false,
    ],
    ['is not denied for two calls that fail', failing(2), 10, false],
    ['is denied after three in a row, for 5 s', failing(3), 5_001, true],
    ['is tried again by a call after that', failing(3), 5_002, false],
    ['is not cleared by a probe, which shows only that somebody listens', [...failing(3), ['open', 10]], 20, true],
    ['is cleared by a call that got through', [...failing(2), ['ready', 3], ...failing(2, 4)], 10, false],
    ['is denied for 10 s where the next call fails too', [...failing(3), ['unreachable', 6_000]], 15_999, true],
    ['is not denied for longer by calls that were under way', [...failing(3), ...failing(9, 4_000)], 5_002, false],
  ]
  for (const [why, happenings, atMs, away] of ROWS) {
    it(why, () => assert.equal(isAway(after(...happenings), atMs), away))
  }

  it('is tried again within a minute, whatever has happened', () => {
    const evidence = fc.constantFrom<ReachEvidence>('open', 'ready', 'unreachable')
    fc.assert(
      fc.property(fc.array(fc.tuple(evidence, fc.nat(100_000)), { maxLength: 200 }), (steps) => {
        let nowMs = 0
        let reach = NEW_REACH
        for (const [what, afterMs] of steps) {
          nowMs += afterMs
          reach = stepReach(reach, what, nowMs)
        }
        assert.ok(!isAway(reach, nowMs + 60_000))
      }),
    )
  })
})
