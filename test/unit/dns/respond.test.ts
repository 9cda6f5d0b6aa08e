import assert from 'node:assert/strict'
import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet'
import fc from 'fast-check'
import { askForTcp, respond } from '../../../lib/dns/respond.ts'
import { ResponseRate } from '../../../lib/dns/response-rate.ts'
import type { ZoneNode, ZoneView } from '../../../lib/dns/zone.ts'

const ZONE = 'sip.example.net'
const SERVICE = `_sip._udp.${ZONE}`

const nodes = (count: number): readonly ZoneNode[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ id: `node-${i}`, region: 'east', address: `192.0.2.${i}`, state: 'serving', freeCalls: 10, servesDns: true },
    sockets: [{ transport: 'udp', port: 5060 }],
  }))
const viewOf = (count: number): ZoneView => ({ zone: ZONE, self: 'node-0', nodes: nodes(count), serial: 1 })
const VIEW = viewOf(2)

const edns = (udpPayloadSize: number, ednsVersion = 0): Answer => ({
  ...{ type: 'OPT', name: '.', udpPayloadSize, ednsVersion, extendedRcode: 0, flags: 0, flag_do: false, options: [] },
})
const query = (parts: Packet = {}): Buffer =>
  encode({ type: 'query', id: 99, flags: RECURSION_DESIRED, questions: [{ name: SERVICE, type: 'SRV' }], ...parts })

const reply = (bytes: Buffer, view = VIEW, overTcp = false) => {
  const response = respond(bytes, overTcp, view)
  assert.ok(response !== null)
  const packet = decode(response.bytes)
  return {
    ...packet,
    rcode: response.bytes.readUInt16BE(2) & 0x0f,
    outcome: response.outcome,
    length: response.bytes.length,
  }
}

