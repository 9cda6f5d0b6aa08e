import assert from 'node:assert/strict'
import { deadlineMs, effectiveState, healthFigures, isRefusing } from '../../../lib/trunk/health.ts'
import { MAX_TARGETS } from '../../../lib/trunk/probe-channel.ts'
import { type Answer, healthConfig, TrunkStage } from '../../helpers/trunk-stage.ts'

const A = 'udp:192.0.2.1:5060'
const B = 'udp:192.0.2.2:5060'

/** When probes were sent, in ms, with the random number that all draw. */
function sentAtMs(stage: TrunkStage, target = A): readonly number[] {
  return stage.effects.filter((e) => e.kind === 'probe' && e.target === target).map(({ atMs }) => atMs)
}

const gaps = (at: readonly number[]): readonly number[] => at.slice(1).map((ms, i) => ms - (at[i] ?? 0))

describe('probing', () => {
  const jitter: readonly [random: number, gapMs: number][] = [
    [0, 4_000],
    [0.5, 5_000],
    [0.999_999, 6_000],
  ]
  for (const [random, gapMs] of jitter) {
    it(`goes out every ${gapMs} ms, send to send, where the jitter draws ${random}`, () => {
      const stage = new TrunkStage({ random: () => random, rttMs: 700 }).runTo(40_000)
      assert.ok(gaps(sentAtMs(stage)).length >= 5)
      for (const gap of gaps(sentAtMs(stage))) assert.equal(gap, gapMs)
    })
  }

  it('is repeated 1 s after a timeout of 2 s, without jitter', () => {
    const stage = new TrunkStage({ random: () => 0.1, answer: () => 'silence' }).runTo(20_000)
    assert.deepEqual(new Set(gaps(sentAtMs(stage))), new Set([3_000]))
  })

  it('makes a trunk standby after the third miss in a row, not after two and an answer', () => {
    const answers: Answer[] = ['silence', 'silence', { status: 200 }, 'silence', 'silence', 'silence']
    const stage = new TrunkStage({ answer: () => answers.shift() ?? 'silence' })
    stage.runUntil(() => answers.length === 0, 60_000)
    assert.equal(stage.state, 'active')
    stage.runFor(2_000)
    assert.deepEqual(stage.history, ['standby by probe'])
    assert.equal(effectiveState(stage.health).reason, `${A}: 3 probes missed in a row: no answer within 2000 ms`)
  })

  it('counts a transport error at once', () => {
    const stage = new TrunkStage({ answer: () => 'silence', random: () => 0 }).runTo(0)
    for (let serial = 1; serial <= 3; serial++) {
      stage.feed({ kind: 'unanswered', target: A, serial, reason: 'ECONNREFUSED' })
      stage.runFor(1_000)
    }
    assert.equal(stage.changedAtMs('standby'), 2_000)
  })

  it('counts nothing while our own SIP server is away, and goes on in its turn', () => {
    const stage = new TrunkStage({ answer: () => 'silence', random: () => 0 }).runTo(0)
    for (let serial = 1; serial <= 5; serial++) {
      stage.feed({ kind: 'unsent', target: A, serial })
      stage.runFor(4_000)
    }
    assert.deepEqual(new Set(gaps(sentAtMs(stage))), new Set([4_000]))
    assert.equal(healthFigures(stage.health, stage.nowMs, stage.config).probe.misses, 0)
    assert.equal(stage.state, 'active')
  })

  it('takes an answer for the probe that it belongs to, once, and for no earlier one', () => {
    const stage = new TrunkStage({ answer: () => 'silence', random: () => 0 }).runTo(3_000)
    const late = { kind: 'answered', target: A, serial: 1, status: 200, retryAfterMs: null } as const
    stage.feed(late)
    assert.equal(healthFigures(stage.health, stage.nowMs, stage.config).probe.misses, 1)
    stage.feed({ ...late, serial: 2 })
    stage.feed({ ...late, serial: 2 })
    stage.feed({ ...late, target: 'udp:203.0.113.9:5060', serial: 2 })
    const { probe } = healthFigures(stage.health, stage.nowMs, stage.config)
    assert.deepEqual(probe, { lastGoodAtMs: 3_000, rttMs: 0, misses: 0 })
    assert.equal(stage.health.probe.targets[0]?.goods, 1)
  })

  it('judges each target by itself, and the trunk by its best', () => {
    const stage = new TrunkStage({ targets: [A, B], answer: (t) => (t === A ? 'silence' : { status: 200 }) })
    stage.runTo(60_000)
    assert.deepEqual(
      stage.health.probe.targets.map(({ answering }) => answering),
      [false, true],
    )
    assert.equal(stage.state, 'active')
    stage.answer = () => 'silence'
    stage.runFor(14_000)
    assert.equal(stage.state, 'standby')
  })

  it('lets a target that is new in DNS prove itself while the trunk is down', () => {
    const stage = new TrunkStage({ answer: (t) => (t === A ? 'silence' : { status: 200 }) }).runTo(30_000)
    assert.equal(stage.state, 'standby')
    stage.feed({ kind: 'targets', targets: [A, B], random: 0 })
    assert.equal(stage.state, 'standby')
    stage.runFor(20_000)
    assert.deepEqual(stage.history, ['standby by probe', 'active by probe'])
  })

  it('keeps what it knows of a target that DNS names again, and forgets the others', () => {
    const stage = new TrunkStage({ targets: [A, B] }).runTo(20_000)
    const known = stage.health.probe.targets[1]
    stage.feed({ kind: 'targets', targets: [B, B], random: 0.5 })
    assert.deepEqual(stage.health.probe.targets, [known])
    stage.feed({ kind: 'targets', targets: Array.from({ length: 200 }, (_, i) => `t${i}`), random: 0.5 })
    assert.equal(stage.health.probe.targets.length, MAX_TARGETS)
  })

  it('spreads the first probes of many targets over the interval', () => {
    const targets = Array.from({ length: 20 }, (_, i) => `t${i}`)
    const stage = new TrunkStage({ targets, random: () => 0.5 })
    stage.runTo(4_999)
    const first = targets.map((target) => sentAtMs(stage, target)[0] ?? -1).sort((a, b) => a - b)
    for (const gap of gaps(first)) assert.ok(gap < 600, `${gap}`)
  })

  it('sends nothing and holds nothing against the trunk where it is switched off', () => {
    const stage = new TrunkStage({ config: healthConfig({ probe: { enabled: false } }), answer: () => 'silence' })
    stage.runTo(600_000)
    assert.deepEqual(stage.effects, [])
    assert.equal(deadlineMs(stage.health), Infinity)
  })
})

