import assert from 'node:assert/strict'
import { parseConfig } from '../../../lib/config/load.ts'
import { outboundTrunk } from '../../../lib/route/outbound.ts'
import { referTo } from '../../../lib/route/refer-to.ts'

function trunk(rest: string) {
  const config = parseConfig(`trunks: [{ id: carrier, sources: [192.0.2.1], refer: true${rest} }]`, {
    env: {},
    file: 'c',
  })
  assert.ok(config.ok)
  const [found] = config.value.trunks
  assert.ok(found)
  return outboundTrunk(found, true)
}

describe('whom the far end is asked to call', () => {
  const CASES: readonly (readonly [why: string, rest: string, contact: string, want: string | null])[] = [
    [
      'is the number at the first target of its trunk',
      ', targets: [{ uri: "sip:b.example", priority: 20 }, { uri: "sip:a.example:5080", priority: 10 }]',
      'sip:x@192.0.2.9',
      'sip:+12025550150@a.example:5080',
    ],
    [
      'has the transport of the trunk',
      ', transport: tcp, targets: [{ uri: "sip:a.example" }]',
      'sip:x@192.0.2.9',
      'sip:+12025550150@a.example;transport=tcp',
    ],
    [
      'is at the far end itself where the trunk has no target',
      '',
      'sip:x:y@192.0.2.9:5070;ob',
      'sip:+12025550150@192.0.2.9:5070',
    ],
    ['may be at an IPv6 address', '', 'sips:[2001:db8::9]', 'sips:+12025550150@[2001:db8::9]'],
    ['is nobody where there is no such address', '', 'tel:+12025550199', null],
  ]
  for (const [why, rest, contact, want] of CASES) {
    it(why, () => assert.equal(referTo('+12025550150', trunk(rest), contact), want))
  }
})
