import assert from 'node:assert/strict'
import { TickWheel } from '../../../app/media/embedded/tick-wheel.ts'

/** Runs one member until `enough` says so of its ticks; gives them back. */
function ticksOf(wheel: TickWheel, enough: (ticks: readonly number[], skipped: number) => boolean): Promise<number[]> {
  return new Promise((resolve) => {
    const ticks: number[] = []
    const member = {
      tick: (nowMs: number, skipped: number): void => {
        ticks.push(nowMs)
        if (!enough(ticks, skipped)) return
        wheel.delete(member)
        resolve(ticks)
      },
    }
    wheel.add(member)
  })
}

describe('The packet clock', () => {
  it('keeps absolute deadlines: lateness of one tick does not move the next', async () => {
    const ticks = await ticksOf(new TickWheel(() => performance.now()), (all) => all.length === 20)
    const spanMs = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0)
    // 19 intervals; the first and the last tick may each be late by what the machine is busy.
    assert.ok(Math.abs(spanMs - 19 * 20) < 40, `${spanMs} ms`)
  })

  it('makes up for five ticks after a blocked thread, and tells how many it has given up', async () => {
    let aheadMs = 0
    let given = 0
    const wheel = new TickWheel(() => performance.now() + aheadMs)
    const ticks = await ticksOf(wheel, (all, skipped) => {
      if (all.length === 3) aheadMs = 1000
      given += skipped
      return given > 0 && all.length >= 9
    })
    const burst = ticks.filter((atMs, i) => i >= 3 && atMs === ticks[3])
    assert.ok(burst.length >= 5 && burst.length <= 7, `${burst.length} ticks at once`)
    assert.ok(given >= 42 && given <= 46, `${given} skipped`)
    assert.equal(wheel.takeLag().skippedTicks, given)
    assert.equal(wheel.takeLag().maxLagMs, 0)
  })

  it('spreads its members over the slices of 20 ms and stands still without any', () => {
    const wheel = new TickWheel(() => performance.now())
    const members = Array.from({ length: 10 }, () => ({ tick: () => {} }))
    for (const member of members) wheel.add(member)
    assert.equal(wheel.size, 10)
    for (const member of members) wheel.delete(member)
    assert.equal(wheel.size, 0)
  })
})
