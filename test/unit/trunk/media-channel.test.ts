import assert from 'node:assert/strict'
import { effectiveState } from '../../../lib/trunk/health.ts'
import { TrunkStage } from '../../helpers/trunk-stage.ts'

/** A letter a call: `.` clean, `l` 5 % loss, `o` one-way. */
function listen(stage: TrunkStage, calls: string): TrunkStage {
  for (const letter of calls) {
    stage.feed({ kind: 'audio', audio: { lossPercent: letter === 'l' ? 5 : 4.9, oneWay: letter === 'o' } })
    stage.runFor(1_000)
  }
  return stage
}

describe('the audio of calls', () => {
  const rows: readonly [why: string, calls: string, want: 'active' | 'standby'][] = [
    ['3 bad of the last 10 make the trunk standby', '..l...o..l', 'standby'],
    ['3 of the first 3 do too', 'lol', 'standby'],
    ['2 do not', '..l...o...', 'active'],
    ['3 of 11 do not', 'l....o....l', 'active'],
    ['9 clean calls do not clear it', 'lll.........', 'standby'],
    ['10 clean calls do', 'lll..........', 'active'],
    ['a bad one begins the ten anew', 'lll.....l.........', 'standby'],
  ]
  for (const [why, calls, want] of rows) {
    it(`${why}: ${calls}`, () => assert.equal(listen(new TrunkStage(), calls).state, want))
  }

  it('is forgotten 10 min after the last bad call, and begins anew', () => {
    const stage = listen(new TrunkStage(), 'lll')
    stage.runFor(595_000)
    assert.equal(stage.state, 'standby')
    stage.runFor(4_000)
    assert.equal(stage.state, 'active')
    assert.equal(effectiveState(stage.health).channel, 'media')
    assert.equal(listen(stage, 'll').state, 'active')
    assert.equal(listen(stage, 'l').state, 'standby')
  })
})
