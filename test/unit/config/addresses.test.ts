import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  formatHostPort,
  ipv6Groups,
  isIp,
  isLoopback,
  overlaps,
  parseHostPort,
  parseListen,
  parseSipAddress,
  parseSource,
  type SourceAddress,
} from '../../../lib/config/addresses.ts'

function source(text: string): SourceAddress {
  const parsed = parseSource(text)
  assert.ok(parsed, `${text} is a source`)
  return parsed
}

describe('an address in the config', () => {
  it('is a listen address with its transport, also for IPv6', () => {
    assert.deepEqual(parseListen('udp:127.0.0.1:5060'), { protocol: 'udp', host: '127.0.0.1', port: 5060 })
    assert.deepEqual(parseListen('tls:[2001:db8::1]:5061'), { protocol: 'tls', host: '2001:db8::1', port: 5061 })
    for (const wrong of [
      '127.0.0.1:5060',
      'sctp:127.0.0.1:5060',
      'udp:127.0.0.1',
      'udp:1.2.3.4:70000',
      'udp:999.1.1.1:1',
      'udp::::1',
    ]) {
      assert.equal(parseListen(wrong), undefined, wrong)
    }
  })

  it('is a SIP URI, taken apart as far as routing needs it', () => {
    assert.deepEqual(parseSipAddress('sip:192.0.2.1:5080;transport=tcp'), {
      text: 'sip:192.0.2.1:5080;transport=tcp',
      scheme: 'sip',
      user: null,
      host: '192.0.2.1',
      port: 5080,
      transport: 'tcp',
    })
    assert.equal(parseSipAddress('sips:pbx.example.net')?.transport, 'tls')
    assert.equal(parseSipAddress('sip:+12025550100@pbx.example.net')?.user, '+12025550100')
    assert.equal(parseSipAddress('sip:[2001:db8::1]:5060')?.host, '2001:db8::1')
    for (const wrong of [
      'http://x',
      'sip:',
      'sip:a b',
      'sip:x;transport=sctp',
      'sip:x?Subject=a',
      'sip:x\r\nVia: y',
      '<sip:x>',
      `sip:${'x'.repeat(600)}`,
    ]) {
      assert.equal(parseSipAddress(wrong), undefined, wrong)
    }
  })

  it('knows IPv6 in all its forms, and what is none', () => {
    assert.deepEqual(ipv6Groups('::1'), [0, 0, 0, 0, 0, 0, 0, 1])
    assert.deepEqual(ipv6Groups('2001:db8::ffff:192.0.2.1'), [0x2001, 0xdb8, 0, 0, 0, 0xffff, 0xc000, 0x0201])
    for (const wrong of [
      '',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      '::1%eth0',
      '1:2:3:4::5:6:7:8',
      '::300.1.1.1',
    ]) {
      assert.equal(ipv6Groups(wrong), undefined, wrong)
    }
  })

  it('is loopback only where no packet leaves the machine', () => {
    for (const host of ['127.0.0.1', '127.8.9.10', '::1', 'localhost']) assert.ok(isLoopback(host), host)
    for (const host of ['127.0.0.1.example.net', '10.0.0.1', 'localhost.example.net', '0.0.0.0'])
      assert.ok(!isLoopback(host), host)
  })

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (text) => {
        for (const parse of [parseListen, parseSipAddress, parseSource, parseHostPort]) parse(text)
      }),
    )
  })

  it('is written as it is read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
        assert.ok(isIp(host))
        assert.deepEqual(parseHostPort(formatHostPort({ host, port })), { host, port })
      }),
    )
  })
})

describe('two sources', () => {
  const TABLE: readonly (readonly [a: string, b: string, overlap: boolean])[] = [
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.0/24', '192.0.2.77', true],
    ['192.0.2.0/25', '192.0.2.129', false],
    ['192.0.2.1:5060', '192.0.2.1:5080', false],
    ['192.0.2.1:5060', '192.0.2.1', true],
    ['udp:192.0.2.1', 'tcp:192.0.2.1', false],
    ['2001:db8::/32', '2001:db8:1::1', true],
    ['2001:db8::1', '192.0.2.1', false],
  ]
  for (const [a, b, overlap] of TABLE) {
    it(`${overlap ? 'meet' : 'are apart'}: ${a} and ${b}`, () => {
      assert.equal(overlaps(source(a), source(b)), overlap)
      assert.equal(overlaps(source(b), source(a)), overlap)
    })
  }

  it('are refused where they are no addresses', () => {
    for (const wrong of ['', '192.0.2.0/33', '192.0.2.0/0', 'carrier.example.net', '2001:db8::/129', '1.2.3']) {
      assert.equal(parseSource(wrong), undefined, wrong)
    }
  })
})
