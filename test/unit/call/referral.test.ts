import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  newReferral,
  type ReferralEffect,
  type ReferralInput,
  referralDeadlineMs,
  stepReferral,
} from '../../../lib/call/referral.ts'

const RING_MS = 60_000

const notified = (status: number | null, isOver = false): ReferralInput => ({
  ...{ kind: 'notified', status, reason: 'Words', isOver },
})

const INPUTS = {
  accepted: { kind: 'accepted' },
  refused: { kind: 'refused', why: '405 Method Not Allowed' },
  trying: notified(100),
  ringing: notified(180),
  ok: notified(200, true),
  okYetOpen: notified(200),
  busy: notified(486, true),
  unavailable: notified(503, true),
  moved: notified(302, true),
  untold: notified(null, true),
  lastTrying: notified(100, true),
  hungUp: { kind: 'callEnded' },
} as const satisfies Record<string, ReferralInput>

const NAMES = [
  ...(['accepted', 'refused', 'trying', 'ringing', 'ok', 'okYetOpen', 'busy', 'unavailable', 'moved'] as const),
  ...(['untold', 'lastTrying', 'hungUp'] as const),
]

/** An input, or a time in ms that passes, at the end of which it is woken if it wants to be. */
type Happening = keyof typeof INPUTS | number

function play(happenings: readonly Happening[]): { state: string; effects: readonly ReferralEffect[] } {
  let nowMs = 1_000
  let state = newReferral(nowMs)
  const effects: ReferralEffect[] = []
  const input = (one: ReferralInput): void => {
    const step = stepReferral(state, one, nowMs, RING_MS)
    state = step.state
    effects.push(...step.effects)
  }
  for (const happening of happenings) {
    if (typeof happening !== 'number') {
      input(INPUTS[happening])
      continue
    }
    const untilMs = nowMs + happening
    for (let at = referralDeadlineMs(state); at !== undefined && at <= untilMs; at = referralDeadlineMs(state)) {
      nowMs = at
      input({ kind: 'wake' })
    }
    nowMs = untilMs
  }
  return { state: state.kind, effects }
}

const words = (effects: readonly ReferralEffect[]): string[] =>
  effects.map((effect) => {
    if (effect.kind === 'arrived') return 'arrived'
    return effect.kind === 'fail' ? `fail: ${effect.problem}` : `fallBack: ${effect.why}`
  })

describe('a REFER to the far end of a call', () => {
  const BEFORE = 'fail: the call ended before'
  const UNKNOWN = 'fail: the call ended before the far end said what came of it'
  const SILENT = 'fallBack: it was accepted, and nothing was heard of it'
  const CASES: readonly (readonly [why: string, happenings: Happening[], want: string[], state: string])[] = [
    ['lets it go when it has reached them', ['accepted', 'trying', 'ringing', 'ok'], ['arrived'], 'over'],
    ['does not wait for the end of the subscription', ['accepted', 'okYetOpen', 'ok'], ['arrived'], 'over'],
    ['takes a NOTIFY that overtakes the 202', ['trying', 'accepted', 'ringing', 'ok'], ['arrived'], 'over'],
    ['takes the last NOTIFY before the 202', ['ok', 'accepted'], ['arrived'], 'over'],
    ['takes a NOTIFY for the 202 that is lost', ['ringing', 'refused', 'ok'], ['arrived'], 'over'],
    ['falls back where it is refused', ['refused'], ['fallBack: 405 Method Not Allowed'], 'givenUp'],
    ['falls back where no answer comes', [3_999, 1], ['fallBack: no answer to the REFER'], 'givenUp'],
    ['falls back where no NOTIFY comes', [2_000, 'accepted', 4_999, 1], [SILENT], 'givenUp'],
    [
      'falls back where the way there fails',
      ['accepted', 'unavailable'],
      ['fallBack: the far end got 503 Words'],
      'over',
    ],
    ['falls back where it is sent elsewhere', ['accepted', 'moved'], ['fallBack: the far end got 302 Words'], 'over'],
    ['tells the agent that they are busy', ['accepted', 'trying', 'busy'], ['fail: they are busy'], 'over'],
    [
      'does not ring them again after that',
      ['accepted', 'ringing', 'unavailable'],
      ['fail: they could not be reached'],
      'over',
    ],
    ['gives up ringing', ['accepted', 'trying', 59_999, 'ringing', 1], ['fail: they did not answer'], 'givenUp'],
    ['waits for a BYE where the end is not told', ['accepted', 'untold', 3_999, 'hungUp'], [UNKNOWN], 'over'],
    [
      'falls back where no BYE comes either',
      ['accepted', 'lastTrying', 'trying', 4_000],
      ['fallBack: the far end does not say what came of it'],
      'over',
    ],
    ['ends with the call before the answer', ['hungUp', 'accepted', 'ok'], [BEFORE], 'over'],
    ['ends with the call after it', ['accepted', 'ringing', 'hungUp', 'ok', 100_000], [UNKNOWN], 'over'],
    [
      'lets it go also where it was given up',
      ['refused', 'trying', 'ok'],
      ['fallBack: 405 Method Not Allowed', 'arrived'],
      'over',
    ],
    [
      'lets it go also where it rang too long',
      ['accepted', 'ringing', 60_000, 'ok'],
      ['fail: they did not answer', 'arrived'],
      'over',
    ],
    ['heeds no late 202', [4_000, 'accepted', 100_000], ['fallBack: no answer to the REFER'], 'givenUp'],
    ['heeds no late failure', [4_000, 'accepted', 'busy'], ['fallBack: no answer to the REFER'], 'over'],
    [
      'has nothing to say of a call that ends later',
      ['refused', 'hungUp'],
      ['fallBack: 405 Method Not Allowed'],
      'over',
    ],
  ]
  for (const [why, happenings, want, state] of CASES) {
    it(why, () => {
      const played = play(happenings)
      assert.deepEqual([words(played.effects), played.state], [want, state])
    })
  }

  it('settles once what becomes of the call, whatever comes in whatever order, but for a far end that leaves late', () => {
    const happening = fc.oneof(fc.constantFrom(...NAMES), fc.integer({ min: 0, max: 70_000 }))
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 12 }), (happenings) => {
        const { effects } = play([...happenings, 200_000])
        assert.ok(
          effects.length === 1 || (effects.length === 2 && effects[1]?.kind === 'arrived'),
          words(effects).join(),
        )
        if (effects.length === 2) assert.notEqual(effects[0]?.kind, 'arrived')
      }),
    )
  })
})
