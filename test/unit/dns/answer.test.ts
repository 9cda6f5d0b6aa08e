import assert from 'node:assert/strict'
import { type Answer, AUTHORITATIVE_ANSWER, type DecodedPacket, encode, type Packet } from 'dns-packet'
import fc from 'fast-check'
import { isAnswerTo, judgeAnswer } from '../../../lib/dns/answer.ts'
import { decodeMessage, formatQuestion, isName } from '../../../lib/dns/codec.ts'

const SRV = { name: '_sip._udp.carrier.test', type: 'SRV' } as const
const ID = 4_711

/** An answer as it comes from the wire. */
function message(parts: Packet): DecodedPacket {
  const packet: Packet = { type: 'response', id: ID, flags: AUTHORITATIVE_ANSWER, questions: [SRV], ...parts }
  return decodeMessage(encode(packet)) ?? assert.fail('cannot be decoded')
}

const srv = (target: string, ttl: number, name: string = SRV.name): Answer => ({
  ...{ type: 'SRV', name, ttl, data: { priority: 1, weight: 2, port: 5060, target } },
})
const cname = (name: string, data: string, ttl: number): Answer => ({ type: 'CNAME', name, data, ttl })
const soa = (ttl: number, minimum: number): Answer => ({
  ...{ type: 'SOA', name: 'carrier.test', ttl, data: { mname: 'ns.test', rname: 'ops.test', minimum } },
})
const ns: Answer = { type: 'NS', name: 'carrier.test', data: 'ns.elsewhere.test' }

const NX = 3

describe('an answer of DNS', () => {
  const STORIES: readonly (readonly [why: string, parts: Packet, want: string])[] = [
    [
      'has the records of the name, and the least of their TTLs',
      { answers: [srv('a', 60), srv('b', 30)] },
      'found a b 30000',
    ],
    ['has nothing of another name', { answers: [srv('a', 60, 'stranger.test')] }, 'none 5000'],
    ['knows no case in names', { answers: [srv('a', 60, '_SIP._udp.Carrier.TEST')] }, 'found a 60000'],
    [
      'is followed over aliases, whose TTL counts too',
      { answers: [srv('a', 60, 'x.test'), cname(SRV.name, 'x.test', 7)] },
      'found a 7000',
    ],
    ['may end at an alias', { answers: [cname(SRV.name, 'x.test', 7)] }, 'alias x.test 7000'],
    [
      'is none where its aliases are a circle',
      { answers: [cname(SRV.name, 'x.test', 7), cname('x.test', SRV.name, 7)] },
      'failed',
    ],
    ['says for how long there is no record', { authorities: [soa(20, 30)] }, 'none 20000'],
    [
      'says for how long there is no name, the smaller of two figures',
      { flags: NX, authorities: [soa(30, 20)] },
      'none 20000',
    ],
    [
      'is not believed for more than a minute that there is nothing',
      { authorities: [soa(86_400, 86_400)] },
      'none 60000',
    ],
    ['is believed for 5 s without a SOA', { flags: NX }, 'none 5000'],
    ['has no TTL where its highest bit is set', { answers: [srv('a', 2 ** 31)] }, 'found a 0'],
    ['is none where it refers to others', { authorities: [ns] }, 'failed'],
    ['is none where the server fails', { flags: 2 }, 'failed'],
    ['is none where the server refuses', { flags: 5 }, 'failed'],
    ['is cut off where it says so, whatever it has', { flags: 0x0200, answers: [srv('a', 60)] }, 'truncated'],
  ]
  for (const [why, parts, want] of STORIES) {
    it(why, () => {
      const verdict = judgeAnswer(message(parts), SRV)
      const names = 'records' in verdict ? verdict.records.map((one) => ('target' in one ? one.target : '?')) : []
      const alias = verdict.kind === 'alias' ? [verdict.name] : []
      const ttl = 'ttlMs' in verdict ? [verdict.ttlMs] : []
      assert.equal([verdict.kind, ...names, ...alias, ...ttl].join(' '), want)
    })
  }

  it('counts only to the question and the number that were asked', () => {
    const answer = message({ answers: [srv('a', 60)] })
    assert.equal(isAnswerTo(answer, SRV, ID), true)
    assert.equal(isAnswerTo(answer, SRV, ID + 1), false)
    assert.equal(isAnswerTo(answer, { ...SRV, type: 'A' }, ID), false)
    assert.equal(isAnswerTo(answer, { ...SRV, name: 'carrier.test' }, ID), false)
    assert.equal(isAnswerTo(message({ type: 'query' }), SRV, ID), false)
  })

  it('is judged without an exception, whatever bytes come', () => {
    const sound = encode({ type: 'response', id: ID, questions: [SRV], answers: [srv('a', 60), cname('b', 'c', 1)] })
    const judge = (bytes: Uint8Array): void => {
      const packet = decodeMessage(bytes)
      if (packet !== null && isAnswerTo(packet, SRV, ID)) judgeAnswer(packet, SRV)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), judge))
    const bent = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(bent, fc.nat(sound.length), (changes, length) => {
        const bytes = Buffer.from(sound)
        for (const [at, value] of changes) bytes[at] = value
        judge(bytes)
        judge(bytes.subarray(0, length))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is nothing where it announces more records than it has room for, and costs no time', () => {
    const counts = Buffer.from('0008000100010100efbbbf0001000000000000', 'hex')
    const datagram = Buffer.concat([counts, encode({ type: 'query', questions: [SRV] }).subarray(12)])
    const fromMs = performance.now()
    for (let i = 0; i < 100; i++) assert.equal(decodeMessage(datagram), null)
    assert.ok(performance.now() - fromMs < 500)
  })
})

describe('a question to DNS', () => {
  it('is asked for names that a name server can know', () => {
    assert.equal(isName('_sip._udp.carrier.test.'), true)
    for (const name of ['', '.', 'a..b', `${'x'.repeat(64)}.test`, 'a b', 'ä.test', `${'a.'.repeat(127)}aa`]) {
      assert.equal(isName(name), false, name)
    }
  })

  it('wants recursion, for one name and type', () => {
    const packet = decodeMessage(formatQuestion(ID, 'Carrier.test.', 'NAPTR'))
    assert.equal(packet?.flag_rd, true)
    assert.equal(packet?.id, ID)
    assert.deepEqual(packet?.questions, [{ name: 'carrier.test', type: 'NAPTR', class: 'IN' }])
  })
})
