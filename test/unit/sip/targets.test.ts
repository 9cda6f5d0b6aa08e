import assert from 'node:assert/strict'
import { parseListenAddress } from '../../../lib/sip/listen-address.ts'
import { responseTarget, targetOfUri } from '../../../lib/sip/targets.ts'
import { parseVia } from '../../../lib/sip/via.ts'

describe('where SIP messages go', () => {
  for (const [uri, want] of [
    ['sip:a@192.0.2.1', { protocol: 'udp', host: '192.0.2.1', port: 5060 }],
    ['<sip:a@192.0.2.1:5070;transport=TCP>;q=1', { protocol: 'tcp', host: '192.0.2.1', port: 5070 }],
    ['sip:[2001:db8::1]:5080', { protocol: 'udp', host: '2001:db8::1', port: 5080 }],
    ['sip:a@example.com;maddr=192.0.2.7', { protocol: 'udp', host: '192.0.2.7', port: 5060 }],
    ['192.0.2.1:5080', { protocol: 'udp', host: '192.0.2.1', port: 5080 }],
    ['example.com', { protocol: 'udp', host: 'example.com', port: 5060 }],
    ['example.com:5080', { protocol: 'udp', host: 'example.com', port: 5080 }],
    ['sips:a@192.0.2.1', { protocol: 'tls', host: '192.0.2.1', port: 5061 }],
    ['sips:a@example.com:5070;transport=tcp', { protocol: 'tls', host: 'example.com', port: 5070 }],
    ['sip:a@example.com;transport=tls', { protocol: 'tls', host: 'example.com', port: 5061 }],
    ['sips:a@192.0.2.1;transport=udp', 'unsupported-transport'],
    ['sip:a@192.0.2.1;transport=sctp', 'unsupported-transport'],
    ['tel:+12025550101', 'invalid-uri'],
    ['sip:', 'invalid-uri'],
    ['sip:a@example.com;maddr=', 'invalid-uri'],
    ['sip:a@example.com>', 'invalid-uri'],
  ] as const) {
    it(`${uri} → ${JSON.stringify(want)}`, () => {
      assert.deepEqual(targetOfUri(uri), want)
    })
  }

  it('takes no time over thousands of brackets', () => {
    const fromMs = performance.now()
    assert.equal(targetOfUri(`sip:a@b${'<'.repeat(50_000)}`), 'invalid-uri')
    assert.ok(performance.now() - fromMs < 500)
  })

  for (const [via, protocol, want] of [
    ['SIP/2.0/UDP 192.0.2.1:5070;branch=z', 'udp', 5070],
    ['SIP/2.0/UDP 192.0.2.1;branch=z', 'udp', 5060],
    ['SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z', 'udp', 40_000],
    ['SIP/2.0/UDP 192.0.2.1:5070;maddr=203.0.113.9;branch=z', 'udp', 5070],
    ['SIP/2.0/TCP 192.0.2.1:5070;rport;branch=z', 'tcp', 5070],
    ['SIP/2.0/TLS 192.0.2.1;branch=z', 'tls', 5061],
  ] as const) {
    it(`the answer to ${via} goes back to the source, port ${want}`, () => {
      const parsed = parseVia(via)
      assert.ok(parsed)
      assert.deepEqual(responseTarget(parsed, protocol, '198.51.100.1', 40_000), {
        protocol,
        host: '198.51.100.1',
        port: want,
      })
    })
  }

  it('listens at what it is told, and says what it cannot read', () => {
    assert.deepEqual(parseListenAddress('tcp:[::1]:0'), { ok: true, value: { protocol: 'tcp', host: '::1', port: 0 } })
    assert.equal(parseListenAddress('tls:127.0.0.1:5061').ok, true)
    for (const bad of ['udp:127.0.0.1', 'ws:127.0.0.1:5061', 'udp:127.0.0.1:70000', 'udp::1:5060', '']) {
      assert.equal(parseListenAddress(bad).ok, false, bad)
    }
  })
})
