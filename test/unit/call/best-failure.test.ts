import assert from 'node:assert/strict'
import { bestFailure } from '../../../lib/call/best-failure.ts'
import { type AttemptEnd, judgeAttempt } from '../../../lib/trunk/attempt-verdict.ts'
import { failureOf } from '../../../lib/trunk/hunt-failure.ts'

const of = (end: AttemptEnd) => failureOf(end, judgeAttempt(end, { hunt480: false }))
const status = (code: number) => of({ kind: 'response', status: code, ringing: false })

describe('What a caller is told whom nobody answered', () => {
  const CASES: readonly (readonly [string, ReturnType<typeof of>[], number, string, string, string])[] = [
    ['busy', [status(486)], 486, 'Busy Here', '17', 'callee busy'],
    ['a number that is not there', [status(404)], 404, 'Not Found', '1', 'callee rejected'],
    ['a 6xx before everything', [status(404), status(603)], 603, 'Decline', '21', 'callee rejected'],
    [
      'the lowest class, the first of it',
      [status(503), status(486), status(404)],
      486,
      'Busy Here',
      '17',
      'callee busy',
    ],
    ['nobody home', [of({ kind: 'ringTimeout' })], 480, 'Temporarily Unavailable', '18', 'callee no-answer'],
    ['a trunk that fails, never as a 503', [status(503)], 500, 'Server Internal Error', '41', 'system trunk-fault'],
    ['credentials that we lack', [status(401)], 500, 'Server Internal Error', '41', 'system trunk-fault'],
    ['silence', [of({ kind: 'noReply' })], 500, 'Server Internal Error', '41', 'system trunk-fault'],
    ['no media of our own', [of({ kind: 'local' })], 500, 'Server Internal Error', '41', 'system trunk-fault'],
    ['no trunk at all', [failureOf(null, null)], 500, 'Server Internal Error', '41', 'system trunk-fault'],
    ['a status that nobody knows', [status(499)], 499, 'Call Failed', '31', 'callee rejected'],
  ]
  for (const [why, failures, want, phrase, cause, end] of CASES)
    it(why, () => {
      const best = bestFailure(failures)
      assert.deepEqual([best.status, best.phrase], [want, phrase])
      assert.match(best.reason, new RegExp(`^Q\\.850;cause=${cause};text="[^"]+"$`))
      assert.equal(`${best.end.by} ${best.end.cause}`, end)
      assert.equal(best.end.sip, want)
    })
})
