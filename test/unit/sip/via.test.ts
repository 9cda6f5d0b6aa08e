import assert from 'node:assert/strict'
import { branchOf, formatVia, parseVia, withSource } from '../../../lib/sip/via.ts'

describe('a Via', () => {
  it('is read with blanks around all its parts', () => {
    const via = parseVia('SIP  / 2.0 / tcp \t spindle.example.com : 5080 ; branch = z9hG4bK9 ; rport')
    assert.ok(via !== undefined)
    assert.deepEqual(
      [via.transport, via.host, via.port, branchOf(via)],
      ['TCP', 'spindle.example.com', 5080, 'z9hG4bK9'],
    )
    assert.equal(via.params.has('rport'), true)
    assert.equal(formatVia(via), 'SIP/2.0/TCP spindle.example.com:5080;branch=z9hG4bK9;rport')
  })

  it('keeps the brackets of an IPv6 host', () => {
    const via = parseVia('SIP/2.0/UDP [2001:db8::9]:5060;received=2001:db8::1;branch=z9hG4bKa')
    assert.deepEqual([via?.host, via?.port, via?.params.get('received')], ['[2001:db8::9]', 5060, '2001:db8::1'])
  })

  const malformed: readonly [why: string, text: string][] = [
    ['empty parameters', 'SIP/2.0/UDP 192.0.2.15;;'],
    ['another version', 'SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw'],
    ['no transport', 'SIP/2.0/ host'],
    ['no host', 'SIP/2.0/UDP ;branch=x'],
    ['no blank before the host', 'SIP/2.0/UDP[::1]'],
    ['a port that is none', 'SIP/2.0/UDP host:'],
    ['a port out of range', 'SIP/2.0/UDP host:70000'],
    ['an IPv6 host that never closes', 'SIP/2.0/UDP [::1;branch=x'],
    ['a second host', 'SIP/2.0/UDP host host2'],
  ]
  for (const [why, text] of malformed) {
    it(`is refused with ${why}`, () => assert.equal(parseVia(text), undefined))
  }

  const sources: readonly [why: string, text: string, host: string, port: number, params: string][] = [
    ['nothing where it tells the truth', 'SIP/2.0/UDP 192.0.2.1;branch=b', '192.0.2.1', 5060, ';branch=b'],
    [
      'received where the host is another',
      'SIP/2.0/UDP 10.0.0.1;branch=b',
      '192.0.2.1',
      5060,
      ';branch=b;received=192.0.2.1',
    ],
    ['received where the host is a name', 'SIP/2.0/UDP pc.example.com', '192.0.2.1', 5060, ';received=192.0.2.1'],
    [
      'both where the client asked by rport, even from the same host',
      'SIP/2.0/UDP 192.0.2.1;rport;branch=b',
      '192.0.2.1',
      40_000,
      ';rport=40000;branch=b;received=192.0.2.1',
    ],
    [
      'its own words over what the client made up',
      'SIP/2.0/UDP a;received=1.1.1.1',
      '192.0.2.1',
      1,
      ';received=192.0.2.1',
    ],
    [
      'nothing to an IPv6 host that tells the truth',
      'SIP/2.0/UDP [2001:db8::1];branch=b',
      '2001:db8::1',
      5060,
      ';branch=b',
    ],
  ]
  for (const [why, text, host, port, params] of sources) {
    it(`is given ${why}`, () => {
      const via = parseVia(text)
      assert.ok(via !== undefined)
      assert.equal(withSource(via, host, port).params.toString(), params)
    })
  }
})
