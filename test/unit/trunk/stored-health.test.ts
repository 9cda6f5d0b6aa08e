import assert from 'node:assert/strict'
import { deadlineMs, effectiveState, isCanaryDue, stepHealth } from '../../../lib/trunk/health.ts'
import { freeze, thaw } from '../../../lib/trunk/stored-health.ts'
import { TrunkStage } from '../../helpers/trunk-stage.ts'

const restart = (stage: TrunkStage, nowMs: number): TrunkStage => {
  const thawed = thaw(JSON.parse(JSON.stringify(freeze(stage.health, stage.nowMs))), nowMs)
  assert.ok(thawed !== undefined)
  stage.health = thawed
  stage.nowMs = nowMs
  return stage
}

describe('stored health', () => {
  it('keeps a hold-down as what is left of it, whatever clock the next process has', () => {
    const stage = new TrunkStage({ answer: () => 'silence' })
    stage.runUntil(() => stage.state === 'standby', 20_000)
    stage.answer = () => ({ status: 200 })
    const downAtMs = stage.changedAtMs('standby')
    stage.runTo(downAtMs + 12_000)
    restart(stage, 5_000_000)
    assert.equal(effectiveState(stage.health).sinceAtMs, 4_988_000)
    assert.equal(stage.state, 'standby')
    stage.runFor(17_900)
    assert.equal(stage.state, 'standby')
    stage.runFor(200)
    assert.equal(stage.state, 'active')
  })

  it('keeps failed, the override and its rest, and the flaps', () => {
    const stage = new TrunkStage().runTo(1_000)
    for (let i = 0; i < 5; i++) stage.call('fault')
    stage.feed({ kind: 'override', order: { state: 'active', actor: 'ops', reason: 'test', forMs: 60_000 } })
    restart(stage, 7)
    assert.deepEqual([stage.state, effectiveState(stage.health).channel], ['active', 'operator'])
    stage.runFor(60_000)
    assert.deepEqual([stage.state, effectiveState(stage.health).channel], ['failed', 'calls'])
    assert.equal(stage.health.calls.recovery.falls, 1)
  })

  it('sends a probe anew that was under way, and frees the place of a canary', () => {
    const stage = new TrunkStage().runTo(1_000)
    for (let i = 0; i < 3; i++) stage.call('unreachable')
    stage.runFor(60_000)
    stage.feed({ kind: 'canary' })
    assert.equal(isCanaryDue(stage.health, stage.config), false)
    stage.answer = () => 'silence'
    stage.runUntil(() => stage.health.probe.targets[0]?.probe.kind === 'sent', 10_000)
    restart(stage, 100)
    assert.equal(isCanaryDue(stage.health, stage.config), true)
    assert.equal(deadlineMs(stage.health), 100)
    const { effects } = stepHealth(stage.health, { kind: 'tick', random: 0 }, 100, stage.config)
    assert.deepEqual(
      effects.map(({ kind }) => kind),
      ['probe'],
    )
  })

  const good = JSON.stringify(freeze(new TrunkStage().runTo(10_000).health, 10_000))
  const foreign: readonly [why: string, stored: unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['text', 'active'],
    ['another version', JSON.parse(good.replace('"version":2', '"version":3'))],
    ['a state that does not exist', JSON.parse(good.replace('"state":"active"', '"state":"up"'))],
    ['a missing key', JSON.parse(good.replace('"falls":0,', ''))],
    ['a moment that is no number', JSON.parse(good.replace('"sinceInMs":-10000', '"sinceInMs":"soon"'))],
    ['a thousand targets', { version: 2, health: { probe: { targets: Array.from({ length: 1_000 }, () => ({})) } } }],
  ]
  for (const [why, stored] of foreign) {
    it(`is not taken from ${why}`, () => {
      assert.ok(thaw(JSON.parse(good), 0) !== undefined)
      assert.notEqual(JSON.stringify(stored), good)
      assert.equal(thaw(stored, 0), undefined)
    })
  }
})
