import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Destination, type DnsRecord, locateServers, type Reach } from '../../../lib/sip/rfc3263.ts'

const REACH: Reach = { transports: ['udp', 'tcp'], ipv6: false }

const a = (address: string): DnsRecord => ({ type: 'A', address })
const aaaa = (address: string): DnsRecord => ({ type: 'AAAA', address })
const srv = (priority: number, weight: number, port: number, target: string): DnsRecord => ({
  type: 'SRV',
  ...{ priority, weight, port, target },
})
const naptr = (order: number, preference: number, service: string, replacement: string, flags = 's'): DnsRecord => ({
  type: 'NAPTR',
  ...{ order, preference, flags, service, replacement },
})

type Zone = Readonly<Record<string, readonly DnsRecord[]>>

/** The servers found, as `udp:192.0.2.1:5060`, and the questions that were asked for them. */
function locate(to: Partial<Destination>, zone: Zone, reach: Reach = REACH, random = () => 0.5) {
  const lookup = locateServers(
    { scheme: 'sip', host: 'example.net', port: null, transport: null, ...to },
    reach,
    random,
  )
  const asked: string[] = []
  let step = lookup.next([])
  while (!step.done) {
    const key = `${step.value.type} ${step.value.name}`
    asked.push(key)
    step = lookup.next(zone[key] ?? [])
  }
  return { found: step.value.map(({ transport, host, port }) => `${transport}:${host}:${port}`), asked }
}

/** The example of RFC 3263 §4.1. */
const RFC_ZONE: Zone = {
  'NAPTR example.net': [
    naptr(50, 50, 'SIPS+D2T', '_sips._tcp.example.net'),
    naptr(90, 50, 'SIP+D2T', '_sip._tcp.example.net'),
    naptr(100, 50, 'SIP+D2U', '_sip._udp.example.net'),
  ],
  'SRV _sip._tcp.example.net': [srv(0, 1, 5060, 'server1.example.net'), srv(1, 2, 5060, 'server2.example.net')],
  'SRV _sip._udp.example.net': [srv(0, 0, 5070, 'server1.example.net')],
  'A server1.example.net': [a('192.0.2.1')],
  'A server2.example.net': [a('192.0.2.2')],
}

describe('the servers of a SIP URI', () => {
  const ROWS: readonly (readonly [why: string, to: Partial<Destination>, zone: Zone, found: readonly string[]])[] = [
    ['an address needs no DNS', { host: '192.0.2.9' }, {}, ['udp:192.0.2.9:5060']],
    [
      'nor does one with port and transport',
      { host: '2001:db8::9', port: 5080, transport: 'tcp' },
      {},
      ['tcp:2001:db8::9:5080'],
    ],
    [
      'a name with a port has addresses alone, over UDP',
      { port: 5080 },
      {
        'A example.net': [a('192.0.2.1'), a('192.0.2.2')],
        ...{ 'SRV _sip._udp.example.net': [srv(0, 0, 1, 'wrong')] },
      },
      ['udp:192.0.2.1:5080', 'udp:192.0.2.2:5080'],
    ],
    [
      'NAPTR decides on the transport, in its order, among those that we speak',
      {},
      RFC_ZONE,
      ['tcp:192.0.2.1:5060', 'tcp:192.0.2.2:5060', 'udp:192.0.2.1:5070'],
    ],
    ['a transport that is named asks for its SRV alone', { transport: 'udp' }, RFC_ZONE, ['udp:192.0.2.1:5070']],
    [
      'without NAPTR each transport of ours is asked for, the preferred first',
      {},
      { ...RFC_ZONE, 'NAPTR example.net': [] },
      ['udp:192.0.2.1:5070', 'tcp:192.0.2.1:5060', 'tcp:192.0.2.2:5060'],
    ],
    [
      'without SRV the name has addresses at the usual port',
      {},
      { 'A example.net': [a('192.0.2.3')] },
      ['udp:192.0.2.3:5060'],
    ],
    ['a name that there is not leads nowhere', {}, {}, []],
    [
      'a target of a dot says that there is no such service, and addresses are not asked',
      { transport: 'udp' },
      { 'SRV _sip._udp.example.net': [srv(0, 0, 0, '.')], 'A example.net': [a('192.0.2.3')] },
      [],
    ],
    [
      'a target that has no address is left out',
      { transport: 'tcp' },
      { ...RFC_ZONE, 'A server1.example.net': [] },
      ['tcp:192.0.2.2:5060'],
    ],
    ['sips goes over TLS, which we do not speak here', { scheme: 'sips' }, RFC_ZONE, []],
    [
      'NAPTR records of another kind are passed over',
      {},
      {
        ...RFC_ZONE,
        'NAPTR example.net': [naptr(1, 1, 'E2U+sip', '', 'u'), naptr(2, 1, 'SIP+D2U', '_sip._udp.example.net')],
      },
      ['udp:192.0.2.1:5070'],
    ],
  ]
  for (const [why, to, zone, found] of ROWS) it(why, () => assert.deepEqual(locate(to, zone).found, found))

  it('has IPv6 addresses where a socket of ours speaks it', () => {
    const zone = { 'A example.net': [a('192.0.2.3')], 'AAAA example.net': [aaaa('2001:db8::3')] }
    assert.deepEqual(locate({ port: 5060 }, zone, { ...REACH, ipv6: true }).found, [
      'udp:192.0.2.3:5060',
      'udp:2001:db8::3:5060',
    ])
    assert.deepEqual(locate({ port: 5060 }, zone).asked, ['A example.net'])
  })

  it('goes over TLS where that is spoken and asked for', () => {
    const zone = { 'SRV _sips._tcp.example.net': [srv(0, 0, 5061, 'server1.example.net')], ...RFC_ZONE }
    const reach: Reach = { transports: ['udp', 'tcp', 'tls'], ipv6: false }
    assert.equal(locate({}, zone, reach).found[0], 'tls:192.0.2.1:5061')
    assert.deepEqual(locate({ scheme: 'sips' }, zone, reach).found, ['tls:192.0.2.1:5061'])
    assert.ok(!locate({}, { ...zone, 'NAPTR example.net': [] }, reach).asked.includes('SRV _sips._tcp.example.net'))
  })

  it('ends with a bounded number of servers and questions, whatever DNS says', () => {
    const record = fc.oneof(
      fc.record({ n: fc.nat(255) }).map(({ n }) => a(`192.0.2.${n}`)),
      fc.tuple(fc.nat(3), fc.nat(3), fc.nat(65_535), fc.domain()).map((parts) => srv(...parts)),
      fc
        .tuple(fc.nat(3), fc.nat(3), fc.constantFrom('SIP+D2U', 'SIP+D2T', 'x'), fc.domain())
        .map((parts) => naptr(...parts)),
    )
    fc.assert(
      fc.property(fc.array(fc.array(record, { maxLength: 40 }), { maxLength: 60 }), (answers) => {
        const to = { scheme: 'sip', host: 'example.net', port: null, transport: null } as const
        const lookup = locateServers(to, REACH, () => 0)
        let step = lookup.next([])
        let questions = 0
        while (!step.done) step = lookup.next(answers[questions++] ?? [])
        assert.ok(step.value.length <= 16)
        assert.ok(questions <= 100)
      }),
    )
  })
})
