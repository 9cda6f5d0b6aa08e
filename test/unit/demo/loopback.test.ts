import assert from 'node:assert/strict'
import { isLoopback, loopbackHost, loopbackHosts } from '../../../lib/demo/loopback.ts'

describe('an address of this machine alone', () => {
  it('is one of 127.0.0.0/8, or ::1, and never a name', () => {
    for (const host of ['127.0.0.1', '127.255.255.254', '::1', '[::1]']) assert.ok(isLoopback(host), host)
    for (const host of ['192.0.2.1', '127.0.0.256', '127.1', 'localhost', '127.0.0.1.example.net', '::2', '']) {
      assert.ok(!isLoopback(host), host)
    }
  })

  it('is found in a SIP URI and in Contacts', () => {
    assert.equal(loopbackHost('sip:+15550100@127.0.0.2:5060;x=1'), '127.0.0.2')
    assert.equal(loopbackHost('sip:127.0.0.2@192.0.2.1'), undefined)
    assert.equal(loopbackHost('tel:+15550100'), undefined)
    assert.deepEqual(loopbackHosts('<sip:a@127.0.0.2>;q=0.5, <sip:b@192.0.2.1>, "x" <sip:c@[::1]:5060>'), [
      '127.0.0.2',
      '[::1]',
    ])
  })
})
