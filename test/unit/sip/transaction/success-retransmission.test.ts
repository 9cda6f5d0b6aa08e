import assert from 'node:assert/strict'
import {
  type RetransmissionInput,
  retransmissionDeadlineMs,
  startRetransmission,
  stepRetransmission,
} from '../../../../lib/sip/transaction/retransmission.ts'
import { RFC_3261_TIMING } from '../../../../lib/sip/transaction/timing.ts'
import { type Cue, play, script, times } from './play.ts'

const run = (cues: readonly Cue<RetransmissionInput>[]) =>
  play(
    {
      start: { state: startRetransmission(0, RFC_3261_TIMING), effects: [] },
      step: (state, input, nowMs) => stepRetransmission(state, input, nowMs, RFC_3261_TIMING.t2Ms),
      wake: 'wake',
      deadlineMs: retransmissionDeadlineMs,
      timing: RFC_3261_TIMING,
    },
    cues,
  )

describe('2xx retransmission', () => {
  it('repeats a 2xx at intervals that double up to T2 and gives up after 64*T1', () => {
    const { effects } = run([])
    assert.deepEqual(times(effects, 'send'), [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
    assert.deepEqual(times(effects, 'giveUp'), [32_000])
  })

  it('falls silent at the ACK', () => {
    assert.equal(script(run([[600, 'acknowledged']]).effects), 'send')
  })
})
