import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type HuntInput, huntDeadlineMs, isHuntSettled, startHunt, stepHunt } from '../../../lib/trunk/hunt.ts'
import { HuntPlay, POLICY, trunk } from './hunt-play.ts'

const TWO = [trunk('alpha'), trunk('beta')]
const two = (): HuntPlay => new HuntPlay(TWO)

describe('a hunt over trunks', () => {
  const STORIES: readonly (readonly [why: string, play: () => HuntPlay, tried: string, end: string])[] = [
    ['takes the first trunk that answers', () => two().provisional(100).answered(), 'alpha', 'answered'],
    [
      'moves on at once where nothing comes back for 2 s',
      () => two().at(1_999).at(2_000).answered(),
      'alpha beta',
      'answered',
    ],
    [
      'gives a trunk that said 100 its 12 s',
      () => two().provisional(100).at(2_000).at(11_999).at(12_000).answered(),
      'alpha beta',
      'answered',
    ],
    ['never shows a 486 to the second trunk', () => two().final(486), 'alpha', 'failed 486'],
    ['never shows a 404 to the second trunk', () => two().final(404), 'alpha', 'failed 404'],
    ['stops at a 603', () => two().final(603), 'alpha', 'failed 603'],
    ['takes a 503 to the second trunk', () => two().final(503).answered(), 'alpha beta', 'answered'],
    ['takes a 408 to the second trunk', () => two().final(408).answered(), 'alpha beta', 'answered'],
    ['takes a refused connection to the second trunk', () => two().transport().answered(), 'alpha beta', 'answered'],
    [
      'tries another address of the trunk after a 503, but not after silence',
      () => new HuntPlay(TWO, { alpha: ['a1', 'a2', 'a3'] }).final(503).at(2_000).answered(),
      'a1 a2 beta',
      'answered',
    ],
    [
      'tries another address after silence where no other trunk is left',
      () => new HuntPlay([trunk('alpha')], { alpha: ['a1', 'a2'] }).at(2_000).answered(),
      'a1 a2',
      'answered',
    ],
    [
      'takes a trunk whose name cannot be resolved for one that is away',
      () => new HuntPlay(TWO, { alpha: [] }).answered(),
      'beta',
      'answered',
    ],
    ['hunts nothing after ringing', () => two().provisional(180).final(503), 'alpha', 'failed 500'],
    ['hunts nothing after early media', () => two().provisional(183).final(408), 'alpha', 'failed 408'],
    ['lets a phone ring for 60 s', () => two().provisional(180).at(59_999).at(60_000), 'alpha', 'failed 480'],
    [
      'keeps the time of the first 18x, whatever comes after it',
      () => two().provisional(180).at(30_000).provisional(183).at(60_000),
      'alpha',
      'failed 480',
    ],
    ['asks once more with the other offer after 488', () => two().final(488).answered(), 'alpha alpha', 'answered'],
    ['asks with the other offer once a call', () => two().final(488).final(606), 'alpha alpha', 'failed 606'],
    ['never passes a lone 503 on', () => two().final(503).final(503), 'alpha beta', 'failed 500'],
    [
      'keeps trouble with the carrier’s account to itself',
      () => two().final(403).final(407),
      'alpha beta',
      'failed 500',
    ],
    ['has nothing to try without trunks', () => new HuntPlay([]), '', 'failed 500'],
    [
      'follows a 3xx to an allowed host, the preferred contact first',
      () => {
        const contact = '<sip:x@pop.example.net:5070>;q=0.2, <sip:y@pop.example.net>;q=0.9'
        return two().final(302, { contact }).final(503).answered()
      },
      'alpha y@pop.example.net x@pop.example.net:5070',
      'answered',
    ],
    [
      'follows no 3xx to a stranger',
      () => two().final(302, { contact: '<sip:x@premium.example.com>' }),
      'alpha',
      'failed 500',
    ],
    [
      'follows no loop of 3xx',
      () => {
        const contact = '<sip:x@pop.example.net>'
        return two().final(302, { contact }).final(302, { contact })
      },
      'alpha x@pop.example.net',
      'failed 500',
    ],
    [
      'spends at most 20 s on trunks',
      () => {
        const slow = ['a', 'b', 'c', 'd'].map((name) => trunk(name, { noReplyMs: 8_000 }))
        return new HuntPlay(slow).at(8_000).at(16_000).at(20_000)
      },
      'a b c',
      'failed 500',
    ],
    [
      'waits for progress only, where no 100 is passed up',
      () => new HuntPlay([trunk('alpha', { noReplyMs: null }), trunk('beta')]).at(2_000).at(12_000).answered(),
      'alpha beta',
      'answered',
    ],
    [
      'ends where media or the SIP server fail us: another trunk would not help',
      () => two().input({ kind: 'broken', attempt: 0 }),
      'alpha',
      'failed 500',
    ],
  ]
  for (const [why, play, tried, end] of STORIES) {
    it(why, () => {
      const done = play()
      assert.equal(done.tried.join(' '), tried)
      const { state } = done
      assert.equal(state.kind === 'failed' ? `failed ${state.failure.status}` : state.kind, end)
    })
  }

  it('takes to the second trunk, of all codes from 300 to 699, only what the table says', () => {
    const further: number[] = []
    for (let status = 300; status < 700; status++) {
      const play = two().final(status)
      if (play.state.kind === 'failed' && play.tried.length === 1) continue
      further.push(status)
      const again = status === 488 || status === 606
      assert.equal(play.tried.join(' '), again ? 'alpha alpha' : 'alpha beta', String(status))
    }
    assert.deepEqual(further, [401, 402, 403, 407, 408, 488, 500, 502, 503, 504, 606])
  })

  it('takes to the second trunk nothing that comes after an 18x', () => {
    for (const ringing of [180, 181, 183]) {
      for (let status = 300; status < 700; status++) {
        const play = two().provisional(ringing).final(status)
        assert.equal(play.tried.join(' '), 'alpha', String(status))
        assert.ok(play.state.kind === 'failed' && play.state.failure.status !== 503, String(status))
      }
    }
  })

  it('moves on at 480 where the trunk says so, and only then', () => {
    assert.equal(two().final(480).tried.join(' '), 'alpha')
    const hunting = new HuntPlay([trunk('alpha', { hunt480: true }), trunk('beta')])
    assert.equal(hunting.final(480).tried.join(' '), 'alpha beta')
  })

  it('passes over a trunk that is at its limit, as if it were not there', () => {
    const play = two()
    const resolving = startHunt(TWO, 0)
    const passed = stepHunt(resolving.state, { kind: 'full', attempt: 0 }, 0)
    assert.deepEqual(
      passed.effects.map((effect) => [effect.kind, effect.kind === 'ended' && effect.verdict.countsAs]),
      [
        ['ended', 'nothing'],
        ['resolve', false],
      ],
    )
    // It means nothing once the INVITE is out.
    const before = play.effects.length
    assert.equal(play.input({ kind: 'full', attempt: 0 }).effects.length, before)
  })

  it('ends where every trunk is at its limit, and says no 503', () => {
    const first = stepHunt(startHunt(TWO, 0).state, { kind: 'full', attempt: 0 }, 0)
    const { state } = stepHunt(first.state, { kind: 'full', attempt: 1 }, 0)
    assert.ok(state.kind === 'failed' && state.failure.status === 500 && state.failure.end?.kind === 'full')
  })

  it('ends with an answer that makes no call: the callee has taken it up', () => {
    const play = two().input({ kind: 'unusable', attempt: 0 })
    assert.equal(play.tried.join(' '), 'alpha')
    assert.ok(play.state.kind === 'failed' && play.state.failure.status === 500)
    assert.equal(play.kinds, 'resolve invite ended failed')
  })

  it('lets an abandoned attempt go whose late answer makes no call', () => {
    const play = two().at(2_000).input({ kind: 'unusable', attempt: 0 }).answered(1)
    assert.ok(isHuntSettled(play.state))
    assert.ok(!play.kinds.includes('bye'))
  })

  it('follows 3xx five deep', () => {
    const play = two()
    for (let i = 0; i < 9; i++) play.final(302, { contact: `<sip:hop${i}@pop.example.net>` })
    assert.equal(play.tried.length, 6)
    assert.equal(play.state.kind, 'failed')
  })

  it('cancels before it moves on from a 100 and then nothing', () => {
    const play = two().provisional(100).at(12_000)
    assert.deepEqual(play.kinds, 'resolve invite cancel ended resolve invite')
  })

  it('hangs up on a trunk that answers after it was given up, and keeps the other one', () => {
    const play = two().at(2_000).answered(1).answered(0)
    assert.equal(play.kinds, 'resolve invite cancel ended resolve invite ended answered bye')
    assert.ok(isHuntSettled(play.state))
  })

  it('hangs up on an answer that crossed the CANCEL of whoever gave the call up', () => {
    const play = two().provisional(180).input({ kind: 'cancel' }).answered(0)
    assert.equal(play.kinds, 'resolve invite ringing cancel ended failed bye')
  })

  it('is moved by nothing that comes twice', () => {
    const play = two().final(503)
    const before = play.effects.length
    play.final(503, { attempt: 0 }).final(503, { attempt: 0 }).provisional(180, 0).transport(0)
    assert.equal(play.effects.length, before)
    assert.equal(play.attempt, 1)
  })

  it('judges what each attempt was to its trunk', () => {
    const play = two().provisional(100).at(12_000).final(486)
    const reports = play.effects.flatMap((effect) =>
      effect.kind === 'ended' ? [`${effect.attempt.trunk.id} ${effect.end.kind} ${effect.verdict.countsAs}`] : [],
    )
    assert.deepEqual(reports, ['alpha noProgress noProgress', 'beta response fine'])
  })

  it('believes a Retry-After of the trunk itself, within bounds', () => {
    const retryAfter = (play: HuntPlay): unknown =>
      play.effects.findLast((effect) => effect.kind === 'ended')?.retryAfterMs
    assert.equal(retryAfter(two().final(503, { retryAfterS: 864_000 })), 60_000)
    assert.equal(retryAfter(two().final(503, { retryAfterS: 0 })), 1_000)
    assert.equal(retryAfter(two().final(503)), null)
    assert.equal(retryAfter(two().final(486, { retryAfterS: 30 })), null)
    const redirected = two().final(302, { contact: '<sip:x@pop.example.net>' })
    assert.equal(retryAfter(redirected.final(503, { retryAfterS: 30 })), null)
  })
})

