import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  INVITE_SERVER_START,
  type InviteServerInput,
  inviteServerDeadlineMs,
  stepInviteServer,
} from '../../../../lib/sip/transaction/invite-server.ts'
import { RFC_3261_TIMING, type Timing } from '../../../../lib/sip/transaction/timing.ts'
import { type Cue, play, script, times } from './play.ts'

const RELIABLE: Timing = { ...RFC_3261_TIMING, reliable: true }

const run = (cues: readonly Cue<InviteServerInput>[], timing: Timing = RFC_3261_TIMING) =>
  play(
    {
      start: { state: INVITE_SERVER_START, effects: [] },
      step: stepInviteServer,
      wake: 'wake',
      deadlineMs: inviteServerDeadlineMs,
      timing,
    },
    cues,
  )

describe('INVITE server transaction', () => {
  it('answers a repeated INVITE with its latest provisional response', () => {
    const { effects } = run([
      [0, 'provisional'],
      [500, 'invite'],
      [600, 'provisional'],
      [1500, 'invite'],
    ])
    assert.equal(script(effects), 'send send send send')
  })

  it('repeats a failure at intervals that double up to T2, and gives up after 64*T1', () => {
    const { effects, state } = run([[0, 'failure']])
    assert.deepEqual(times(effects, 'send'), [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500])
    assert.deepEqual(times(effects, 'noAck'), [32_000])
    assert.equal(state.kind, 'terminated')
  })

  it('falls silent at the ACK and is gone T4 later', () => {
    const { effects, endedAtMs } = run([
      [0, 'failure'],
      [200, 'ack'],
      [300, 'ack'],
    ])
    assert.equal(script(effects), 'send')
    assert.equal(endedAtMs, 5200)
  })

  it('is gone at the ACK over TCP', () => {
    const { endedAtMs, state } = run(
      [
        [0, 'failure'],
        [200, 'ack'],
      ],
      RELIABLE,
    )
    assert.equal(endedAtMs, 200)
    assert.equal(state.kind, 'terminated')
  })

  it('absorbs repeated INVITEs after a 2xx for timer L, while the user repeats the 2xx', () => {
    const { effects, endedAtMs } = run([
      [0, 'success'],
      [400, 'invite'],
      [500, 'success'],
      [600, 'ack'],
    ])
    assert.equal(script(effects), 'send send passAck')
    assert.equal(endedAtMs, 32_000)
  })

  it('takes no second final response of another kind', () => {
    const { effects } = run([
      [0, 'success'],
      [10, 'failure'],
      [20, 'provisional'],
    ])
    assert.equal(script(effects), 'send')
  })

  it('never sends two kinds of final response and always ends once it was answered', () => {
    const inputs = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 60_000 }),
        fc.constantFrom<InviteServerInput>('invite', 'ack', 'provisional', 'success', 'failure', 'wake'),
      ),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(inputs, fc.boolean(), (cues, reliable) => {
        const timing = { ...RFC_3261_TIMING, reliable }
        let state = INVITE_SERVER_START
        const finals = new Set<string>()
        for (const [atMs, input] of [...cues].sort((a, b) => a[0] - b[0])) {
          const step = stepInviteServer(state, input, atMs, timing)
          if (step.effects.includes('send') && (input === 'success' || input === 'failure')) finals.add(input)
          if (finals.size > 0) assert.equal(step.effects.includes('send') && input === 'provisional', false)
          state = step.state
        }
        assert.ok(finals.size <= 1)
        const end = run([...cues, [60_001, 'failure']], timing)
        assert.equal(end.state.kind, 'terminated')
      }),
    )
  })
})
