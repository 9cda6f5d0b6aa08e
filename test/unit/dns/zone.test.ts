import assert from 'node:assert/strict'
import type { Answer } from 'dns-packet'
import fc from 'fast-check'
import { answerQuestion, type ZoneNode, type ZoneView } from '../../../lib/dns/zone.ts'

const ZONE = 'sip.example.net'
const UDP = { transport: 'udp', port: 5060 } as const
const TCP = { transport: 'tcp', port: 5060 } as const

const node = (id: string, more: Partial<ZoneNode> = {}): ZoneNode => ({
  id,
  region: 'east',
  address: '192.0.2.1',
  sockets: [UDP, TCP],
  state: 'serving',
  freeCalls: 100,
  servesDns: true,
  ...more,
})

const view = (...nodes: readonly ZoneNode[]): ZoneView => ({ zone: ZONE, self: nodes[0]?.id ?? '', nodes, serial: 7 })

/** Each record as dig prints its data. */
const told = (answers: readonly Answer[]): readonly string[] =>
  answers.map((answer) => {
    switch (answer.type) {
      case 'SRV':
        return `${answer.data.priority} ${answer.data.weight} ${answer.data.port} ${answer.data.target}`
      case 'NAPTR':
        return `${answer.data.order} ${answer.data.preference} ${answer.data.services} ${answer.data.replacement}`
      case 'SOA':
        return `SOA ${answer.data.mname} ${answer.data.serial}`
      default:
        return 'data' in answer && typeof answer.data === 'string' ? answer.data : answer.type
    }
  })

const srv = (of: ZoneView, transport = 'udp'): readonly string[] =>
  told(answerQuestion({ name: `_sip._${transport}.${ZONE}`, type: 'SRV' }, of).answers)

describe('the zone of the fleet', () => {
  const STORIES: readonly (readonly [why: string, nodes: readonly ZoneNode[], want: readonly string[]])[] = [
    [
      'lists nodes of its own region first, and by their free capacity',
      [node('a', { freeCalls: 10 }), node('w', { region: 'west', freeCalls: 500 }), node('b', { freeCalls: 90 })],
      [`10 90 5060 b.${ZONE}`, `10 10 5060 a.${ZONE}`, `20 500 5060 w.${ZONE}`],
    ],
    [
      'leaves out nodes that drain, are full, or do not answer SIP',
      [node('a', { state: 'leaving' }), node('b', { state: 'hindered' }), node('c', { region: 'west' })],
      [`20 100 5060 c.${ZONE}`],
    ],
    [
      'lists hindered ones where no other is left',
      [node('a', { state: 'leaving' }), node('b', { state: 'hindered', freeCalls: 0 })],
      [`10 1 5060 b.${ZONE}`],
    ],
    ['lists one that drains where it is the last', [node('a', { state: 'leaving' })], [`10 100 5060 a.${ZONE}`]],
    ['leads to host names as they are', [node('a', { address: 'sbc.example.com' })], ['10 100 5060 sbc.example.com']],
    ['leaves out nodes without such a socket', [node('a', { sockets: [TCP] }), node('b')], [`10 100 5060 b.${ZONE}`]],
    [
      'makes labels of ids, each of its own',
      [node('East_1', { freeCalls: 3 }), node('east.1', { freeCalls: 2 }), node('east-1', { freeCalls: 1 })],
      [`10 3 5060 east-1.${ZONE}`, `10 2 5060 east-1-3.${ZONE}`, `10 1 5060 east-1-2.${ZONE}`],
    ],
  ]
  for (const [why, nodes, want] of STORIES) it(why, () => assert.deepEqual(srv(view(...nodes)), want))

  it('tells the addresses of nodes by their names, and with the SRV records', () => {
    const of = view(node('a'), node('six', { address: '2001:db8::1' }))
    const ask = (name: string, type: string) => answerQuestion({ name: `${name}${ZONE}`, type }, of)
    assert.deepEqual(told(ask('a.', 'A').answers), ['192.0.2.1'])
    assert.deepEqual(told(ask('SIX.', 'AAAA').answers), ['2001:db8::1'])
    assert.deepEqual(told(ask('_sip._udp.', 'SRV').additionals), ['192.0.2.1', '2001:db8::1'])
    assert.deepEqual(told(ask('', 'A').answers), ['192.0.2.1'])
    assert.deepEqual(told(ask('', 'NS').answers), [`a.${ZONE}`, `six.${ZONE}`])
    assert.deepEqual(told(ask('', 'SOA').answers), [`SOA a.${ZONE} 7`])
  })

  it('offers by NAPTR what some node speaks, UDP first', () => {
    const naptr = (...nodes: readonly ZoneNode[]) =>
      told(answerQuestion({ name: ZONE, type: 'NAPTR' }, view(...nodes)).answers)
    assert.deepEqual(naptr(node('a')), [`10 10 SIP+D2U _sip._udp.${ZONE}`, `10 20 SIP+D2T _sip._tcp.${ZONE}`])
    assert.deepEqual(naptr(node('a', { sockets: [TCP] })), [`10 20 SIP+D2T _sip._tcp.${ZONE}`])
  })

  const NEGATIVE: readonly (readonly [name: string, type: string, rcode: number, why: string])[] = [
    ['nobody.sip.example.net', 'A', 3, 'an unknown name'],
    ['_sip._sctp.sip.example.net', 'SRV', 3, 'an unknown service'],
    ['x.a.sip.example.net', 'A', 3, 'a name below a node'],
    ['a.sip.example.net', 'AAAA', 0, 'a type that a node has not'],
    ['_sip._udp.sip.example.net', 'A', 0, 'a type that a service has not'],
    ['_udp.sip.example.net', 'SRV', 0, 'a name between zone and service'],
    ['_sips._tcp.sip.example.net', 'SRV', 0, 'a service that no node has'],
    ['sip.example.net', 'UNKNOWN_65', 0, 'a type that nobody knows'],
  ]
  for (const [name, type, rcode, why] of NEGATIVE) {
    it(`says with its SOA that there is nothing: ${why}`, () => {
      const answer = answerQuestion({ name, type }, view(node('a')))
      assert.equal(answer.rcode, rcode)
      assert.deepEqual(answer.answers, [])
      assert.deepEqual(told(answer.authorities), [`SOA a.${ZONE} 7`])
    })
  }

  it('refuses names of others', () => {
    for (const name of ['example.net', 'xsip.example.net', 'com', '.']) {
      const answer = answerQuestion({ name, type: 'A' }, view(node('a')))
      assert.deepEqual([answer.rcode, answer.authoritative, answer.authorities], [5, false, []], name)
    }
  })

  it('never answers with nothing while a node lives', () => {
    const any = fc.record({
      region: fc.constantFrom('east', 'west'),
      state: fc.constantFrom('serving', 'hindered', 'leaving'),
      freeCalls: fc.integer({ min: -5, max: 100_000 }),
    })
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 40 }), (nodes) => {
        const answers = srv(view(...nodes.map((more, i) => node(`n${i}`, more))))
        assert.ok(answers.length > 0 && answers.length <= 16)
        const isServing = nodes.some(({ state }) => state === 'serving')
        const states = answers.map((line) => nodes[Number(/ n(\d+)\./.exec(line)?.[1])]?.state)
        if (isServing) assert.ok(states.every((state) => state === 'serving'))
        for (const line of answers) assert.match(line, /^[12]0 [1-9]\d{0,4} /)
      }),
    )
  })
})
