import assert from 'node:assert/strict'
import { parseSipAddress } from '../../../lib/config/addresses.ts'
import { requestUri } from '../../../lib/route/outbound.ts'

function uriTo(target: string, transport: 'udp' | 'tcp' | null = null): string {
  const uri = parseSipAddress(target)
  assert.ok(uri !== undefined)
  return requestUri('+12025550123', { uri, transport })
}

describe('the request-URI of a call that goes out', () => {
  it('is the target with the number as its user', () => {
    assert.equal(uriTo('sip:192.0.2.11:5080'), 'sip:+12025550123@192.0.2.11:5080')
    assert.equal(uriTo('sip:trunk@pop.example.net;user=phone'), 'sip:+12025550123@pop.example.net;user=phone')
    assert.equal(uriTo('sips:[2001:db8::1]:5061'), 'sips:+12025550123@[2001:db8::1]:5061')
  })

  it('names the transport of the trunk where the target names none', () => {
    assert.equal(uriTo('sip:192.0.2.11', 'tcp'), 'sip:+12025550123@192.0.2.11;transport=tcp')
    assert.equal(uriTo('sip:192.0.2.11;transport=udp', 'tcp'), 'sip:+12025550123@192.0.2.11;transport=udp')
  })
})
