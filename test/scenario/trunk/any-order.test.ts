import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  deadlineMs,
  effectiveState,
  type HealthEvent,
  type HealthState,
  isCanaryDue,
  newHealth,
  stepHealth,
} from '../../../lib/trunk/health.ts'
import { freeze, thaw } from '../../../lib/trunk/stored-health.ts'
import { healthConfig } from '../../helpers/trunk-stage.ts'

const CONFIG = healthConfig()
const TARGETS = ['udp:192.0.2.1:5060', 'udp:192.0.2.2:5060']

const target = fc.constantFrom(...TARGETS, 'udp:203.0.113.1:5060')
const number = fc.constantFrom('+12025550101', '+12025550102', '+12025550103', '+12025550104')
const random = fc.double({ min: 0, max: 0.999, noNaN: true })
const serial = fc.nat(6)
const state = fc.constantFrom('active', 'standby', 'failed')

/** Anything that a driver could say, in its place or not. */
const event: fc.Arbitrary<HealthEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('tick'), random }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('targets'), targets: fc.subarray(TARGETS), random }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('answered'),
      target,
      serial,
      status: fc.constantFrom(200, 404, 500, 503),
      retryAfterMs: fc.constantFrom(null, 0, 5_000, 1e9, -1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('unanswered'), target, serial, reason: fc.constant('reset') }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('refused'), target, retryAfterMs: fc.nat(100_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('canary') }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('attempt'),
      outcome: fc.constantFrom('fine', 'fault', 'unreachable', 'noProgress', 'account', 'nothing'),
      number,
      tookMs: fc.integer({ min: 0, max: 120_000 }),
      canary: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('audio'),
      audio: fc.record({ lossPercent: fc.constantFrom(0, 50), oneWay: fc.boolean() }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('override'),
      order: fc.record({
        state,
        actor: fc.constant('ops'),
        reason: fc.constant('test'),
        forMs: fc.constantFrom(null, 0, 1_000, 60_000),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('auto') }) },
)

/** Events with the time before each: often none, sometimes up to the next deadline or far beyond it. */
const history = fc.array(fc.tuple(event, fc.constantFrom(0, 0, 10, 1_000, 2_000, 5_000, 31_000, 700_000)), {
  maxLength: 80,
  size: 'max',
})

interface Moment {
  readonly event: HealthEvent
  readonly before: HealthState
  readonly after: HealthState
  readonly nowMs: number
}

function play(events: readonly (readonly [HealthEvent, number])[], visit: (moment: Moment) => void): HealthState {
  let nowMs = 1_000
  let health = newHealth(nowMs)
  for (const [next, afterMs] of [[{ kind: 'targets', targets: TARGETS, random: 0.5 }, 0] as const, ...events]) {
    nowMs += afterMs
    const { state: after } = stepHealth(health, next, nowMs, CONFIG)
    visit({ event: next, before: health, after, nowMs })
    health = after
  }
  return health
}

/** The state without what a restart gives up on purpose: a probe under way, a canary's place. */
const settled = (health: HealthState, nowMs: number): unknown => JSON.parse(JSON.stringify(freeze(health, nowMs)))

