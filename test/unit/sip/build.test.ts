import assert from 'node:assert/strict'
import fc from 'fast-check'
import { buildRefusal, buildRequest, buildResponse } from '../../../lib/sip/build.ts'
import type { SipRequest } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'

const INVITE_HEADERS: [string, string][] = [
  ['v', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa'],
  ['f', 'Alice <sip:alice@example.org>;tag=1'],
  ['t', '<sip:bob@example.com>'],
  ['i', 'abc'],
  ['cseq', '1 INVITE'],
  ['max-forwards', '70'],
]

function invite(more: [string, string][] = [], body?: Buffer): SipRequest {
  const headers = [...INVITE_HEADERS, ...more]
  const built = buildRequest({ method: 'INVITE', uri: 'sip:bob@example.com', headers, body })
  assert.ok(built.ok, built.ok ? '' : built.error.message)
  return built.value
}

describe('a request that is built', () => {
  it('has long names in canonical form, in the order given, and its Content-Length at the end', () => {
    const text = invite([['Content-Length', '99']], Buffer.from('hé'))
      .serialize()
      .toString()
    assert.deepEqual(text.split('\r\n'), [
      'INVITE sip:bob@example.com SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa',
      'From: Alice <sip:alice@example.org>;tag=1',
      'To: <sip:bob@example.com>',
      'Call-ID: abc',
      'CSeq: 1 INVITE',
      'Max-Forwards: 70',
      'Content-Length: 3',
      '',
      'hé',
    ])
  })

  it('keeps the spelling of names it does not know', () => {
    assert.ok(
      invite([['X-tEst', '1']])
        .serialize()
        .includes('\r\nX-tEst: 1\r\n'),
    )
  })

  it('encodes values as UTF-8', () => {
    const parsed = parseMessage(invite([['Subject', 'Grüße 你']]).serialize())
    assert.equal(parsed.ok && parsed.value.header('Subject'), 'Grüße 你')
  })

  const refusals: readonly [why: string, header: [string, string]][] = [
    ['a line break in a value', ['Subject', 'x\r\nFrom: <sip:evil@example.com>']],
    ['a lone CR in a value', ['Subject', 'x\ry']],
    ['a lone LF in a value', ['Subject', 'x\ny']],
    ['a NUL in a value', ['Subject', 'x\0y']],
    ['a line break in a name', ['X\r\nY', 'x']],
    ['a colon in a name', ['X:Y', 'x']],
    ['a second From', ['From', '<sip:x@y>']],
    ['a Route nobody can read', ['Route', '<sip:x']],
  ]
  for (const [why, header] of refusals) {
    it(`is refused with ${why}`, () => {
      const headers = [...INVITE_HEADERS, header]
      assert.equal(buildRequest({ method: 'INVITE', uri: 'sip:bob@example.com', headers }).ok, false)
    })
  }

  it('is refused with a line break in its method or Request-URI', () => {
    const bad = ['INVITE\r\nX: y', 'INVITE']
    assert.equal(buildRequest({ method: bad[0] ?? '', uri: 'sip:a@b', headers: INVITE_HEADERS }).ok, false)
    assert.equal(buildRequest({ method: 'INVITE', uri: 'sip:a@b\r\nX: y', headers: INVITE_HEADERS }).ok, false)
  })

  it('is refused, or comes out of parsing as it went in, with any value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const headers: [string, string][] = [...INVITE_HEADERS, ['X-Any', value]]
        const built = buildRequest({ method: 'INVITE', uri: 'sip:bob@example.com', headers })
        if (!built.ok) return
        const parsed = parseMessage(built.value.serialize())
        assert.ok(parsed.ok)
        assert.equal(parsed.value.lines.length, built.value.lines.length)
        assert.deepEqual(parsed.value.serialize(), built.value.serialize())
      }),
    )
  })
})