describe('a message to the DNS server', () => {
  it('is answered under its number, with authority, and its question as it was written', () => {
    const name = SERVICE.toUpperCase()
    const { id, flag_qr, flag_aa, flag_rd, flag_ra, questions, answers } = reply(
      query({ questions: [{ name, type: 'SRV' }] }),
    )
    assert.deepEqual([id, flag_qr, flag_aa, flag_rd, flag_ra], [99, true, true, true, false])
    assert.deepEqual(questions, [{ name, type: 'SRV', class: 'IN' }])
    assert.equal(answers?.length, 2)
  })

  it('gets as much as a datagram holds: the addresses are left out first, and then it is told to come by TCP', () => {
    const some = reply(query(), viewOf(6))
    assert.deepEqual([some.flag_tc, some.answers?.length, some.additionals?.length], [false, 6, 0])
    const many = reply(query(), viewOf(16))
    assert.deepEqual([many.flag_tc, many.answers?.length, many.outcome], [true, 0, 'truncated'])
    const large = reply(query({ additionals: [edns(4_096)] }), viewOf(16))
    assert.deepEqual([large.flag_tc, large.answers?.length], [false, 16])
    assert.ok(large.length <= 1_232)
    const tcp = reply(query(), viewOf(16), true)
    assert.deepEqual([tcp.answers?.length, tcp.additionals?.length], [16, 16])
  })

  it('is answered with EDNS0 where it came with it, of the one version there is', () => {
    const opt = (packet: Packet): Answer | undefined => packet.additionals?.find(({ type }) => type === 'OPT')
    assert.equal(opt(reply(query())), undefined)
    assert.equal(opt(reply(query({ additionals: [edns(1_400)] })))?.type, 'OPT')
    const bad = opt(reply(query({ additionals: [edns(1_400, 1)] })))
    assert.ok(bad?.type === 'OPT')
    assert.equal(bad.extendedRcode, 1)
    assert.equal(reply(query({ additionals: [edns(512), edns(512)] })).rcode, 1)
  })

  const ODD: readonly (readonly [why: string, parts: Packet, rcode: number])[] = [
    ['a transfer of the zone', { questions: [{ name: ZONE, type: 'AXFR' }] }, 5],
    ['another class', { questions: [{ name: ZONE, type: 'SRV', class: 'CH' }] }, 5],
    ['a name of somebody else', { questions: [{ name: 'example.com', type: 'A' }] }, 5],
    ['an update', { flags: 5 << 11 }, 4],
    ['no question', { questions: [] }, 1],
    [
      'two questions',
      {
        questions: [
          { name: ZONE, type: 'A' },
          { name: ZONE, type: 'NS' },
        ],
      },
      1,
    ],
    ['an answer in it', { answers: [{ type: 'A', name: ZONE, data: '192.0.2.1' }] }, 1],
  ]
  for (const [why, parts, rcode] of ODD) {
    it(`is turned down: ${why}`, () => {
      const bytes = query(parts)
      const answer = reply(bytes)
      assert.equal(answer.rcode, rcode)
      assert.deepEqual(answer.answers, [])
      assert.ok(answer.length <= bytes.length)
    })
  }

  it('that asks for everything gets a word', () => {
    const bytes = query({ questions: [{ name: ZONE, type: 'A' }] })
    bytes.writeUInt16BE(255, bytes.length - 4)
    const { answers, rcode } = reply(bytes)
    assert.equal(rcode, 0)
    assert.deepEqual(
      answers?.map(({ type }) => type),
      ['HINFO'],
    )
  })

  it('that is an answer gets none, and neither do a few bytes', () => {
    assert.equal(respond(encode({ type: 'response', id: 1 }), false, VIEW), null)
    assert.equal(respond(Buffer.alloc(11), false, VIEW), null)
  })

  it('with a label that text cannot hold is malformed, not another name', () => {
    const sound = query({ questions: [{ name: `a-b.${ZONE}`, type: 'A' }] })
    for (const byte of [0x2e, 0xff]) {
      const bytes = Buffer.from(sound)
      bytes[bytes.indexOf('a-b') + 1] = byte
      assert.equal(reply(bytes).rcode, 1)
    }
  })

  it('is borne whatever its bytes are, and never answered at length but for our zone', () => {
    const sound = query({ additionals: [edns(65_535)] })
    const bear = (bytes: Buffer): void => {
      for (const overTcp of [false, true]) {
        const response = respond(bytes, overTcp, viewOf(20))
        if (response === null) continue
        if (!overTcp) assert.ok(response.bytes.length <= 1_232)
        const isOurs = response.outcome === 'answered' || response.outcome === 'nothing'
        if (!isOurs) assert.ok(response.bytes.length <= Math.max(bytes.length, 12))
        assert.equal(response.bytes.readUInt16BE(0), bytes.readUInt16BE(0))
        decode(response.bytes)
      }
      const short = askForTcp(bytes)
      if (short !== null) assert.ok(short.length <= bytes.length)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => bear(Buffer.from(bytes))))
    const bent = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(bent, fc.nat(sound.length), (changes, length) => {
        const bytes = Buffer.from(sound)
        for (const [at, value] of changes) bytes[at] = value
        bear(bytes)
        bear(bytes.subarray(0, length))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('the rate of answers', () => {
  const judged = (rate: ResponseRate, source: string, count: number, nowMs = 0): Record<string, number> => {
    const sums: Record<string, number> = { answer: 0, truncate: 0, drop: 0 }
    for (let i = 0; i < count; i += 1) {
      const verdict = rate.judge(source, nowMs)
      sums[verdict] = (sums[verdict] ?? 0) + 1
    }
    return sums
  }

  it('is a hundred a second for a source; beyond it some are told to come by TCP, and the rest hear nothing', () => {
    const rate = new ResponseRate()
    assert.deepEqual(judged(rate, '192.0.2.1', 1_000), { answer: 100, truncate: 50, drop: 850 })
    assert.deepEqual(judged(rate, '192.0.2.2', 100), { answer: 100, truncate: 0, drop: 0 })
    assert.deepEqual(judged(rate, '192.0.2.1', 100, 1_000), { answer: 100, truncate: 0, drop: 0 })
  })

  it('counts a whole /64 of IPv6 as one source', () => {
    const rate = new ResponseRate()
    judged(rate, '2001:db8::1', 100)
    assert.equal(judged(rate, '2001:db8::2', 100).answer, 0)
    assert.equal(judged(rate, '2001:db8:0:1::2', 100).answer, 100)
  })

  it('is five thousand a second in all', () => {
    const rate = new ResponseRate()
    let answers = 0
    for (let i = 0; i < 20_000; i += 1) if (rate.judge(`192.0.${i >> 8}.${i & 255}`, 0) === 'answer') answers += 1
    assert.equal(answers, 5_000)
  })
})