describe('health in any order of events', () => {
  it("obeys the operator always: while there is an override the state is the override's, and no canary is due", () => {
    fc.assert(
      fc.property(history, (events) => {
        play(events, ({ after }) => {
          if (after.operator === null) return
          assert.deepEqual(
            [effectiveState(after).state, effectiveState(after).channel],
            [after.operator.state, 'operator'],
          )
          assert.equal(isCanaryDue(after, CONFIG), false)
        })
      }),
    )
  })

  it('keeps an override until it expires or an operator says otherwise', () => {
    fc.assert(
      fc.property(history, (events) => {
        play(events, ({ event: { kind }, before, after, nowMs }) => {
          if (kind === 'override' || kind === 'auto' || before.operator === null) return
          const { expiresAtMs } = before.operator
          assert.equal(after.operator === null, expiresAtMs !== null && expiresAtMs <= nowMs)
        })
      }),
    )
  })

  it('moves its deadline forward with each tick, so that no driver spins', () => {
    fc.assert(
      fc.property(history, (events) => {
        play(events, ({ event: { kind }, after, nowMs }) => {
          if (kind === 'tick') assert.ok(deadlineMs(after) > nowMs, `${deadlineMs(after)} ${nowMs}`)
        })
      }),
    )
  })

  it('is the same after being stored as JSON and read by a process with another clock', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 1e12 }), (events, otherMs) => {
        play(events, ({ after, nowMs }) => {
          const stored = settled(after, nowMs)
          const thawed = thaw(stored, otherMs)
          assert.ok(thawed !== undefined)
          assert.deepEqual(settled(thawed, otherMs), stored)
          const tick = { kind: 'tick', random: 0.3 } as const
          const here = thaw(stored, nowMs)
          assert.ok(here !== undefined)
          const [there, same] = [stepHealth(thawed, tick, otherMs, CONFIG), stepHealth(here, tick, nowMs, CONFIG)]
          assert.deepEqual(there.effects, same.effects)
          assert.deepEqual(settled(there.state, otherMs), settled(same.state, nowMs))
        })
      }),
      { numRuns: 40 },
    )
  })

  it('announces each change of state, and no change where there is none', () => {
    fc.assert(
      fc.property(history, (events) => {
        let health = newHealth(0)
        let nowMs = 0
        for (const [next, afterMs] of events) {
          nowMs += afterMs
          const { state: after, effects } = stepHealth(health, next, nowMs, CONFIG)
          const changes = effects.filter(({ kind }) => kind === 'changed')
          const [from, to] = [effectiveState(health).state, effectiveState(after).state]
          assert.deepEqual(
            changes.map((change) => change.kind === 'changed' && [change.from, change.to]),
            from === to ? [] : [[from, to]],
          )
          health = after
        }
      }),
    )
  })

  it('can always be left: with good probes and canaries any history ends in active', () => {
    fc.assert(
      fc.property(history, (events) => {
        let health = play(events, () => {})
        let nowMs = 1_000 + events.reduce((sum, [, ms]) => sum + ms, 0)
        const feed = (next: HealthEvent): void => {
          const { state: after, effects } = stepHealth(health, next, nowMs, CONFIG)
          health = after
          for (const effect of effects) {
            if (effect.kind !== 'probe') continue
            feed({ kind: 'answered', target: effect.target, serial: effect.serial, status: 200, retryAfterMs: null })
          }
        }
        feed({ kind: 'auto' })
        for (const endMs = nowMs + 1_800_000; nowMs < endMs && deadlineMs(health) <= endMs; ) {
          nowMs = Math.max(nowMs, deadlineMs(health))
          feed({ kind: 'tick', random: 0.5 })
          if (!isCanaryDue(health, CONFIG)) continue
          feed({ kind: 'canary' })
          feed({ kind: 'attempt', outcome: 'fine', number: '+12025550100', tookMs: 0, canary: true })
        }
        // With no target and nothing to wait for, a canary may be due at once.
        while (isCanaryDue(health, CONFIG)) {
          feed({ kind: 'attempt', outcome: 'fine', number: '+12025550100', tookMs: 0, canary: true })
        }
        assert.equal(effectiveState(health).state, 'active')
      }),
      { numRuns: 30 },
    )
  })

  it('reaches every state, by every channel', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(history, (events) => {
        play(events, ({ after }) => {
          const { state: now, channel } = effectiveState(after)
          seen.add(`${now} ${channel}`)
          seen.add(after.calls.phase.kind)
        })
      }),
      { numRuns: 400, seed: 1 },
    )
    const states = ['standby probe', 'failed calls', 'standby media', 'active null']
    const overrides = ['active operator', 'standby operator', 'failed operator']
    for (const one of [...states, ...overrides, 'carrying', 'held', 'canary']) assert.ok(seen.has(one), one)
  })
})
