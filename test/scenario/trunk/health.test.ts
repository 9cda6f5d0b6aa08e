import assert from 'node:assert/strict'
import fc from 'fast-check'
import { channelStates, effectiveState, isCanaryDue } from '../../../lib/trunk/health.ts'
import { type Answer, healthConfig, seeded, TrunkStage } from '../../helpers/trunk-stage.ts'

const MIN_MS = 60_000

describe('an idle trunk that goes silent', () => {
  it('is on standby within 14 s, whatever the jitter and whenever it happens', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 0, max: 60_000 }),
        fc.integer({ min: 0, max: 1_900 }),
        (seed, at, rttMs) => {
          const stage = new TrunkStage({ random: seeded(seed), rttMs }).runTo(20_000 + at)
          stage.answer = () => 'silence'
          stage.runFor(14_000)
          assert.equal(stage.state, 'standby')
        },
      ),
      { numRuns: 200 },
    )
  })

  it('takes 14 s at worst: just answered, and the longest interval', () => {
    const stage = new TrunkStage({ random: () => 1 - Number.EPSILON, rttMs: 0 }).runTo(20_000)
    const sent = stage.effects.filter(({ kind }) => kind === 'probe').length
    const lastAtMs = stage.runUntil(() => stage.effects.length > sent, 10_000)
    stage.answer = () => 'silence'
    const downAtMs = stage.runUntil(() => stage.state === 'standby', 20_000)
    assert.ok(downAtMs - lastAtMs >= 13_900 && downAtMs - lastAtMs <= 14_000, `${downAtMs - lastAtMs}`)
  })

  it('is back 30 s after its fall where it answers again at once, and no sooner', () => {
    const stage = new TrunkStage({ answer: () => 'silence' })
    const downAtMs = stage.runUntil(() => stage.state === 'standby', 20_000)
    stage.answer = () => ({ status: 200 })
    const upAtMs = stage.runUntil(() => stage.state === 'active', MIN_MS)
    assert.ok(Math.abs(upAtMs - downAtMs - 30_000) <= 10, `${upAtMs - downAtMs}`)
  })

  it('needs three good probes in a row after a longer outage', () => {
    const stage = new TrunkStage({ answer: () => 'silence' }).runTo(5 * MIN_MS)
    const answers: Answer[] = [{ status: 200 }, { status: 200 }, 'silence', { status: 200 }, { status: 200 }]
    stage.answer = () => answers.shift() ?? 'silence'
    stage.runFor(MIN_MS)
    assert.deepEqual(stage.history, ['standby by probe'])
    stage.answer = () => ({ status: 200 })
    stage.runFor(MIN_MS)
    assert.deepEqual(stage.history, ['standby by probe', 'active by probe'])
  })
})

describe('a trunk that answers OPTIONS and refuses calls', () => {
  it('has failed after 5 calls, and stays so although every probe succeeds', () => {
    const stage = new TrunkStage().runTo(10_000)
    for (let i = 0; i < 4; i++) stage.call('fault').runFor(5_000)
    assert.equal(stage.state, 'active')
    stage.call('fault')
    assert.deepEqual([stage.state, effectiveState(stage.health).channel], ['failed', 'calls'])
    for (let i = 0; i < 120; i++) {
      stage.runFor(30_000)
      stage.canary('fault')
      assert.equal(stage.state, 'failed')
    }
    assert.deepEqual(stage.history, ['failed by calls'])
  })

  it('is tried ever more seldom: the hold-down doubles with each canary that fails', () => {
    const stage = new TrunkStage().runTo(10_000)
    for (let i = 0; i < 5; i++) stage.call('fault')
    const waits: number[] = []
    for (let i = 0; i < 7; i++) {
      const fromMs = stage.nowMs
      waits.push((stage.runUntil(() => isCanaryDue(stage.health, stage.config), 20 * MIN_MS) - fromMs) / 1000)
      stage.canary('unreachable')
    }
    assert.deepEqual(waits, [30, 60, 120, 240, 480, 600, 600])
  })
})

