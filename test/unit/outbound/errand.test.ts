import assert from 'node:assert/strict'
import fc from 'fast-check'
import { callId, errandId, nodeId } from '../../../lib/core/ids.ts'
import type { AttemptOutcome } from '../../../lib/outbound/attempt-outcome.ts'
import { type Errand, type ErrandEvent, isOver, newErrand, stepErrand } from '../../../lib/outbound/errand.ts'
import { ONE_ATTEMPT, RETRY_DEFAULTS, RETRY_REASONS, type RetryPolicy } from '../../../lib/outbound/retry-policy.ts'

const START = Date.UTC(2026, 10, 24)
const FIRST = callId('call-1')
const NODE = nodeId('east-1')
const BEGINS: ErrandEvent = { kind: 'begins', node: NODE }
const POLICY: RetryPolicy = { attempts: 3, afterMs: 60_000, factor: 2, on: ['busy', 'no-answer'], withinMs: 3_600_000 }

const errand = (policy: RetryPolicy = POLICY): Errand => newErrand(FIRST, errandId(FIRST), policy, new Date(START))

/** Steps at so many milliseconds after the beginning; further calls are `call-2`, `call-3`, … */
function step(before: Errand, event: ErrandEvent, atMs = 0): Errand {
  const nextCall = callId(`call-${before.history.length + 1}`)
  return stepErrand(before, event, { now: new Date(START + atMs), random: 0.5, nextCall })
}

const ends = (before: Errand, outcome: AttemptOutcome, atMs = 0): Errand =>
  'call' in before.state ? step(before, { kind: 'ended', call: before.state.call, outcome }, atMs) : before

