import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_LOG_TEXT, maskNumber, maskText, redactFields } from '../../../lib/observe/redaction.ts'

describe('redaction', () => {
  const numbers: readonly [why: string, input: string, want: string][] = [
    ['keeps country code 1 and the last two digits', '+12025550123', '+1********23'],
    ['keeps a country code of two digits', '+442079460123', '+44********23'],
    ['keeps a country code of three digits', '+358401234567', '+358*******67'],
    ['masks a number that is not in E.164 but for its end', '02025550123', '*********23'],
    ['shows nothing of an extension', '101', '***'],
    ['ignores the way a number is written', '(202) 555-0123', '********23'],
    ['leaves a caller without a number as it is', 'anonymous', 'anonymous'],
  ]
  for (const [why, input, want] of numbers) it(why, () => assert.equal(maskNumber(input), want))

  const texts: readonly [why: string, input: string, want: string][] = [
    ['masks numbers in a sentence', 'from +12025550123 to +12025550199', 'from +1********23 to +1********99'],
    ['masks the user part of a SIP URI', '<sip:12025550123@127.0.0.1>', '<sip:*********23@127.0.0.1>'],
    ['masks a tel URI', 'tel:+12025550123', 'tel:+1********23'],
    [
      'leaves addresses, ports and times alone',
      '127.0.0.1:5060 at 2026-01-01T00:00:00+00:00',
      '127.0.0.1:5060 at 2026-01-01T00:00:00+00:00',
    ],
    ['removes bearer tokens', 'Authorization: Bearer abcdef123456', 'Authorization: Bearer [secret]'],
    ['removes keys of the OpenAI form', 'key sk-proj-abcdefgh12345 refused', 'key [secret] refused'],
    ['removes passwords in URLs', 'postgres://tandem:hunter2@db/tandem', 'postgres://tandem:[secret]@db/tandem'],
    ['removes SRTP keys', 'a=crypto:1 AES inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9', 'a=crypto:1 AES inline:[secret]'],
  ]
  for (const [why, input, want] of texts) it(why, () => assert.equal(maskText(input), want))

  it('masks known fields and removes secrets at any depth', () => {
    const redacted = redactFields({
      from: '02025550123',
      nested: [{ apiKey: 'k', 'x-api_key': 'kept', password: 'p', to: '+12025550199' }],
      trunk: 'alpha',
      key: undefined,
    })
    assert.deepEqual(redacted, {
      from: '*********23',
      nested: [{ apiKey: '[secret]', 'x-api_key': 'kept', password: '[secret]', to: '+1********99' }],
      trunk: 'alpha',
      key: undefined,
    })
  })

  it('keeps the code and cause of an error and masks its words', () => {
    const error = Object.assign(new Error('no answer from +12025550123', { cause: new Error('sk-abcdefgh1') }), {
      code: 'E1',
    })
    const redacted = JSON.stringify(redactFields({ err: error }))
    assert.match(redacted, /"code":"E1"/)
    assert.match(redacted, /"cause":\{"type":"Error","message":"\[secret\]"/)
    assert.doesNotMatch(redacted, /2025550123/)
  })

  it('bounds texts, lists, fields and depth, also of objects that contain themselves', () => {
    const loop: Record<string, unknown> = { text: 'x'.repeat(10 * MAX_LOG_TEXT), list: Array(1_000).fill(1) }
    loop.self = loop
    for (let i = 0; i < 1_000; i += 1) loop[`field${i}`] = i
    assert.ok(JSON.stringify(redactFields(loop)).length < 20 * MAX_LOG_TEXT)
  })

  it('lets no E.164 number through, whatever stands around it', () => {
    const number = fc.integer({ min: 10_000_000, max: 999_999_999_999 }).map((digits) => `+${digits}`)
    fc.assert(
      fc.property(number, fc.string(), fc.string(), (digits, before, after) => {
        const text = `${before} ${digits} ${after}`
        assert.ok(!maskText(text).includes(` ${digits} `))
      }),
    )
  })
})
