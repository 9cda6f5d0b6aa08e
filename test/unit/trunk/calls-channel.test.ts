import assert from 'node:assert/strict'
import type { CountsAs } from '../../../lib/trunk/attempt-verdict.ts'
import { effectiveState, healthFigures } from '../../../lib/trunk/health.ts'
import { TrunkStage } from '../../helpers/trunk-stage.ts'

const WORDS: Readonly<Record<string, CountsAs>> = {
  '.': 'fine',
  x: 'fault',
  u: 'unreachable',
  p: 'noProgress',
  a: 'account',
  n: 'nothing',
}

/** Plays outcomes a second apart: a letter of WORDS, and the dialled number as a digit where it matters. */
function play(text: string, gapMs = 1_000): TrunkStage {
  const stage = new TrunkStage()
  for (const [, letter = '', digit] of text.matchAll(/([.xupan])(\d?)/g)) {
    const outcome = WORDS[letter] ?? 'nothing'
    if (digit === '') stage.call(outcome)
    else stage.call(outcome, `+1202555010${digit}`)
    stage.runFor(gapMs)
  }
  return stage
}

describe('outcomes of calls', () => {
  const rows: readonly [why: string, outcomes: string, failed: boolean][] = [
    ['5 faults in a row fail the trunk, to one number even', 'x1x1x1x1x1', true],
    ['4 do not', 'xxxx', false],
    ['one good call among them begins the row anew', 'xxxx.xx', false],
    ['3 unreachable in a row fail it at once', 'uuu', true],
    ['2 do not, nor 2 and 1 with an answer between', 'uu.u', false],
    ['a 503 between shows that it can be reached', 'uuxu', false],
    ['but is a fault itself', 'uuxux', true],
    ['half of 8 calls at fault, over 3 numbers, fail it', '.x.x.x.x', true],
    ['half of 7 do not', '.x.x.x.', false],
    ['less than half of 9 do not', '.x.x.x.x.'.replace('x', '.'), false],
    ['faults of two numbers are their lists, not the trunk', 'x1x1.x2.x2x1.x2x1.x1x2.x1x1x2', false],
    ['100 and nothing more counts over 3 numbers', 'p1p2p3p1p2', true],
    ['over 2 it does not, however often', 'p1p2p1p2p1p2p1p2p1p2p1p2', false],
    ['nor does it break a row of faults', 'xxp1xxp1x', true],
    ['the third number makes the earlier ones count', 'p1p1p2p2p3', true],
    ['a refused account and a caller who gives up say nothing', 'xxaxnx', false],
    ['nor do they break a row', 'xxaxnxx', true],
  ]
  for (const [why, outcomes, failed] of rows) {
    it(`${why}: ${outcomes}`, () => assert.equal(play(outcomes).state, failed ? 'failed' : 'active'))
  }

  it('older than the window do not count for the ratio', () => {
    const stage = play('.x.x.x')
    stage.runFor(60_000)
    stage.call('fine').call('fault').call('fine').call('fault')
    assert.equal(stage.state, 'active')
    assert.deepEqual(healthFigures(stage.health, stage.nowMs, stage.config).calls, { attempts: 4, faults: 2 })
  })

  it('in a row count however far apart they are: a trunk with few calls falls too', () => {
    assert.equal(play('xxxxx', 600_000).state, 'failed')
    assert.equal(play('uuu', 600_000).state, 'failed')
  })

  it('that began before the trunk had recovered say nothing of what it is now', () => {
    const stage = play('xxxxx')
    stage.runUntil(() => stage.canary('nothing'), 60_000)
    for (let i = 0; i < 3; i++) assert.equal(stage.canary('fine'), true)
    assert.equal(stage.state, 'active')
    // Calls that waited for a dead trunk for as long as noProgress lets them, longer than its hold-down.
    const late = (tookMs: number): void => {
      for (let i = 0; i < 5; i++) {
        stage.feed({ kind: 'attempt', outcome: 'fault', number: '+12025550101', tookMs, canary: false })
      }
    }
    stage.runFor(1_000)
    late(1_001)
    assert.equal(stage.state, 'active')
    assert.deepEqual(healthFigures(stage.health, stage.nowMs, stage.config).calls, { attempts: 0, faults: 0 })
    late(999)
    assert.equal(stage.state, 'failed')
  })

  it('say why', () => {
    assert.equal(effectiveState(play('uuu').health).reason, '3 calls in a row found it unreachable')
    assert.equal(effectiveState(play('xxxxx').health).reason, '5 faults in a row')
    assert.equal(effectiveState(play('.x.x.x.x').health).reason, '4 of 8 calls at fault')
  })

  it('take the same room for a thousand calls a second as for one', () => {
    const stage = new TrunkStage()
    for (let i = 0; i < 20_000; i++) {
      stage.call(i % 3 === 0 ? 'fault' : 'fine', `+1202555${i}`)
      stage.nowMs += 6
    }
    const { attempts, faults } = healthFigures(stage.health, stage.nowMs, stage.config).calls
    assert.ok(Math.abs(attempts - 10_000) <= 170, `${attempts}`)
    assert.ok(Math.abs(faults / attempts - 1 / 3) < 0.01)
    assert.ok(JSON.stringify(stage.health.calls).length < 12_000)
  })

  it('keep no dialled number', () => {
    const stage = new TrunkStage()
    for (let i = 0; i < 4; i++) stage.call(i % 2 === 0 ? 'fault' : 'noProgress', '+12025550142')
    assert.ok(!JSON.stringify(stage.health).includes('5550142'))
  })
})
