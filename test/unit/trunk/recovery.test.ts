import assert from 'node:assert/strict'
import { comeBack, fall, NEVER_FALLEN, passTime, type Recovery } from '../../../lib/trunk/recovery.ts'

const CONFIG = { holdDownMs: 30_000, holdDownMaxMs: 600_000, flapMemoryMs: 600_000 }

/** Falls, comes back when the hold-down is over, and falls again after each of the stable times; the hold-downs. */
function holdDowns(stableMs: readonly number[]): readonly number[] {
  let nowMs = 0
  let recovery: Recovery = NEVER_FALLEN
  const holds: number[] = []
  for (const ms of [0, ...stableMs]) {
    nowMs += ms
    recovery = fall(recovery, nowMs, CONFIG)
    const endsAtMs = recovery.holdEndsAtMs ?? nowMs
    holds.push((endsAtMs - nowMs) / 1000)
    nowMs = endsAtMs
    recovery = comeBack(passTime(recovery, nowMs), nowMs)
  }
  return holds
}

describe('the hold-down', () => {
  const rows: readonly [why: string, stableMs: readonly number[], want: readonly number[]][] = [
    ['is 30 s at first', [], [30]],
    ['doubles at each flap, up to 10 min', [1, 1, 1, 1, 1, 1], [30, 60, 120, 240, 480, 600, 600]],
    ['doubles after nearly 10 stable minutes', [599_999], [30, 60]],
    ['is forgotten after 10 stable minutes', [1, 600_000], [30, 60, 30]],
  ]
  for (const [why, stableMs, want] of rows) it(why, () => assert.deepEqual(holdDowns(stableMs), want))

  it('stays at its maximum however often the trunk flaps', () => {
    let recovery = NEVER_FALLEN
    for (let i = 0; i < 5_000; i++) recovery = fall(recovery, i, CONFIG)
    assert.equal(recovery.holdEndsAtMs, 4_999 + 600_000)
  })

  it('may be switched off', () => {
    assert.equal(fall(NEVER_FALLEN, 5, { ...CONFIG, holdDownMs: 0 }).holdEndsAtMs, null)
  })
})
