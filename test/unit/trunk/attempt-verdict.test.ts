import assert from 'node:assert/strict'
import { type AttemptEnd, judgeAttempt, type Verdict } from '../../../lib/trunk/attempt-verdict.ts'

const POLICY = { hunt480: false }

/** The rows of the table, as it stands in the specification: statuses, `next`, `countsAs`. */
const ROWS: readonly (readonly [row: string, statuses: readonly number[], next: string, countsAs: string])[] = [
  ['408, 500, 502, 504 before any 18x: the next trunk, a fault', [408, 500, 502, 504], 'trunk', 'fault'],
  ['503 before any 18x: the next target first, a fault', [503], 'target', 'fault'],
  ['402, 403, and 401 and 407 after credentials: the next trunk, an alarm', [401, 402, 403, 407], 'trunk', 'account'],
  ['480: stops where the trunk does not say otherwise', [480], 'stop', 'fine'],
  ['488 and 606: once more with the other offer', [488, 606], 'codec', 'fine'],
  ['3xx: followed', span(300, 399), 'redirect', 'fine'],
  ['404, 410, 484 to 487, 491: stop', [404, 410, 484, 485, 486, 487, 491], 'stop', 'fine'],
]
const NAMED = new Set(ROWS.flatMap(([, statuses]) => statuses))

describe('the verdict on an attempt', () => {
  for (const [row, statuses, next, countsAs] of ROWS) {
    it(row, () => {
      for (const status of statuses) assertVerdict(status, next, countsAs)
    })
  }

  it('stops at 6xx other than 606, and at every other 4xx and 5xx', () => {
    const others = span(400, 699).filter((status) => !NAMED.has(status))
    for (const status of others) assertVerdict(status, 'stop', 'fine')
    assert.equal(others.length + NAMED.size, 400, 'every status from 300 to 699 belongs to one row')
  })

  it('moves on at 480 where the trunk hunts on it', () => {
    const verdict = judgeAttempt({ kind: 'response', status: 480, ringing: false }, { hunt480: true })
    assert.deepEqual(verdict, { next: 'trunk', blame: 'callee', countsAs: 'fine' } satisfies Verdict)
  })

  it('stops at whatever comes after ringing, and blames the trunk for a 5xx only', () => {
    for (const status of span(300, 699)) {
      const { next, countsAs } = judgeAttempt({ kind: 'response', status, ringing: true }, { hunt480: true })
      assert.equal(next, 'stop', String(status))
      assert.equal(countsAs, status >= 500 && status < 600 ? 'fault' : 'fine', String(status))
    }
  })

  const ENDS: readonly (readonly [why: string, end: AttemptEnd, want: Verdict])[] = [
    [
      'a connection that fails moves to the next target',
      { kind: 'transport', ringing: false },
      { next: 'target', blame: 'trunk', countsAs: 'unreachable' },
    ],
    [
      'a connection that fails after ringing moves nowhere',
      { kind: 'transport', ringing: true },
      { next: 'stop', blame: 'trunk', countsAs: 'unreachable' },
    ],
    [
      'silence moves to the next trunk',
      { kind: 'noReply' },
      { next: 'trunk', blame: 'trunk', countsAs: 'unreachable' },
    ],
    [
      'a 100 and then nothing moves to the next trunk',
      { kind: 'noProgress' },
      { next: 'trunk', blame: 'trunk', countsAs: 'noProgress' },
    ],
    [
      'a phone that nobody takes up is no fault of the trunk',
      { kind: 'ringTimeout' },
      { next: 'stop', blame: 'callee', countsAs: 'fine' },
    ],
    [
      'a call given up says nothing about the trunk',
      { kind: 'cancelled' },
      { next: 'stop', blame: 'caller', countsAs: 'nothing' },
    ],
    [
      'a budget that ran out stops and says nothing about the last trunk',
      { kind: 'budget' },
      { next: 'stop', blame: 'trunk', countsAs: 'nothing' },
    ],
    [
      'an answer that makes no call is the trunk’s fault, and moves nowhere: the callee has taken it up',
      { kind: 'unusable' },
      { next: 'stop', blame: 'trunk', countsAs: 'fault' },
    ],
    [
      'a trunk at its limit is passed over, and blamed for nothing',
      { kind: 'full' },
      { next: 'trunk', blame: 'us', countsAs: 'nothing' },
    ],
    ['a fault of our own stops', { kind: 'local' }, { next: 'stop', blame: 'us', countsAs: 'nothing' }],
    ['an answer is good evidence', { kind: 'answered' }, { next: 'stop', blame: 'nobody', countsAs: 'fine' }],
  ]
  for (const [why, end, want] of ENDS) it(why, () => assert.deepEqual(judgeAttempt(end, POLICY), want))
})

function assertVerdict(status: number, next: string, countsAs: string): void {
  const verdict = judgeAttempt({ kind: 'response', status, ringing: false }, POLICY)
  assert.deepEqual([verdict.next, verdict.countsAs], [next, countsAs], String(status))
}

function span(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
