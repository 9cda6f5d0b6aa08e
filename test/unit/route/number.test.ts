import assert from 'node:assert/strict'
import { toE164, userOfUri } from '../../../lib/route/number.ts'

describe('numbers', () => {
  const dialled: readonly [string, string, string, string | null][] = [
    ['E.164 stays as it is', '+15550100', 'US', '+15550100'],
    ['a national number gets its country', '2025550123', 'US', '+12025550123'],
    ['a national number with trunk prefix', '12025550123', 'US', '+12025550123'],
    ['a German number with trunk prefix 0', '030123456', 'DE', '+4930123456'],
    ['visual separators are dropped', '(202) 555-0123', 'US', '+12025550123'],
    ['an extension is no number', '1001', 'US', null],
    ['a name is no number', 'anonymous', 'US', null],
    ['nothing is no number', '', 'US', null],
    ['an unknown country reads E.164 only', '2025550123', 'XX', null],
    ['too long for E.164', '+1234567890123456', 'US', null],
  ]
  for (const [why, input, country, want] of dialled) it(why, () => assert.equal(toE164(input, country), want))

  const uris: readonly [string, string, string][] = [
    ['the user of a SIP URI', 'sip:+15550100@127.0.0.1:5060;user=phone', '+15550100'],
    ['without its parameters', 'sip:+15550100;npdi@carrier.example', '+15550100'],
    ['without its password', 'sip:alice:secret@example.com', 'alice'],
    ['a tel URI', 'tel:+1-202-555-0123;phone-context=x', '+1-202-555-0123'],
    ['escapes are decoded', 'sip:%2B15550100@example.com', '+15550100'],
    ['a lone percent sign stands', 'sip:100%@example.com', '100%'],
    ['a URI without user', 'sip:127.0.0.1', ''],
  ]
  for (const [why, uri, want] of uris) it(`reads ${why}`, () => assert.equal(userOfUri(uri), want))
})
