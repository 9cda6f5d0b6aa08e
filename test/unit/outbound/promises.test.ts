import assert from 'node:assert/strict'
import fc from 'fast-check'
import { canonicalJson } from '../../../lib/core/canonical-json.ts'
import type { CallRow } from '../../../lib/observe/call-record.ts'
import { attemptOutcome } from '../../../lib/outbound/attempt-outcome.ts'
import { parseIdempotencyKey } from '../../../lib/outbound/idempotency-key.ts'
import { RETRY_DEFAULTS, RETRY_LIMITS, retryWaitMs } from '../../../lib/outbound/retry-policy.ts'

describe('what a call of an errand came to', () => {
  const at = new Date(0)
  const table: readonly (readonly [string, Pick<CallRow, 'answeredAt' | 'end'>])[] = [
    ['answered', { answeredAt: at, end: { by: 'callee', sip: null, cause: 'normal' } }],
    ['answered', { answeredAt: at, end: { by: 'system', sip: null, cause: 'node-lost' } }],
    ['busy', { answeredAt: null, end: { by: 'callee', sip: 486, cause: 'busy' } }],
    ['no-answer', { answeredAt: null, end: { by: 'callee', sip: 480, cause: 'no-answer' } }],
    ['rejected', { answeredAt: null, end: { by: 'callee', sip: 603, cause: 'rejected' } }],
    ['failed', { answeredAt: null, end: { by: 'system', sip: 503, cause: 'trunk-fault' } }],
    ['failed', { answeredAt: null, end: { by: 'system', sip: null, cause: 'agent-fault' } }],
    ['failed', { answeredAt: null, end: { by: 'system', sip: 487, cause: 'limit' } }],
    ['lost', { answeredAt: null, end: { by: 'system', sip: null, cause: 'node-lost' } }],
    ['cancelled', { answeredAt: null, end: { by: 'operator', sip: 487, cause: 'cancelled' } }],
    ['failed', { answeredAt: null, end: { by: 'callee', sip: 487, cause: 'cancelled' } }],
  ]
  for (const [want, call] of table)
    it(`${want}: ${call.answeredAt === null ? 'not answered' : 'answered'}, ${call.end?.cause} by ${call.end?.by}`, () => {
      assert.equal(attemptOutcome(call, false), want)
    })
})

it('is a machine that an errand reached where it sounded like one, and was answered', () => {
  const answered = { answeredAt: new Date(0), end: { by: 'system', sip: null, cause: 'normal' } } as const
  assert.equal(attemptOutcome(answered, true), 'machine')
  assert.equal(attemptOutcome({ ...answered, answeredAt: null }, true), 'failed')
})

describe('the wait for a further attempt', () => {
  it('grows by its factor, to a day at most, and is spread by a tenth', () => {
    const policy = { ...RETRY_DEFAULTS, afterMs: 60_000, factor: 3 }
    assert.deepEqual(
      [1, 2, 3, 10].map((made) => retryWaitMs(policy, made, 0.5)),
      [60_000, 180_000, 540_000, RETRY_LIMITS.afterMs],
    )
    assert.deepEqual([retryWaitMs(policy, 1, 0), retryWaitMs(policy, 1, 0.999_999)], [54_000, 66_000])
  })
})

describe('an Idempotency-Key', () => {
  it('is the same in quotes and without', () => {
    assert.equal(parseIdempotencyKey('"8e03978e-40d5"'), '8e03978e-40d5')
    assert.equal(parseIdempotencyKey(' 8e03978e-40d5 '), '8e03978e-40d5')
  })

  for (const bad of ['', '""', '"', 'a b', 'a"b', 'a\\b', 'ä', 'a\u0000', 'x'.repeat(256)])
    it(`is not ${JSON.stringify(bad.slice(0, 10))}`, () => assert.equal(parseIdempotencyKey(bad), null))

  it('goes with a request whose fields may come in any order', () => {
    const request = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(
      fc.property(request, (fields) => {
        const turned = Object.fromEntries(Object.entries(fields).toReversed())
        assert.equal(canonicalJson(turned), canonicalJson(fields))
      }),
    )
    assert.notEqual(canonicalJson({ to: '1' }), canonicalJson({ to: '2' }))
  })
})
