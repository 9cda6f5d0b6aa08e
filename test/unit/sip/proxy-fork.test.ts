import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Choice, chooseBest, type Outcome } from '../../../lib/sip/proxy-best.ts'
import {
  type ForkEffect,
  type ForkInput,
  type ForkPlan,
  type ForkState,
  forkDeadlineMs,
  MAX_PROXY_TARGETS,
  startFork,
  stepFork,
} from '../../../lib/sip/proxy-fork.ts'

const PLAN: ForkPlan = {
  invite: true,
  simultaneous: false,
  followRedirects: false,
  provisionalTimeoutMs: undefined,
  finalTimeoutMs: undefined,
  breadth: 60,
}

const told = (effect: ForkEffect): string => {
  if (effect.kind === 'send') return `send ${effect.target}`
  if (effect.kind === 'cancel') return `cancel ${effect.branch}`
  if (effect.kind !== 'answer') return effect.kind
  const { choice } = effect
  if (choice.kind === 'received') return `answer of ${choice.branch}`
  return choice.kind === 'own' ? `answer ${choice.status}` : 'no answer'
}

/** A fork in virtual time. Inputs in words: `180 of 0`, `timeout of 1`, `cancel`, `at 200`. */
class Play {
  readonly plan: ForkPlan
  state: ForkState
  nowMs = 0
  effects: string

  constructor(plan: Partial<ForkPlan>, ...targets: string[]) {
    this.plan = { ...PLAN, ...plan }
    const step = startFork(this.plan, targets, 0)
    this.state = step.state
    this.effects = step.effects.map(told).join(', ')
  }

  say(words: string, contacts: readonly string[] = []): string {
    const [what = '', , of] = words.split(' ')
    if (what === 'at') {
      this.nowMs = Number(words.split(' ')[1])
      return this.input({ kind: 'wake' })
    }
    if (what === 'cancel' || what === 'lost') return this.input({ kind: what })
    const branch = Number(of)
    if (what === 'overdue') return this.input({ kind: what, branch })
    if (what === 'timeout' || what === 'unreachable') return this.input({ kind: 'ended', branch, why: what })
    const status = Number(what)
    return this.input(
      status < 200 ? { kind: 'provisional', branch, status } : { kind: 'final', branch, status, contacts },
    )
  }

  input(input: ForkInput): string {
    const step = stepFork(this.plan, this.state, input, this.nowMs)
    this.state = step.state
    return step.effects.map(told).join(', ')
  }
}