describe('a failed trunk', () => {
  const failed = (): TrunkStage => {
    const stage = new TrunkStage().runTo(10_000)
    for (let i = 0; i < 3; i++) stage.call('unreachable')
    return stage
  }

  it('is active again after three canaries, one at a time', () => {
    const stage = failed()
    stage.runFor(29_990)
    assert.equal(isCanaryDue(stage.health, stage.config), false)
    stage.runFor(10)
    for (let i = 0; i < 3; i++) {
      assert.equal(isCanaryDue(stage.health, stage.config), true)
      stage.feed({ kind: 'canary' })
      assert.equal(isCanaryDue(stage.health, stage.config), false)
      stage.runFor(4_000)
      assert.equal(stage.state, 'failed')
      stage.feed({ kind: 'attempt', outcome: 'fine', number: '+12025550100', tookMs: 0, canary: true })
    }
    assert.deepEqual(stage.history, ['failed by calls', 'active by calls'])
  })

  it('is not brought back by calls that were under way, nor put down by them a second time', () => {
    const stage = failed()
    for (let i = 0; i < 10; i++) stage.call(i % 2 === 0 ? 'fine' : 'fault')
    stage.runFor(30_000)
    assert.equal(isCanaryDue(stage.health, stage.config), true)
    for (let i = 0; i < 10; i++) stage.call('unreachable')
    assert.equal(isCanaryDue(stage.health, stage.config), true)
  })

  it('begins with a clean window when it is back', () => {
    const stage = failed()
    stage.runFor(30_000)
    for (let i = 0; i < 3; i++) stage.canary('fine')
    stage.call('unreachable').call('unreachable')
    assert.equal(stage.state, 'active')
  })

  it('neither counts a canary that tells nothing, nor keeps its place for one that is never heard of', () => {
    const stage = failed()
    stage.runFor(30_000)
    assert.equal(stage.canary('nothing'), true)
    stage.feed({ kind: 'canary' })
    stage.runFor(119_000)
    assert.equal(isCanaryDue(stage.health, stage.config), false)
    stage.runFor(1_000)
    assert.equal(isCanaryDue(stage.health, stage.config), true)
    for (let i = 0; i < 3; i++) assert.equal(stage.canary('fine'), true)
    assert.equal(stage.state, 'active')
  })

  it('gets no canary while its probes fail', () => {
    const stage = failed()
    stage.answer = () => 'silence'
    stage.runFor(10 * MIN_MS)
    assert.equal(isCanaryDue(stage.health, stage.config), false)
    stage.answer = () => ({ status: 200 })
    stage.runFor(MIN_MS)
    assert.equal(isCanaryDue(stage.health, stage.config), true)
    stage.answer = () => 'silence'
    stage.runFor(10_000)
    assert.equal(isCanaryDue(stage.health, stage.config), false)
  })

  it('gets one after the hold-down alone where the carrier never answers OPTIONS, or is not asked', () => {
    for (const config of [healthConfig(), healthConfig({ probe: { enabled: false } })]) {
      const stage = new TrunkStage({ config, answer: () => 'silence' }).runTo(MIN_MS)
      for (let i = 0; i < 5; i++) stage.call('fault')
      stage.runFor(30_000)
      assert.equal(isCanaryDue(stage.health, stage.config), true)
    }
  })
})

describe('a flapping trunk', () => {
  it('is held down twice as long each time, up to 10 min, and is forgiven after 10 stable minutes', () => {
    const stage = new TrunkStage()
    const outages: number[] = []
    for (let i = 0; i < 7; i++) {
      stage.answer = () => 'silence'
      const downAtMs = stage.runUntil(() => stage.state === 'standby', MIN_MS)
      stage.answer = () => ({ status: 200 })
      outages.push(Math.round((stage.runUntil(() => stage.state === 'active', 20 * MIN_MS) - downAtMs) / 1000))
    }
    assert.deepEqual(outages, [30, 60, 120, 240, 480, 600, 600])
    stage.runFor(10 * MIN_MS)
    stage.answer = () => 'silence'
    const downAtMs = stage.runUntil(() => stage.state === 'standby', MIN_MS)
    stage.answer = () => ({ status: 200 })
    assert.ok(stage.runUntil(() => stage.state === 'active', 20 * MIN_MS) - downAtMs <= 30_010)
  })
})

describe('a shared trunk', () => {
  it("is not failed by one tenant's bad list", () => {
    const stage = new TrunkStage()
    for (let i = 0; i < 600; i++) {
      // Every other call is the list's: two numbers that the carrier answers 503 or lets hang.
      stage.call('fine').runFor(50)
      stage.call(i % 3 === 0 ? 'noProgress' : 'fault', `+1202555010${i % 2}`).runFor(50)
    }
    assert.deepEqual(stage.history, [])
  })

  it('is failed by the same share of faults over many numbers', () => {
    const stage = new TrunkStage()
    for (let i = 0; i < 8; i++) stage.call(i % 2 === 0 ? 'fine' : 'fault')
    assert.deepEqual(stage.history, ['failed by calls'])
  })
})

describe('an operator', () => {
  const order = (state: 'active' | 'standby' | 'failed', forMs: number | null = null) =>
    ({ kind: 'override', order: { state, actor: 'ops', reason: 'maintenance', forMs } }) as const

  it('keeps a dead trunk active, and no evidence changes that until it is lifted', () => {
    const stage = new TrunkStage({ answer: () => 'silence' })
    stage.feed(order('active'))
    for (let i = 0; i < 50; i++) stage.call('unreachable').runFor(5_000)
    assert.deepEqual(stage.history, [])
    stage.feed({ kind: 'auto' })
    assert.deepEqual(stage.history, ['failed by calls'])
  })

  it('takes a good trunk out for as long as was said, without a canary', () => {
    const stage = new TrunkStage().runTo(MIN_MS)
    stage.feed(order('failed', 10 * MIN_MS))
    stage.runFor(10 * MIN_MS - 1)
    assert.deepEqual([stage.state, isCanaryDue(stage.health, stage.config)], ['failed', false])
    stage.runFor(1)
    assert.deepEqual(stage.history, ['failed by operator', 'active by operator'])
    assert.deepEqual(
      stage.effects.flatMap((effect) => (effect.kind === 'overrideExpired' ? [effect.override.actor] : [])),
      ['ops'],
    )
  })

  it('says when and why: the reason is his, and the moment that of the state', () => {
    const stage = new TrunkStage().runTo(MIN_MS)
    stage.feed(order('standby'))
    stage.runFor(5_000)
    stage.feed({ kind: 'override', order: { state: 'standby', actor: 'noc', reason: 'still', forMs: null } })
    assert.deepEqual(effectiveState(stage.health), {
      state: 'standby',
      sinceAtMs: MIN_MS,
      reason: 'still',
      channel: 'operator',
    })
  })
})