describe('an errand', () => {
  it('is done when somebody has answered', () => {
    const calling = step(errand(), BEGINS, 5)
    assert.deepEqual(calling.state, { kind: 'calling', call: FIRST, node: NODE })
    const done = ends(calling, 'answered', 9_000)
    assert.deepEqual(done.state, { kind: 'done', endedAt: new Date(START + 9_000) })
    assert.deepEqual(done.history, [{ call: FIRST, node: NODE, at: new Date(START + 5), outcome: 'answered' }])
  })

  it('calls again after a wait that grows, each time under an id of its own, and gives up after its attempts', () => {
    const first = ends(step(errand(), BEGINS), 'busy', 1_000)
    assert.deepEqual(first.state, { kind: 'waiting', call: 'call-2', dueAt: new Date(START + 61_000) })
    assert.equal(first.reason, 'busy')
    const second = ends(step(first, BEGINS, 61_000), 'no-answer', 70_000)
    assert.deepEqual(second.state, { kind: 'waiting', call: 'call-3', dueAt: new Date(START + 190_000) })
    const third = ends(step(second, BEGINS, 190_000), 'busy', 195_000)
    assert.deepEqual([third.state.kind, third.reason, third.history.length], ['failed', 'busy', 3])
  })

  const settled: readonly (readonly [why: string, outcome: AttemptOutcome, policy: RetryPolicy, state: string])[] = [
    ['was rejected, which another call would not change', 'rejected', POLICY, 'failed'],
    ['failed, where its policy does not say so', 'failed', POLICY, 'failed'],
    ['may have rung when its node died, where its policy does not say so', 'lost', POLICY, 'failed'],
    ['was lost, and its policy says so', 'lost', { ...POLICY, on: ['lost'] }, 'waiting'],
    ['was answered by a machine, where its policy does not say so', 'machine', POLICY, 'done'],
    ['was answered by a machine, and its policy says so', 'machine', { ...POLICY, on: ['machine'] }, 'waiting'],
    ['was hung up by an operator', 'cancelled', POLICY, 'cancelled'],
    ['was busy, without a policy', 'busy', ONE_ATTEMPT, 'failed'],
    ['would be called too late', 'busy', { ...POLICY, afterMs: 3_600_000 }, 'expired'],
  ]
  for (const [why, outcome, policy, state] of settled)
    it(`is ${state} whose call ${why}`, () => {
      assert.equal(ends(step(errand(policy), BEGINS), outcome).state.kind, state)
    })

  it('makes the same call later, and counts none, where it could not be begun', () => {
    const calling = step(errand(), BEGINS)
    const until = new Date(START + 4_000)
    const after = step(calling, { kind: 'refused', call: FIRST, until, reason: 'full' })
    assert.deepEqual(
      [after.state, after.history, after.reason],
      [{ kind: 'waiting', call: FIRST, dueAt: until }, [], 'full'],
    )
    assert.equal(
      step(calling, { kind: 'refused', call: FIRST, until: null, reason: 'no such tenant' }).state.kind,
      'failed',
    )
  })

  it('expires where it cannot be begun in its time', () => {
    const until = new Date(START + POLICY.withinMs * 2)
    const held = step(step(errand(), BEGINS), { kind: 'refused', call: FIRST, until, reason: 'closed' })
    assert.deepEqual(held.state, { kind: 'waiting', call: FIRST, dueAt: held.expiresAt })
    const late = step(held, BEGINS, POLICY.withinMs)
    assert.deepEqual([late.state.kind, late.reason], ['expired', 'closed'])
  })

  it('is cancelled at once while it waits, and as soon as its call has ended while it rings', () => {
    const cancel: ErrandEvent = { kind: 'cancel', by: 'otto' }
    assert.equal(step(errand(), cancel).state.kind, 'cancelled')
    const cancelling = step(step(errand(), BEGINS), cancel)
    assert.deepEqual([cancelling.state.kind, cancelling.reason], ['cancelling', 'by otto'])
    assert.equal(ends(cancelling, 'busy').state.kind, 'cancelled')
    assert.equal(ends(cancelling, 'answered').state.kind, 'done')
  })

  it('never begins a call twice, nor more calls than its policy has, whatever comes in whatever order', () => {
    const call = fc.constantFrom('call-1', 'call-2', 'call-3', 'call-4').map(callId)
    const event: fc.Arbitrary<ErrandEvent> = fc.oneof(
      fc.constant(BEGINS),
      fc.record({ kind: fc.constant('cancel' as const), by: fc.constant('otto') }),
      fc.record({
        kind: fc.constant('ended' as const),
        call,
        outcome: fc.constantFrom<AttemptOutcome>('answered', 'rejected', 'cancelled', ...RETRY_REASONS),
      }),
      fc.record({
        kind: fc.constant('refused' as const),
        call,
        until: fc.option(fc.nat(4_000_000).map((ms) => new Date(START + ms))),
        reason: fc.constant('full'),
      }),
    )
    const events = fc.array(fc.tuple(event, fc.nat(600_000)), { minLength: 30, maxLength: 40 })
    const policy = fc.record({
      attempts: fc.integer({ min: 1, max: 4 }),
      on: fc.subarray([...RETRY_REASONS]),
    })
    fc.assert(
      fc.property(policy, events, ({ attempts, on }, all) => {
        let now = errand({ ...RETRY_DEFAULTS, attempts, on, afterMs: 1_000 })
        let atMs = 0
        for (const [next, laterMs] of all) {
          atMs += laterMs
          const before = now
          now = step(before, next, atMs)
          if (isOver(before)) assert.equal(now, before, 'what is over stays as it is')
          const calls = now.history.map((attempt) => attempt.call)
          assert.equal(new Set(calls).size, calls.length)
          assert.ok(calls.length <= attempts)
          // Who begins a call begins one that nobody has begun, or that was refused before an INVITE left.
          if (now.state.kind === 'calling' && before.state.kind !== 'calling') {
            assert.equal(before.state.kind, 'waiting')
            assert.equal(before.history.length + 1, now.history.length)
            assert.ok(atMs < RETRY_DEFAULTS.withinMs)
          }
          const open = now.history.filter(({ outcome }) => outcome === null)
          assert.ok(open.length <= 1)
          if (open.length === 1) assert.ok(['calling', 'cancelling'].includes(now.state.kind))
        }
      }),
    )
  })
})
