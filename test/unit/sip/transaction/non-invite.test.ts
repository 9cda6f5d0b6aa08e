import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type NonInviteClientInput,
  nonInviteClientDeadlineMs,
  startNonInviteClient,
  stepNonInviteClient,
} from '../../../../lib/sip/transaction/non-invite-client.ts'
import {
  type NonInviteServerInput,
  nonInviteServerDeadlineMs,
  startNonInviteServer,
  stepNonInviteServer,
} from '../../../../lib/sip/transaction/non-invite-server.ts'
import { RFC_3261_TIMING, type Timing } from '../../../../lib/sip/transaction/timing.ts'
import { type Cue, play, script, times } from './play.ts'

const RELIABLE: Timing = { ...RFC_3261_TIMING, reliable: true }

const client = (cues: readonly Cue<NonInviteClientInput>[], timing: Timing = RFC_3261_TIMING) =>
  play(
    {
      start: startNonInviteClient(0, timing),
      step: stepNonInviteClient,
      wake: 'wake',
      deadlineMs: nonInviteClientDeadlineMs,
      timing,
    },
    cues,
  )

const server = (cues: readonly Cue<NonInviteServerInput>[], timing: Timing = RFC_3261_TIMING) =>
  play(
    {
      start: { state: startNonInviteServer(0, timing), effects: [] },
      step: stepNonInviteServer,
      wake: 'wake',
      deadlineMs: nonInviteServerDeadlineMs,
      timing,
    },
    cues,
  )

describe('non-INVITE client transaction', () => {
  it('repeats an unanswered request at intervals that double up to T2 and times out after 64*T1', () => {
    const { effects } = client([])
    assert.deepEqual(times(effects, 'send'), [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
    assert.deepEqual(times(effects, 'timeout'), [32_000])
  })

  it('repeats every T2 once it has a provisional response', () => {
    const { effects } = client([[100, 'provisional']])
    assert.deepEqual(times(effects, 'send'), [0, 500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500])
  })

  it('times out at once when nobody waits for the answer any more', () => {
    const { effects, endedAtMs } = client([[2_000, 'cancel']])
    assert.deepEqual(times(effects, 'send'), [0, 500, 1500])
    assert.deepEqual(times(effects, 'timeout'), [2_000])
    assert.equal(endedAtMs, 2_000)
  })

  it('absorbs repeated final responses for T4', () => {
    const { effects, endedAtMs } = client([
      [100, 'final'],
      [600, 'final'],
    ])
    assert.equal(script(effects), 'send pass')
    assert.equal(endedAtMs, 5100)
  })

  it('is gone at once over TCP', () => {
    assert.equal(client([[100, 'final']], RELIABLE).endedAtMs, 100)
  })

  it('always ends with exactly one outcome, whatever comes in whatever order', () => {
    const inputs = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 40_000 }),
        fc.constantFrom<NonInviteClientInput>('provisional', 'final', 'wake', 'transportError'),
      ),
      { maxLength: 10 },
    )
    fc.assert(
      fc.property(inputs, fc.boolean(), (cues, reliable) => {
        const outcomes: string[] = []
        const timing = { ...RFC_3261_TIMING, reliable }
        const step: typeof stepNonInviteClient = (state, input, nowMs, t) => {
          const result = stepNonInviteClient(state, input, nowMs, t)
          for (const effect of result.effects) {
            if (effect === 'timeout' || effect === 'unreachable' || (effect === 'pass' && input === 'final')) {
              outcomes.push(effect)
            }
          }
          return result
        }
        const end = play(
          { start: startNonInviteClient(0, timing), step, wake: 'wake', deadlineMs: nonInviteClientDeadlineMs, timing },
          cues,
        )
        assert.equal(end.state.kind, 'terminated')
        assert.equal(outcomes.length, 1)
      }),
    )
  })
})

describe('non-INVITE server transaction', () => {
  it('says 100 only once the client repeats every T2 (RFC 4320)', () => {
    const { effects } = server([[20_000, 'final']])
    assert.deepEqual(times(effects, 'sendHundred'), [3500])
  })

  it('never says 100 by itself over TCP', () => {
    assert.equal(script(server([[20_000, 'final']], RELIABLE).effects), 'send')
  })

  it('absorbs repetitions while it has no answer and repeats the answer afterwards', () => {
    const { effects } = server([
      [500, 'request'],
      [1000, 'final'],
      [1500, 'request'],
      [3500, 'request'],
    ])
    assert.deepEqual(times(effects, 'send'), [1000, 1500, 3500])
  })

  it('lets nothing be sent after 64*T1 without an answer (RFC 4320)', () => {
    const { effects } = server([[32_001, 'final']])
    assert.equal(script(effects), 'sendHundred expired')
  })

  it('sends one final response at most, and always ends', () => {
    const inputs = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 70_000 }),
        fc.constantFrom<NonInviteServerInput>('provisional', 'final', 'wake', 'transportError'),
      ),
      { maxLength: 10 },
    )
    fc.assert(
      fc.property(inputs, fc.boolean(), (cues, reliable) => {
        const end = server(cues, { ...RFC_3261_TIMING, reliable })
        assert.equal(end.state.kind, 'terminated')
        const finals = cues.filter(([, input]) => input === 'final').length
        const provisionals = cues.filter(([, input]) => input === 'provisional').length
        assert.ok(times(end.effects, 'send').length <= Math.min(finals, 1) + provisionals)
      }),
    )
  })
})
