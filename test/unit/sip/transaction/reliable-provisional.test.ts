import assert from 'node:assert/strict'
import fc from 'fast-check'
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
      step: (state, input, nowMs) => stepRetransmission(state, input, nowMs, Infinity),
      wake: 'wake',
      deadlineMs: retransmissionDeadlineMs,
      timing: RFC_3261_TIMING,
    },
    cues,
  )

describe('reliable provisional response', () => {
  it('is repeated at intervals that double without a cap, and given up after 64*T1', () => {
    const { effects } = run([])
    assert.deepEqual(times(effects, 'send'), [500, 1500, 3500, 7500, 15_500, 31_500])
    assert.deepEqual(times(effects, 'giveUp'), [32_000])
  })

  it('falls silent at the PRACK', () => {
    assert.equal(script(run([[1600, 'acknowledged']]).effects), 'send send')
  })

  it('is given up once at most and never after its PRACK, whatever the order of inputs', () => {
    const cue = fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.constantFrom('acknowledged', 'wake'))
    fc.assert(
      fc.property(fc.array(cue, { maxLength: 20 }), (cues) => {
        const { effects, state } = run(cues)
        const prackedAtMs = Math.min(...cues.filter(([, input]) => input === 'acknowledged').map(([atMs]) => atMs))
        assert.equal(state.kind, 'done')
        assert.ok(times(effects, 'giveUp').length <= 1)
        assert.ok(effects.every(({ atMs }) => atMs <= prackedAtMs))
      }),
    )
  })
})
