import assert from 'node:assert/strict'
import {
  type SuccessRetransmissionInput,
  startSuccessRetransmission,
  stepSuccessRetransmission,
  successRetransmissionDeadlineMs,
} from '../../../../lib/sip/transaction/success-retransmission.ts'
import { RFC_3261_TIMING } from '../../../../lib/sip/transaction/timing.ts'
import { type Cue, play, script, times } from './play.ts'

const run = (cues: readonly Cue<SuccessRetransmissionInput>[]) =>
  play(
    {
      start: { state: startSuccessRetransmission(0, RFC_3261_TIMING), effects: [] },
      step: stepSuccessRetransmission,
      wake: 'wake',
      deadlineMs: successRetransmissionDeadlineMs,
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
    assert.equal(script(run([[600, 'ack']]).effects), 'send')
  })
})