describe('503 with Retry-After', () => {
  const clamp: readonly [asked: number, heldMs: number][] = [
    [0, 1_000],
    [5_000, 5_000],
    [864_000_000, 60_000],
    [Infinity, 60_000],
    [Number.NaN, 60_000],
    [-5, 1_000],
  ]
  for (const [retryAfterMs, heldMs] of clamp) {
    it(`holds the target back for ${heldMs} ms where it asks for ${retryAfterMs}, probes included`, () => {
      const stage = new TrunkStage({ random: () => 0 }).runTo(100)
      stage.feed({ kind: 'refused', target: A, retryAfterMs })
      assert.equal(stage.state, 'standby')
      assert.equal(isRefusing(stage.health), true)
      stage.runFor(heldMs - 1)
      assert.equal(stage.state, 'standby')
      const probed = sentAtMs(stage).length
      stage.runFor(1)
      assert.equal(stage.state, 'active')
      assert.equal(heldMs < 4_000 || probed === 1, true)
    })
  }

  it('to OPTIONS refuses at once, and is a missed probe as well', () => {
    const stage = new TrunkStage({ random: () => 0, answer: () => ({ status: 503, retryAfterMs: 5_000 }) }).runTo(20)
    assert.deepEqual([stage.state, isRefusing(stage.health)], ['standby', true])
    stage.runTo(12_000)
    assert.deepEqual([stage.state, isRefusing(stage.health)], ['standby', false])
    assert.equal(stage.health.probe.targets[0]?.misses, 3)
  })

  it('of one target leaves the trunk to the others', () => {
    const stage = new TrunkStage({ targets: [A, B] })
    stage.feed({ kind: 'refused', target: A, retryAfterMs: 5_000 })
    assert.equal(stage.state, 'active')
  })

  it('is no pause where calls have failed the trunk besides', () => {
    const stage = new TrunkStage()
    stage.feed({ kind: 'refused', target: A, retryAfterMs: 5_000 })
    for (let i = 0; i < 3; i++) stage.call('unreachable')
    assert.deepEqual([stage.state, isRefusing(stage.health)], ['failed', false])
  })
})
