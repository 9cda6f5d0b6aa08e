import assert from 'node:assert/strict'
import fc from 'fast-check'
import { TimerWheel } from '../../../lib/core/timer-wheel.ts'

describe('timer wheel', () => {
  it('gives back payloads when their moment has come, never before', () => {
    const wheel = new TimerWheel<string>(0)
    wheel.schedule(500, 'a')
    assert.deepEqual(wheel.advance(499), [])
    assert.deepEqual(wheel.advance(500), ['a'])
    assert.deepEqual(wheel.advance(9999), [])
  })

  it('forgets a cancelled timer and says whether it was still pending', () => {
    const wheel = new TimerWheel<string>(0)
    const handle = wheel.schedule(500, 'a')
    assert.equal(wheel.cancel(handle), true)
    assert.equal(wheel.cancel(handle), false)
    assert.deepEqual(wheel.advance(1000), [])
    assert.equal(wheel.size, 0)
  })

  it('fires a timer of the past at the next advance', () => {
    const wheel = new TimerWheel<string>(10_000)
    wheel.schedule(3, 'late')
    assert.deepEqual(wheel.advance(10_010), ['late'])
  })

  it('keeps timers that lie several turns of the wheel ahead', () => {
    const wheel = new TimerWheel<string>(0, { tickMs: 10, slots: 32 })
    wheel.schedule(100_000, 'far')
    assert.deepEqual(wheel.advance(99_990), [])
    assert.deepEqual(wheel.advance(100_000), ['far'])
  })

  it('has nothing to wait for when it is empty', () => {
    assert.equal(new TimerWheel<string>(0).nextAtMs(), undefined)
  })

  it('refuses a number of slots that is no power of two', () => {
    assert.throws(() => new TimerWheel(0, { slots: 100 }), /power of two/)
  })

  it('fires every timer once, within one tick of its deadline, when woken at the moments it asks for', () => {
    const plan = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 20_000 }), cancelled: fc.boolean() }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(plan, fc.constantFrom(32, 256, 4096), (timers, slots) => {
        const wheel = new TimerWheel<number>(0, { tickMs: 10, slots })
        const handles = timers.map((timer, index) => wheel.schedule(timer.atMs, index))
        handles.forEach((handle, index) => {
          if (timers[index]?.cancelled === true) wheel.cancel(handle)
        })
        const firedAtMs = new Map<number, number>()
        for (let next = wheel.nextAtMs(); next !== undefined; next = wheel.nextAtMs()) {
          for (const index of wheel.advance(next)) {
            assert.equal(firedAtMs.has(index), false)
            firedAtMs.set(index, next)
          }
        }
        timers.forEach((timer, index) => {
          const fired = firedAtMs.get(index)
          if (timer.cancelled) assert.equal(fired, undefined)
          else
            assert.ok(fired !== undefined && fired >= timer.atMs && fired <= timer.atMs + 20, `${timer.atMs} ${fired}`)
        })
        assert.equal(wheel.size, 0)
      }),
    )
  })
})