describe('a proxied request that forks', () => {
  it('tries one destination after the other, and answers with the best of their failures', () => {
    const play = new Play({}, 'a', 'b', 'c')
    assert.equal(play.effects, 'send a')
    assert.equal(play.say('100 of 0'), '')
    assert.equal(play.say('180 of 0'), 'forward')
    assert.equal(play.say('500 of 0'), 'report, send b')
    assert.equal(play.say('unreachable of 1'), 'send c')
    assert.equal(play.say('404 of 2'), 'report, answer of 2, done')
  })

  it('tries all at once if asked to, and cancels the others when one answers', () => {
    const play = new Play({ simultaneous: true }, 'a', 'b', 'c')
    assert.equal(play.effects, 'send a, send b, send c')
    assert.equal(play.say('180 of 1'), 'forward')
    assert.equal(play.say('200 of 1'), 'report, forward, done, cancel 0, cancel 2')
    assert.equal(play.say('487 of 0'), '')
    assert.equal(play.say('200 of 1'), 'forward')
    assert.equal(play.say('200 of 2'), 'forward')
    assert.equal(play.state.phase, 'answered')
  })

  it('tries nobody else after a 6xx, and waits for those it has cancelled', () => {
    const play = new Play({ simultaneous: true }, 'a', 'b')
    play.say('180 of 0')
    assert.equal(play.say('603 of 1'), 'report, cancel 0')
    assert.equal(play.say('487 of 0'), 'report, answer of 1, done')
    const serial = new Play({}, 'a', 'b')
    assert.equal(serial.say('600 of 0'), 'report, answer of 0, done')
  })

  it('passes a 2xx up that crossed the CANCEL', () => {
    const play = new Play({}, 'a', 'b')
    play.say('180 of 0')
    assert.equal(play.say('cancel'), 'cancel 0')
    assert.equal(play.say('200 of 0'), 'report, forward, done')
  })

  it('answers 487 at once when it is cancelled before anybody has said anything', () => {
    const play = new Play({}, 'a', 'b')
    assert.equal(play.say('cancel'), 'cancel 0, answer 487, done')
    assert.equal(play.say('cancel'), '')
    assert.equal(play.say('200 of 0'), 'forward')
  })

  it('gives up who says nothing, and who rings for too long', () => {
    const play = new Play({ provisionalTimeoutMs: 100, finalTimeoutMs: 1000 }, 'a', 'b')
    assert.equal(forkDeadlineMs(play.state), 100)
    assert.equal(play.say('at 99'), '')
    assert.equal(play.say('at 100'), 'cancel 0, send b')
    play.say('180 of 1')
    assert.equal(forkDeadlineMs(play.state), 1100)
    assert.equal(play.say('at 1100'), 'cancel 1')
    // The 487 is the answer to our own CANCEL: to the caller it is a timeout.
    assert.equal(play.say('487 of 1'), 'report, answer 408, done')
  })

  it('prefers what others said to the 487 of one that was given up, but not to what that one said after all', () => {
    const play = new Play({ finalTimeoutMs: 1000 }, 'a', 'b')
    play.say('180 of 0')
    assert.equal(play.say('at 1000'), 'cancel 0, send b')
    play.say('487 of 0')
    assert.equal(play.say('486 of 1'), 'report, answer of 1, done')
    const crossed = new Play({ finalTimeoutMs: 1000 }, 'a')
    crossed.say('180 of 0')
    crossed.say('at 1000')
    assert.equal(crossed.say('603 of 0'), 'report, answer of 0, done')
  })

  it('goes on to the next when timer C has cancelled one, whose 487 is a timeout too', () => {
    const play = new Play({}, 'a', 'b')
    play.say('180 of 0')
    assert.equal(play.say('overdue of 0'), 'send b')
    assert.equal(play.say('487 of 0'), 'report')
    assert.equal(play.say('timeout of 1'), 'answer 408, done')
    const cancelled = new Play({}, 'a')
    cancelled.say('180 of 0')
    cancelled.say('cancel')
    assert.equal(cancelled.say('overdue of 0'), '')
    assert.equal(cancelled.say('487 of 0'), 'report, answer of 0, done')
  })

  it('ends a serial search at a challenge, which its caller answers', () => {
    assert.equal(new Play({}, 'a', 'b').say('407 of 0'), 'report, answer of 0, done')
    assert.equal(new Play({ simultaneous: true }, 'a', 'b').say('407 of 0'), 'report')
  })

  it('follows redirects next, each address once, and not for ever', () => {
    const play = new Play({ followRedirects: true }, 'a', 'b')
    assert.equal(play.say('302 of 0', ['a', 'c', 'c', 'b']), 'report, send c')
    assert.equal(play.say('302 of 1', ['c', 'a']), 'report, send b')
    assert.equal(play.say('404 of 2'), 'report, answer of 1, done')
    const endless = new Play({ followRedirects: true, simultaneous: true, breadth: 1000 }, 'a')
    const many = Array.from({ length: 300 }, (_, i) => `x${i}`)
    endless.say('302 of 0', many)
    assert.equal(endless.state.branches.length, MAX_PROXY_TARGETS)
  })

  it('keeps within its breadth, and tries the rest as branches end', () => {
    const play = new Play({ simultaneous: true, breadth: 2 }, 'a', 'b', 'c')
    assert.equal(play.effects, 'send a, send b')
    assert.equal(play.say('404 of 1'), 'report, send c')
  })

  it('answers no 408 to other requests than INVITE', () => {
    assert.equal(new Play({ invite: false }, 'a').say('timeout of 0'), 'no answer, done')
    assert.equal(new Play({}, 'a').say('timeout of 0'), 'answer 408, done')
    assert.equal(new Play({}, 'a').say('unreachable of 0'), 'answer 500, done')
  })

  it('ends whatever comes in whatever order: one answer, one end, nobody tried twice, nothing left to wait for', () => {
    const branch = fc.nat({ max: 5 })
    const status = fc.constantFrom(100, 180, 200, 202, 302, 401, 404, 487, 503, 603)
    const inputs = fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.record({ kind: fc.constant('response' as const), branch, status }) },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('ended' as const), branch, unreachable: fc.boolean() }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('overdue' as const), branch }) },
        { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('cancel' as const, 'lost' as const) }) },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 300 }) }) },
      ),
      { maxLength: 40 },
    )
    const plan = fc.record({
      invite: fc.boolean(),
      simultaneous: fc.boolean(),
      followRedirects: fc.boolean(),
      provisionalTimeoutMs: fc.constantFrom(undefined, 100),
      finalTimeoutMs: fc.constantFrom(undefined, 250),
      breadth: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(plan, fc.integer({ min: 1, max: 4 }), inputs, (rules, targets, events) => {
        const play = new Play(rules, ...Array.from({ length: targets }, (_, i) => `t${i}`))
        const seen = play.effects === '' ? [] : play.effects.split(', ')
        const push = (effects: string): void => void seen.push(...(effects === '' ? [] : effects.split(', ')))
        for (const event of events) {
          if (event.kind === 'response') push(play.say(`${event.status} of ${event.branch}`, ['t0', 'r1', 'r2']))
          else if (event.kind === 'ended')
            push(play.say(`${event.unreachable ? 'unreachable' : 'timeout'} of ${event.branch}`))
          else if (event.kind === 'overdue') push(play.say(`overdue of ${event.branch}`))
          else if (event.kind === 'wait') push(play.say(`at ${play.nowMs + event.ms}`))
          else push(play.say(event.kind))
        }
        // Every client transaction ends some time, if only by its own timers.
        for (let i = 0; i < play.state.branches.length; i++) push(play.say(`timeout of ${i}`))
        assert.ok(play.state.phase === 'answered' || play.state.phase === 'failed')
        assert.equal(forkDeadlineMs(play.state), undefined)
        assert.equal(seen.filter((one) => one === 'done').length, 1)
        assert.ok(seen.filter((one) => one.includes('answer')).length <= 1)
        const sent = seen.filter((one) => one.startsWith('send'))
        assert.equal(new Set(sent).size, sent.length)
        assert.ok(seen.filter((one) => one.startsWith('cancel')).length <= sent.length)
        if (seen.some((one) => one.includes('answer'))) {
          const after = seen.slice(seen.findIndex((one) => one.includes('answer')) + 1)
          assert.ok(after.every((one) => one === 'done' || (rules.invite && one === 'forward')))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the best response', () => {
  const came = (...statuses: number[]): Outcome[] =>
    statuses.map((status, branch) => ({ branch, status, received: true }))
  const rows: readonly [why: string, outcomes: Outcome[], want: Choice][] = [
    ['a 6xx is final everywhere', came(404, 603, 302), { kind: 'received', branch: 1 }],
    ['the lowest class', came(500, 404, 302), { kind: 'received', branch: 2 }],
    ['what tells the caller how to do better', came(404, 407, 486), { kind: 'received', branch: 1 }],
    ['the first of equals', came(404, 486), { kind: 'received', branch: 0 }],
    ['a lone 503 goes up as 500', came(503), { kind: 'own', status: 500 }],
    [
      'one that came rather than one supposed',
      [{ branch: 0, status: 408, received: false }, ...came(0, 404).slice(1)],
      { kind: 'received', branch: 1 },
    ],
    ['nobody could be tried', [], { kind: 'own', status: 408 }],
  ]
  for (const [why, outcomes, want] of rows) {
    it(why, () => assert.deepEqual(chooseBest(outcomes, true, false), want))
  }

  it('is a 487 for a caller who has given up', () => {
    assert.deepEqual(chooseBest(came(486, 487), true, true), { kind: 'received', branch: 1 })
    assert.deepEqual(chooseBest(came(486), true, true), { kind: 'own', status: 487 })
  })
})