describe('channels', () => {
  it('are cleared by nobody else: good probes and good audio leave failed calls, good calls leave bad audio', () => {
    const stage = new TrunkStage().runTo(10_000)
    for (let i = 0; i < 3; i++) stage.feed({ kind: 'audio', audio: { lossPercent: 50, oneWay: false } })
    for (let i = 0; i < 5; i++) stage.call('fault')
    for (let i = 0; i < 20; i++) stage.feed({ kind: 'audio', audio: { lossPercent: 0, oneWay: false } })
    stage.runFor(20_000)
    assert.equal(stage.state, 'failed')
    for (let i = 0; i < 3; i++) stage.feed({ kind: 'audio', audio: { lossPercent: 50, oneWay: false } })
    stage.runFor(10_000)
    for (let i = 0; i < 3; i++) assert.equal(stage.canary('fine'), true)
    for (let i = 0; i < 20; i++) stage.call('fine')
    assert.deepEqual([stage.state, effectiveState(stage.health).channel], ['standby', 'media'])
    stage.answer = () => 'silence'
    stage.runFor(20_000)
    assert.equal(effectiveState(stage.health).channel, 'probe')
    for (let i = 0; i < 20; i++) stage.feed({ kind: 'audio', audio: { lossPercent: 0, oneWay: false } })
    assert.deepEqual(stage.history, ['standby by media', 'failed by calls', 'standby by media'])
  })

  it('are published where they have evidence, and abstain where they have none', () => {
    const stage = new TrunkStage({ random: () => 0.5 })
    const published = () => channelStates(stage.health, stage.nowMs, stage.config)
    assert.deepEqual(published(), {})
    stage.runTo(10_000)
    assert.deepEqual(published(), { probe: 'active' })
    stage.call('fine')
    stage.feed({ kind: 'audio', audio: { lossPercent: 0, oneWay: true } })
    assert.deepEqual(published(), { probe: 'active', calls: 'active', media: 'active' })
    stage.runFor(MIN_MS)
    assert.deepEqual(published(), { probe: 'active', media: 'active' })
    for (let i = 0; i < 3; i++) stage.call('unreachable')
    stage.feed({ kind: 'override', order: { state: 'active', actor: 'ops', reason: 'test', forMs: null } })
    stage.runFor(5_000)
    assert.deepEqual(published(), { probe: 'active', calls: 'failed', media: 'active' })
  })
})

describe('evidence for the other nodes', () => {
  const calls = (stage: TrunkStage): string | undefined => channelStates(stage.health, stage.nowMs, stage.config).calls

  it('is not made by faults that are too few to fail the trunk', () => {
    const stage = new TrunkStage().runTo(MIN_MS)
    assert.equal(calls(stage.call('fault').call('unreachable')), undefined)
    assert.equal(calls(stage.call('fine')), 'active')
  })

  it('lapses where no call comes that could be a canary, and lasts while one is under way', () => {
    const stage = new TrunkStage().runTo(MIN_MS)
    for (let i = 0; i < 3; i++) stage.call('unreachable')
    stage.runUntil(() => isCanaryDue(stage.health, stage.config), 10 * MIN_MS)
    stage.runFor(MIN_MS - 1)
    assert.equal(calls(stage), 'failed')
    stage.runFor(1)
    assert.equal(calls(stage), undefined)
    assert.equal(stage.state, 'failed', 'of this node it is failed all the same')
    stage.feed({ kind: 'canary' })
    assert.equal(calls(stage), 'failed')
  })

  it('is there for a window after canaries have brought the trunk back', () => {
    const stage = new TrunkStage().runTo(MIN_MS)
    for (let i = 0; i < 3; i++) stage.call('unreachable')
    stage.runUntil(() => isCanaryDue(stage.health, stage.config), 10 * MIN_MS)
    for (let i = 0; i < 3; i++) stage.canary('fine')
    assert.equal(calls(stage), 'active')
    stage.runFor(MIN_MS)
    assert.equal(calls(stage), undefined)
  })

  it('of audio is too old after 10 min', () => {
    const stage = new TrunkStage().runTo(MIN_MS)
    stage.feed({ kind: 'audio', audio: { lossPercent: 0, oneWay: false } })
    stage.runFor(10 * MIN_MS - 1)
    assert.equal(channelStates(stage.health, stage.nowMs, stage.config).media, 'active')
    stage.runFor(1)
    assert.equal(channelStates(stage.health, stage.nowMs, stage.config).media, undefined)
  })
})