describe('a response', () => {
  it('copies Via, From, To, Call-ID and CSeq as they came, and adds our To tag', () => {
    const bytes = invite([['via', 'SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKb']]).serialize()
    const parsed = parseMessage(Buffer.from(bytes.toString().replace('From: Alice', 'fRom :\r\n  Alice')))
    assert.ok(parsed.ok && parsed.value.kind === 'request')
    const ringing = buildResponse(parsed.value, 180, 'Ringing', { toTag: 'ours', headers: [['contact', '<sip:us>']] })
    assert.ok(ringing.ok)
    assert.deepEqual(ringing.value.serialize().toString().split('\r\n'), [
      'SIP/2.0 180 Ringing',
      'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa',
      'fRom :',
      '  Alice <sip:alice@example.org>;tag=1',
      'To: <sip:bob@example.com>;tag=ours',
      'Call-ID: abc',
      'CSeq: 1 INVITE',
      'Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKb',
      'Contact: <sip:us>',
      'Content-Length: 0',
      '',
      '',
    ])
    assert.equal(ringing.value.vias().length, 2)
    assert.equal(ringing.value.to().params.get('tag'), 'ours')
  })

  it('keeps the To tag of a request inside a dialog', () => {
    const inside = buildRequest({
      method: 'INVITE',
      uri: 'sip:bob@example.com',
      headers: INVITE_HEADERS.map(([name, value]) => [name, name === 't' ? `${value};tag=theirs` : value]),
    })
    assert.ok(inside.ok)
    const okay = buildResponse(inside.value, 200, 'OK', { toTag: 'ours' })
    assert.equal(okay.ok && okay.value.to().params.get('tag'), 'theirs')
  })

  const copies: readonly [status: number, hasRecordRoute: boolean, hasTimestamp: boolean, hasTag: boolean][] = [
    [100, false, true, false],
    [183, true, false, true],
    [200, true, false, true],
    [302, false, false, true],
    [486, false, false, true],
  ]
  for (const [status, hasRecordRoute, hasTimestamp, hasTag] of copies) {
    it(`of ${status} copies Record-Route, Timestamp and takes a tag as RFC 3261 says`, () => {
      const from = invite([
        ['Record-Route', '<sip:p1;lr>'],
        ['Timestamp', '54'],
        ['Subject', 'not copied'],
      ])
      const built = buildResponse(from, status, 'x', { toTag: 'ours' })
      assert.ok(built.ok)
      assert.deepEqual(
        [built.value.has('Record-Route'), built.value.has('Timestamp'), built.value.to().params.has('tag')],
        [hasRecordRoute, hasTimestamp, hasTag],
      )
      assert.equal(built.value.has('Subject'), false)
      assert.equal(built.value.has('Max-Forwards'), false)
    })
  }

  it('leaves out headers given that it copies from the request', () => {
    const built = buildResponse(invite(), 200, 'OK', {
      headers: [
        ['CSeq', '7 BYE'],
        ['l', '9'],
        ['To', '<sip:x>'],
      ],
    })
    assert.ok(built.ok)
    assert.deepEqual([built.value.headers('CSeq'), built.value.headers('l')], [['1 INVITE'], ['0']])
  })

  it('is refused with a header that has a line break, a reason that has one, or no proper status or tag', () => {
    assert.equal(buildResponse(invite(), 200, 'OK', { headers: [['Subject', 'a\r\nb']] }).ok, false)
    assert.equal(buildResponse(invite(), 200, 'OK\r\nX: y').ok, false)
    assert.equal(buildResponse(invite(), 99, 'Low').ok, false)
    assert.equal(buildResponse(invite(), 200.5, 'Half').ok, false)
    assert.equal(buildResponse(invite(), 200, 'OK', { toTag: 'a;b' }).ok, false)
  })
})

describe('the refusal of a request that cannot be parsed', () => {
  function refusal(text: string): string | undefined {
    const parsed = parseMessage(Buffer.from(text))
    assert.ok(!parsed.ok)
    return buildRefusal(parsed.error, 'Bad Request', 'ours', 'Us/1')?.toString()
  }

  it('carries what there was to copy, a To tag, who refuses, and why', () => {
    const text = 'OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;;\r\nTo: <sip:a@b>\r\nCSeq: 1 OPTIONS\r\nX: y\r\n\r\n'
    const answer = 'SIP/2.0 400 Bad Request\r\nv: SIP/2.0/UDP h;;\r\nTo: <sip:a@b>;tag=ours\r\nCSeq: 1 OPTIONS\r\n'
    const why = 'Server: Us/1\r\nWarning: 399 tandem "Via is malformed: SIP/2.0/UDP h;;"\r\n'
    assert.equal(refusal(text), `${answer}${why}Content-Length: 0\r\n\r\n`)
  })

  it('is not much longer than what it refuses, however often that repeats itself', () => {
    const text = `OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;;\r\n${'t:a\r\n'.repeat(200)}${'i:1\r\n'.repeat(50)}\r\n`
    assert.equal(
      refusal(text)
        ?.match(/^[ti]:/gm)
        ?.join(),
      't:,i:',
    )
  })

  it('keeps a To tag that is there', () => {
    const text = 'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:a@b> ; TAG = x\r\n\r\n'
    assert.ok(refusal(text)?.includes('To: <sip:a@b> ; TAG = x\r\n'))
  })

  it('is not made for an ACK', () => {
    assert.equal(refusal('ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n'), undefined)
  })
})
