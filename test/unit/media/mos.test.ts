import assert from 'node:assert/strict'
import { mos, mosFromRating, ratingFactor } from '../../../lib/media/mos.ts'

const CLEAN = { lossPercent: 0, burstRatio: 1, jitterMs: 0, delayMs: 0 }

describe('MOS by the E-model', () => {
  it('follows Annex B of G.107 from R', () => {
    const table: readonly [number, number][] = [
      [0, 1],
      [50, 2.58],
      [60, 3.1],
      [70, 3.6],
      [80, 4.02],
      [90, 4.34],
      [93.2, 4.41],
      [120, 4.5],
    ]
    for (const [r, want] of table) assert.ok(Math.abs(mosFromRating(r) - want) < 0.01, `R ${r}`)
  })

  it('is near its best on a clean line and falls with loss, bursts, jitter and delay', () => {
    assert.ok(mos(CLEAN) > 4.35)
    const worse = [
      { ...CLEAN, lossPercent: 1 },
      { ...CLEAN, lossPercent: 5 },
      { ...CLEAN, lossPercent: 5, burstRatio: 3 },
      { ...CLEAN, lossPercent: 20, burstRatio: 3 },
    ]
    for (const [i, quality] of worse.entries()) assert.ok(mos(quality) < mos(worse[i - 1] ?? CLEAN))
    assert.ok(mos({ ...CLEAN, jitterMs: 60 }) < mos(CLEAN))
    assert.ok(mos({ ...CLEAN, delayMs: 400 }) < 3.6)
  })

  it('never leaves its scale', () => {
    assert.equal(ratingFactor({ lossPercent: 100, burstRatio: 50, jitterMs: 1000, delayMs: 10_000 }), 0)
    for (let r = 0; r <= 100; r++) assert.ok(mosFromRating(r) >= 1 && mosFromRating(r) <= 4.5)
  })
})
