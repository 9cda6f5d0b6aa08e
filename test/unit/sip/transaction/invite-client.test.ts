import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type InviteClientInput,
  inviteClientDeadlineMs,
  startInviteClient,
  stepInviteClient,
} from '../../../../lib/sip/transaction/invite-client.ts'
import { RFC_3261_TIMING, type Timing } from '../../../../lib/sip/transaction/timing.ts'
import { type Cue, play, script, times } from './play.ts'

const RELIABLE: Timing = { ...RFC_3261_TIMING, reliable: true }

const run = (cues: readonly Cue<InviteClientInput>[], timing: Timing = RFC_3261_TIMING) =>
  play(
    {
      start: startInviteClient(0, timing),
      step: stepInviteClient,
      wake: 'wake',
      deadlineMs: inviteClientDeadlineMs,
      timing,
    },
    cues,
  )

describe('INVITE client transaction', () => {
  it('repeats an unanswered INVITE at doubling intervals and times out after 64*T1', () => {
    const { effects, state } = run([])
    assert.deepEqual(times(effects, 'send'), [0, 500, 1500, 3500, 7500, 15_500, 31_500])
    assert.deepEqual(times(effects, 'timeout'), [32_000])
    assert.equal(state.kind, 'terminated')
  })

  it('sends once over TCP and still times out', () => {
    const { effects } = run([], RELIABLE)
    assert.equal(script(effects), 'send timeout')
  })

  it('stops repeating at the first provisional response', () => {
    const { effects } = run([
      [600, 'provisional'],
      [20_000, 'success'],
    ])
    assert.equal(script(effects), 'send send pass pass')
  })

  it('acknowledges a failure, and each of its repetitions for timer D, but passes it up once', () => {
    const { effects, endedAtMs } = run([
      [100, 'failure'],
      [600, 'failure'],
      [1600, 'failure'],
      [40_000, 'failure'],
    ])
    assert.equal(script(effects), 'send ack pass ack ack')
    assert.ok(endedAtMs >= 32_100)
  })

  it('passes every 2xx up while it is in Accepted (RFC 6026)', () => {
    const { effects } = run([
      [100, 'success'],
      [600, 'success'],
      [32_099, 'success'],
      [40_000, 'success'],
    ])
    assert.equal(script(effects), 'send pass pass pass')
  })

  it('holds a CANCEL back until a provisional response has come', () => {
    const { effects } = run([
      [10, 'cancel'],
      [300, 'provisional'],
      [350, 'failure'],
    ])
    assert.deepEqual(times(effects, 'cancel'), [300])
    assert.equal(script(effects), 'send pass cancel ack pass')
  })

  it('sends an INVITE that nobody wants any more no further time, and waits out timer C for what it may have begun', () => {
    const { effects } = run([
      [2_000, 'cancel'],
      [100_000, 'provisional'],
      [100_050, 'failure'],
    ])
    assert.deepEqual(times(effects, 'send'), [0, 500, 1500])
    assert.deepEqual(times(effects, 'cancel'), [100_000])
    assert.deepEqual(times(run([[2_000, 'cancel']]).effects, 'timeout'), [183_000])
    assert.deepEqual(
      times(
        run([
          [2_000, 'cancel'],
          [3_000, 'cancel'],
        ]).effects,
        'timeout',
      ),
      [183_000],
    )
  })

  it('sends no CANCEL for an INVITE that was answered before one could go out', () => {
    const { effects } = run([
      [10, 'cancel'],
      [300, 'success'],
    ])
    assert.equal(script(effects), 'send pass')
  })

  it('sends one CANCEL however often it is asked for, and gives up 64*T1 later', () => {
    const { effects } = run([
      [100, 'provisional'],
      [1000, 'cancel'],
      [1001, 'cancel'],
    ])
    assert.equal(script(effects), 'send pass cancel timeout')
    assert.deepEqual(times(effects, 'timeout'), [33_000])
  })

  it('cancels an INVITE that rings beyond timer C, which each provisional response but 100 starts anew', () => {
    const { effects } = run([
      [100, 'trying'],
      [100_000, 'provisional'],
      [200_000, 'trying'],
    ])
    assert.deepEqual(times(effects, 'cancel'), [281_000])
    assert.deepEqual(times(effects, 'timeout'), [313_000])
  })

  it('reports a transport error once', () => {
    const { effects } = run([
      [1, 'transportError'],
      [2, 'transportError'],
    ])
    assert.equal(script(effects), 'send unreachable')
  })

  const inputs = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 400_000 }),
      fc.constantFrom<InviteClientInput>('provisional', 'success', 'failure', 'cancel', 'wake', 'transportError'),
    ),
    { maxLength: 12 },
  )

  it('always ends, with at most one CANCEL and one outcome, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(inputs, fc.boolean(), (cues, reliable) => {
        const { state, effects } = run(cues, { ...RFC_3261_TIMING, reliable })
        assert.equal(state.kind, 'terminated')
        assert.ok(times(effects, 'cancel').length <= 1)
        assert.ok(times(effects, 'timeout').length + times(effects, 'unreachable').length <= 1)
        assert.ok(times(effects, 'ack').length <= cues.filter(([, input]) => input === 'failure').length)
      }),
    )
  })
})