/** Something that happens to attempt `attempt` counted back from the one under way, and how much later. */
const happening = fc.record({
  back: fc.nat({ max: 3 }),
  afterMs: fc.constantFrom(0, 1, 500, 2_000, 12_000, 60_000),
  what: fc.oneof(
    fc.constantFrom(100, 180, 183, 302, 403, 404, 408, 480, 486, 488, 500, 503, 600, 606),
    fc.constantFrom('answered', 'transport', 'cancel', 'broken', 'unusable', 'full', 'wake'),
  ),
})

function inputOf(attempt: number, what: number | string): HuntInput {
  if (typeof what === 'number') {
    if (what < 200) return { kind: 'provisional', attempt, status: what }
    return { kind: 'final', attempt, status: what, contact: `<sip:${attempt}@pop.example.net>`, retryAfterS: null }
  }
  if (what === 'cancel' || what === 'wake') return { kind: what }
  const known = ['answered', 'transport', 'unusable', 'full'] as const
  return { kind: known.find((kind) => kind === what) ?? 'broken', attempt }
}

describe('a hunt, whatever the order of events', () => {
  const trunks = [trunk('alpha'), trunk('beta'), trunk('gamma')]
  const random = fc.array(happening, { maxLength: 30 })

  function play(happenings: readonly { back: number; afterMs: number; what: number | string }[]): HuntPlay {
    const hunt = new HuntPlay(trunks, { alpha: ['a1', 'a2'] })
    for (const { back, afterMs, what } of happenings) {
      wakeUntil(hunt, hunt.nowMs + afterMs)
      hunt.input(inputOf(Math.max(0, hunt.attempt - back), what))
    }
    return hunt
  }

  /** The driver wakes the machine at its deadlines, and time passes between them. */
  function wakeUntil(hunt: HuntPlay, untilMs: number): void {
    for (let dueMs = huntDeadlineMs(hunt.state); dueMs !== undefined && dueMs <= untilMs; ) {
      hunt.at(Math.max(dueMs, hunt.nowMs))
      dueMs = huntDeadlineMs(hunt.state)
    }
    hunt.nowMs = Math.max(hunt.nowMs, untilMs)
  }

  const ids = (hunt: HuntPlay, kind: 'bye' | 'cancel' | 'answered'): number[] =>
    hunt.effects.flatMap((effect) => (effect.kind === kind ? [effect.attempt] : []))

  it('answers at most once, and hangs up on every other answer', () => {
    fc.assert(
      fc.property(random, (happenings) => {
        const hunt = play(happenings)
        assert.ok(ids(hunt, 'answered').length <= 1)
        const kept = ids(hunt, 'answered')[0]
        // Whoever has not had a final yet answers now, as late as can be.
        for (const late of hunt.state.abandoned) hunt.answered(late)
        for (const id of ids(hunt, 'bye')) assert.notEqual(id, kept)
        assert.equal(new Set(ids(hunt, 'bye')).size, ids(hunt, 'bye').length)
        assert.deepEqual(hunt.state.abandoned, [])
      }),
    )
  })

  it('ends every attempt exactly once, before the next one begins', () => {
    fc.assert(
      fc.property(random, (happenings) => {
        const hunt = play(happenings)
        wakeUntil(hunt, hunt.nowMs + 100_000)
        let open: number | null = null
        for (const effect of hunt.effects) {
          if (effect.kind === 'resolve') open = effect.attempt
          if (effect.kind === 'invite') {
            assert.ok(open === null || open === effect.attempt.id)
            open = effect.attempt.id
          }
          if (effect.kind === 'ended') {
            assert.equal(effect.attempt.id, open)
            open = null
          }
        }
        assert.equal(open, null)
      }),
    )
  })

  it('is over within its budget and the ringing, and says so once', () => {
    fc.assert(
      fc.property(random, (happenings) => {
        const hunt = play(happenings)
        wakeUntil(hunt, POLICY.huntBudgetMs + POLICY.ringTimeoutMs)
        assert.ok(hunt.state.kind === 'answered' || hunt.state.kind === 'failed')
        assert.equal(huntDeadlineMs(hunt.state), undefined)
        const ends = hunt.effects.filter(({ kind }) => kind === 'answered' || kind === 'failed')
        assert.equal(ends.length, 1)
      }),
    )
  })

  it('never invites again after an 18x', () => {
    fc.assert(
      fc.property(random, (happenings) => {
        const { effects } = play(happenings)
        const rang = effects.findIndex(({ kind }) => kind === 'ringing')
        if (rang >= 0) assert.ok(!effects.slice(rang).some(({ kind }) => kind === 'invite'))
      }),
    )
  })

  it('cancels whatever it gives up on', () => {
    fc.assert(
      fc.property(random, (happenings) => {
        const hunt = play(happenings)
        const cancelled = new Set(ids(hunt, 'cancel'))
        for (const id of hunt.state.abandoned) assert.ok(cancelled.has(id))
      }),
    )
  })
})
