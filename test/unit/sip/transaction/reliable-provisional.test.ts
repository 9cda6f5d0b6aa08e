import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type ReliableProvisionalInput,
  reliableProvisionalDeadlineMs,
  startReliableProvisional,
  stepReliableProvisional,
} from '../../../../lib/sip/transaction/reliable-provisional.ts'
import { RFC_3261_TIMING } from '../../../../lib/sip/transaction/timing.ts'
import { type Cue, play, script, times } from './play.ts'

const run = (cues: readonly Cue<ReliableProvisionalInput>[]) =>
  play(
    {
      start: { state: startReliableProvisional(0, RFC_3261_TIMING), effects: [] },
      step: stepReliableProvisional,
      wake: 'wake',
      deadlineMs: reliableProvisionalDeadlineMs,
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
    assert.equal(script(run([[1600, 'prack']]).effects), 'send send')
  })

  it('is given up once at most and never after its PRACK, whatever the order of inputs', () => {
    const cue = fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.constantFrom('prack', 'wake'))
    fc.assert(
      fc.property(fc.array(cue, { maxLength: 20 }), (cues) => {
        const { effects, state } = run(cues)
        const prackedAtMs = Math.min(...cues.filter(([, input]) => input === 'prack').map(([atMs]) => atMs))
        assert.equal(state.kind, 'done')
        assert.ok(times(effects, 'giveUp').length <= 1)
        assert.ok(effects.every(({ atMs }) => atMs <= prackedAtMs))
      }),
    )
  })
})
