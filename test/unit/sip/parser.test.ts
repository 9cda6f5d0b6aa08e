import assert from 'node:assert/strict'
import fc from 'fast-check'
import { MAX_HEADER_LINE_BYTES, MAX_HEADER_LINES, MAX_LIST_VALUES, MAX_MESSAGE_BYTES } from '../../../lib/sip/limits.ts'
import type { SipMessage, SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { tagOf } from '../../../lib/sip/name-addr.ts'
import type { SipParseError } from '../../../lib/sip/parse-error.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import { branchOf } from '../../../lib/sip/via.ts'

const HEAD = {
  start: 'INVITE sip:bob@example.com SIP/2.0',
  via: 'Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport',
  from: 'From: "Alice" <sip:alice@example.org>;tag=1',
  to: 'To: <sip:bob@example.com>',
  callId: 'Call-ID: a84b4c76e66710@192.0.2.1',
  cseq: 'CSeq: 314159 INVITE',
  hops: 'Max-Forwards: 70',
}

/** The message above with lines changed (undefined removes one) and others added, as bytes. */
function bytesOf(
  changes: Partial<Record<keyof typeof HEAD, string | undefined>> = {},
  more: string[] = [],
  body = '',
): Buffer {
  const lines = Object.values({ ...HEAD, ...changes }).filter((line) => line !== undefined)
  return Buffer.from(`${[...lines, ...more].join('\r\n')}\r\n\r\n${body}`)
}

function accepted(bytes: Buffer): SipMessage {
  const parsed = parseMessage(bytes)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.message)
  return parsed.value
}

function request(bytes: Buffer): SipRequest {
  const message = accepted(bytes)
  assert.ok(message.kind === 'request')
  return message
}

function response(start: string, more: string[] = []): SipResponse {
  const message = accepted(bytesOf({ start, hops: undefined }, more))
  assert.ok(message.kind === 'response')
  return message
}

function refused(bytes: Buffer): SipParseError {
  const parsed = parseMessage(bytes)
  assert.ok(!parsed.ok)
  return parsed.error
}

describe('a SIP request', () => {
  it('gives its parts', () => {
    const invite = request(bytesOf({}, ['Contact: <sip:alice@192.0.2.1>', 'Content-Length: 4'], 'body'))
    assert.equal(invite.method, 'INVITE')
    assert.equal(invite.uri, 'sip:bob@example.com')
    assert.equal(branchOf(invite.topVia()), 'z9hG4bKa')
    assert.equal(invite.from().displayName, 'Alice')
    assert.equal(tagOf(invite.from()), '1')
    assert.equal(tagOf(invite.to()), undefined)
    assert.equal(invite.callId, 'a84b4c76e66710@192.0.2.1')
    assert.deepEqual(invite.cseq(), { seq: 314_159, method: 'INVITE' })
    assert.equal(invite.maxForwards, 70)
    assert.deepEqual(invite.contacts().length, 1)
    assert.equal(invite.body.toString(), 'body')
  })

  it('is read with compact names, names in any case and blanks before the colon', () => {
    const bytes = bytesOf({
      via: 'v : SIP/2.0/TCP a',
      from: 'F:<sip:a@b>',
      to: 'tO\t:<sip:c@d>',
      callId: 'i: x',
      cseq: 'CSEQ:1 INVITE',
    })
    const invite = request(bytes)
    assert.deepEqual(
      [...invite.headerLines()].map(([name]) => name),
      ['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards'],
    )
    assert.equal(invite.header('I'), 'x')
    assert.equal(invite.header('call-id'), 'x')
  })

  it('is read with headers folded over several lines', () => {
    const invite = request(
      bytesOf({ to: 'To:\r\n  <sip:bob@example.com>\r\n\t;tag=9  ' }, ['Subject: a  \r\n b\r\n   c']),
    )
    assert.equal(tagOf(invite.to()), '9')
    assert.equal(invite.header('Subject'), 'a b c')
  })

  it('gives values of a list over all its lines, in order', () => {
    const invite = request(bytesOf({}, ['Supported: 100rel, timer', 'Allow: INVITE', 'k: replaces']))
    assert.deepEqual(invite.values('supported'), ['100rel', 'timer', 'replaces'])
    assert.deepEqual(invite.headers('Supported'), ['100rel, timer', 'replaces'])
    assert.equal(invite.header('Supported'), '100rel, timer')
    assert.deepEqual(invite.values('Require'), [])
    assert.equal(invite.has('Allow'), true)
    assert.equal(invite.has('no such header :'), false)
  })

  it('keeps headers it does not know, with any value', () => {
    const invite = request(bytesOf({}, ['X-New: ;;,,;;,;', 'x-new:', 'Subject: h\u00e9llo \u4f60']))
    assert.deepEqual(invite.headers('X-NEW'), [';;,,;;,;', ''])
    assert.equal(invite.header('Subject'), 'h\u00e9llo \u4f60')
  })

  it('may have a method nobody knows and a scheme nobody knows', () => {
    const novel = request(bytesOf({ start: 'N!W.method sip2+x:anything SIP/2.0', cseq: 'CSeq: 1 N!W.method' }))
    assert.deepEqual(novel.requestUri(), { scheme: 'sip2+x', opaque: 'anything' })
  })

  it('may name the version in any case', () => {
    assert.equal(request(bytesOf({ start: 'INVITE sip:bob@example.com sip/2.0' })).method, 'INVITE')
  })

  it('may follow empty lines', () => {
    assert.equal(request(Buffer.concat([Buffer.from('\r\n\r\n'), bytesOf()])).method, 'INVITE')
  })

  it('may leave out Max-Forwards, the From tag and the branch, as RFC 2543 does', () => {
    const old = request(bytesOf({ hops: undefined, from: 'From: sip:a@b', via: 'Via: SIP/2.0/UDP gw.example.com' }))
    assert.equal(old.maxForwards, undefined)
    assert.equal(tagOf(old.from()), undefined)
    assert.equal(branchOf(old.topVia()), undefined)
  })

  it('has the body its Content-Length says, and what follows is dropped', () => {
    assert.equal(request(bytesOf({}, ['l: 0003'], 'abcdef')).body.toString(), 'abc')
    assert.equal(request(bytesOf({}, [], 'abcdef')).body.toString(), 'abcdef')
  })

  it('may remove all registrations by the Contact *', () => {
    const start = 'REGISTER sip:example.com SIP/2.0'
    assert.equal(request(bytesOf({ start, cseq: 'CSeq: 1 REGISTER' }, ['m: *', 'Expires: 0'])).contacts(), '*')
  })

  it('keeps its Route values in order over lines and commas', () => {
    const invite = request(bytesOf({}, ['Route: <sip:a;lr>, <sip:b;lr>', 'Record-Route: <sip:z;lr>', 'Route: <sip:c>']))
    assert.deepEqual(
      invite.routes().map(({ uri }) => uri),
      ['sip:a;lr', 'sip:b;lr', 'sip:c'],
    )
    assert.equal(invite.recordRoutes().length, 1)
  })
})

describe('an ACK', () => {
  it('may have a Request-URI that nobody can read: only its dialog matters, and it cannot be answered', () => {
    const ack = request(bytesOf({ start: 'ACK sip:sip:192.0.2.2:5060 SIP/2.0', cseq: 'CSeq: 314159 ACK' }))
    assert.equal(ack.method, 'ACK')
    for (const uri of ['sip: bob', 'sip:\tbob', 'sip:bób', '']) {
      assert.equal(parseMessage(bytesOf({ start: `ACK ${uri} SIP/2.0`, cseq: 'CSeq: 314159 ACK' })).ok, false, uri)
    }
  })
})

describe('a SIP response', () => {
  it('gives status and reason', () => {
    const busy = response('SIP/2.0 486 Busy Here')
    assert.deepEqual([busy.status, busy.reason], [486, 'Busy Here'])
  })

  it('may have an empty reason, with and without the blank before it', () => {
    assert.equal(response('SIP/2.0 200 ').reason, '')
    assert.equal(response('SIP/2.0 200').reason, '')
  })

  it('keeps so much of a reason as a line can hold when it is written anew', () => {
    const { reason } = response(`SIP/2.0 200 ${'\u00ff'.repeat(4_000)}`)
    assert.equal(reason.length, 1_024)
  })

  it('may have a reason in any script', () => {
    const spanish = response('SIP/2.0 200 Sí = 4 × 50')
    assert.equal(spanish.reason, 'Sí = 4 × 50')
    assert.ok(spanish.serialize().includes('SIP/2.0 200 Sí = 4 × 50\r\n'))
  })

  it('may have two tags in To, of which the first holds', () => {
    const text = bytesOf({ start: 'SIP/2.0 200 OK', to: 'To: <sip:bob@example.com>;tag=1;tag=2', hops: undefined })
    assert.equal(tagOf(accepted(text).to()), '1')
    assert.equal(parseMessage(bytesOf({ to: 'To: <sip:bob@example.com>;tag=1;tag=2' })).ok, false)
  })

  it('counts a Contact or Record-Route that nobody can read as absent, for a call waits for the rest of it', () => {
    const ringing = response('SIP/2.0 180 Ringing', ['Contact: <[::1]>', 'Record-Route: <'])
    assert.deepEqual(ringing.contacts(), [])
    assert.deepEqual(ringing.recordRoutes(), [])
  })
})

describe('a SIP message is refused', () => {
  const oneTooMany = Array.from({ length: MAX_HEADER_LINES - 6 + 1 }, (_, i) => `X-${i}: y`)
  const cases: readonly [why: string, bytes: Buffer, code: string][] = [
    ['with no start line', bytesOf({ start: '' }), 'start-line'],
    ['with a start line of words', bytesOf({ start: 'hello' }), 'start-line'],
    ['with two blanks in its start line', bytesOf({ start: 'INVITE  sip:bob@example.com SIP/2.0' }), 'request-uri'],
    ['with a blank after its start line', bytesOf({ start: `${HEAD.start} ` }), 'start-line'],
    ['with a method that is no token', bytesOf({ start: 'IN<VITE sip:bob@example.com SIP/2.0' }), 'start-line'],
    ['with a Request-URI nobody can read', bytesOf({ start: 'INVITE sip: SIP/2.0' }), 'request-uri'],
    ['with headers in its Request-URI', bytesOf({ start: 'INVITE sip:a@b?Route=x SIP/2.0' }), 'request-uri'],
    ['of another version', bytesOf({ start: 'INVITE sip:bob@example.com SIP/3.0' }), 'version'],
    ['with a status of four digits', bytesOf({ start: 'SIP/2.0 2000 OK' }), 'start-line'],
    ['with a status below 100', bytesOf({ start: 'SIP/2.0 099 Early' }), 'start-line'],
    ['with a status above 699', bytesOf({ start: 'SIP/2.0 700 Late' }), 'start-line'],
    ['without Via', bytesOf({ via: undefined }), 'header-missing'],
    ['without From', bytesOf({ from: undefined }), 'header-missing'],
    ['without To', bytesOf({ to: undefined }), 'header-missing'],
    ['without Call-ID', bytesOf({ callId: undefined }), 'header-missing'],
    ['without CSeq', bytesOf({ cseq: undefined }), 'header-missing'],
    ['with an empty Via', bytesOf({ via: 'Via:' }), 'header-missing'],
    ['with an empty Call-ID', bytesOf({ callId: 'Call-ID:  ' }), 'header-malformed'],
    ['with two From headers', bytesOf({}, ['f: <sip:x@y>']), 'header-repeated'],
    ['with two Call-IDs', bytesOf({}, ['Call-ID: other']), 'header-repeated'],
    ['with two Content-Lengths', bytesOf({}, ['l: 0', 'Content-Length: 0']), 'header-repeated'],
    ['with a CSeq of 2^31', bytesOf({ cseq: 'CSeq: 2147483648 INVITE' }), 'header-malformed'],
    ['with a CSeq of many digits', bytesOf({ cseq: 'CSeq: 36893488147419103232 INVITE' }), 'header-malformed'],
    ['with a negative CSeq', bytesOf({ cseq: 'CSeq: -1 INVITE' }), 'header-malformed'],
    ['with a CSeq without method', bytesOf({ cseq: 'CSeq: 1' }), 'header-malformed'],
    ['with a CSeq of another method', bytesOf({ cseq: 'CSeq: 1 BYE' }), 'method-mismatch'],
    ['with a CSeq method in another case', bytesOf({ cseq: 'CSeq: 1 invite' }), 'method-mismatch'],
    ['with Max-Forwards 256', bytesOf({ hops: 'Max-Forwards: 256' }), 'header-malformed'],
    ['with Max-Forwards of words', bytesOf({ hops: 'Max-Forwards: many' }), 'header-malformed'],
    ['with a Contact without scheme', bytesOf({}, ['Contact: <[::1]>']), 'header-malformed'],
    ['with a Route that never closes', bytesOf({}, ['Route: <sip:a']), 'header-malformed'],
    ['with a body shorter than its Content-Length', bytesOf({}, ['Content-Length: 10'], 'short'), 'content-length'],
    ['with a negative Content-Length', bytesOf({}, ['Content-Length: -1']), 'content-length'],
    ['with a header without colon', bytesOf({}, ['Foobar roobar']), 'header-syntax'],
    ['with a header name that is no token', bytesOf({}, ['Foo bar: x']), 'header-syntax'],
    ['with an empty header name', bytesOf({}, [': x']), 'header-syntax'],
    ['with a folded line before any header', bytesOf({ via: ` ${HEAD.via}` }), 'header-syntax'],
    ['with a lone CR in a header', bytesOf({}, ['Subject: a\rb']), 'header-syntax'],
    ['with a lone LF in a header', bytesOf({}, ['Subject: a\nFrom: <sip:x@y>']), 'header-syntax'],
    ['with a lone LF in a folded header', bytesOf({}, ['Subject: a\r\n b\nX: y']), 'header-syntax'],
    ['with a lone LF before a colon', bytesOf({}, ['Subj\nect: a']), 'header-syntax'],
    ['with too many headers', bytesOf({}, oneTooMany), 'too-many-headers'],
    ['with a header line too long', bytesOf({}, [`X: ${'y'.repeat(MAX_HEADER_LINE_BYTES)}`]), 'header-too-long'],
    [
      'with too many values over several lines',
      bytesOf(
        {},
        Array.from({ length: 129 }, () => 'Route: <sip:a>'),
      ),
      'too-many-values',
    ],
    ['with a Contact * among others', bytesOf({}, ['Contact: *', 'Contact: <sip:a@b>']), 'header-malformed'],
    ['with too many values', bytesOf({}, [`Route: ${'<sip:a>,'.repeat(MAX_LIST_VALUES + 1)}`]), 'too-many-values'],
    ['with a control in its Call-ID', bytesOf({ callId: 'Call-ID: a\x01b' }), 'header-malformed'],
    ['with a NUL outside of a quoted-pair', bytesOf({}, ['Subject: a\0b']), 'header-syntax'],
    ['without an empty line', Buffer.from(bytesOf().toString().trimEnd()), 'truncated'],
    ['in the middle of its start line', Buffer.from('INVITE sip:bob'), 'start-line'],
    ['with nothing but empty lines', Buffer.from('\r\n\r\n'), 'empty'],
    ['with nothing at all', Buffer.alloc(0), 'empty'],
    ['beyond the limit', Buffer.alloc(MAX_MESSAGE_BYTES + 1, 'a'), 'message-too-large'],
  ]
  for (const [why, bytes, code] of cases) {
    it(`${why}, as ${code}`, () => {
      const error = refused(bytes)
      assert.equal(error.code, code, error.message)
      assert.equal(error.status, { version: 505, 'message-too-large': 513 }[code] ?? 400)
    })
  }

  it('with what is needed to answer it, as it came', () => {
    const { partial } = refused(bytesOf({ cseq: 'CSeq: 1 BYE' }, ['Subject: x']))
    assert.equal(partial?.method, 'INVITE')
    assert.equal(partial?.topVia?.host, '192.0.2.1')
    assert.deepEqual(
      partial?.lines.map(({ header }) => header.name),
      ['Via', 'From', 'To', 'Call-ID', 'CSeq'],
    )
  })

  const unanswerable: readonly [why: string, bytes: Buffer][] = [
    ['a response', bytesOf({ start: 'SIP/2.0 200 OK', cseq: undefined })],
    ['an ACK', bytesOf({ start: 'ACK sip:bob@example.com SIP/2.0' })],
    ['a request without any Via', bytesOf({ via: undefined })],
    ['noise', Buffer.from('\0\x01\x02\r\nVia: SIP/2.0/UDP h\r\n\r\n')],
  ]
  for (const [what, bytes] of unanswerable) {
    it(`without an answer to ${what}`, () => assert.equal(refused(bytes).partial, undefined))
  }
})

describe('the parser', () => {
  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,12}$/)
  const value = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replace(/[\r\n\0]/g, ' ').trim())
  const body = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes))
  const wellFormed = fc
    .record({ headers: fc.array(fc.tuple(token, value), { maxLength: 12 }), folds: fc.boolean(), body })
    .map(({ headers, folds, body: bytes }) => {
      const own = headers.map(([name, text]) => `X-${name}${folds ? ' \t' : ''}:${folds ? '\r\n ' : ''}${text}`)
      const head = bytesOf({}, [...own, `Content-Length: ${bytes.length}`])
      return Buffer.concat([head, bytes])
    })

  it('gives back by serializing, byte for byte, what it took in', () => {
    fc.assert(fc.property(wellFormed, (bytes) => assert.deepEqual(accepted(bytes).serialize(), bytes)))
  })

  it('passes bytes on that are not UTF-8, and shows them as replacement characters', () => {
    const bytes = Buffer.from(bytesOf({}, ['Subject: \u00ff\u00fe', 'Content-Length: 0']).toString(), 'latin1')
    assert.deepEqual(accepted(bytes).serialize(), bytes)
    assert.equal(accepted(bytes).header('Subject'), '\ufffd\ufffd')
  })

  /** Asks for everything a message has, which is where a lazy parser would fail. */
  function read(message: SipMessage): void {
    message.contacts()
    message.routes()
    message.recordRoutes()
    message.vias()
    for (const [name] of message.headerLines()) message.values(name)
    if (message.kind === 'request') message.requestUri()
    message.serialize()
  }

  it('never throws on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const parsed = parseMessage(Buffer.from(bytes))
        if (parsed.ok) read(parsed.value)
      }),
      { numRuns: 500 },
    )
  })

  it('never throws on a message with bytes changed, and what it accepts can be read and sent on', () => {
    const seed = bytesOf({}, ['Contact: "A, B" <sip:a@[::1]:5060;lr>;q=0.5', 'Route: <sip:r;lr>', 'l: 4'], 'body')
    assert.ok(parseMessage(seed).ok)
    const change = fc.tuple(fc.nat(seed.length - 1), fc.constantFrom(...'\0\r\n \t:;,<>"\\@[]%=?/9Z\x80'.split('')))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(seed)
        for (const [at, char] of changes) bytes[at] = char.charCodeAt(0)
        const parsed = parseMessage(bytes)
        if (!parsed.ok) return
        read(parsed.value)
        assert.ok(parseMessage(parsed.value.serialize()).ok)
      }),
      { numRuns: 2_000 },
    )
  })

  it('never throws on a message cut anywhere', () => {
    const whole = bytesOf({}, ['Contact: <sip:a@b>', 'Content-Length: 4'], 'body')
    for (let end = 0; end < whole.length; end++) assert.ok(!parseMessage(whole.subarray(0, end)).ok, `cut at ${end}`)
  })

  const hostile: readonly [what: string, bytes: Buffer][] = [
    ['blanks', bytesOf({}, [`Subject:${' '.repeat(8_000)}`])],
    ['folds', bytesOf({}, [`Subject:${'\r\n '.repeat(2_600)}x`])],
    ['blanks in a folded header', bytesOf({}, [`Subject: a${' '.repeat(8_000)}b\r\n c`])],
    ['blanks in a list', bytesOf({}, [`Route: <sip:a>,<sip:b${' '.repeat(8_000)}>`])],
    ['quotes', bytesOf({}, [`Contact: ${'"\\'.repeat(4_000)}`])],
    ['commas', bytesOf({}, [`Contact: ${','.repeat(8_000)}`])],
    ['brackets', bytesOf({}, [`Contact: ${'<'.repeat(8_000)}`])],
    ['semicolons', bytesOf({ via: `Via: SIP/2.0/UDP h${';a'.repeat(4_000)}` })],
    [
      'colons',
      bytesOf(
        {},
        Array.from({ length: 240 }, () => `X:${':'.repeat(250)}`),
      ),
    ],
    ['blanks in a Via', bytesOf({ via: `Via: SIP${' '.repeat(8_000)}x` })],
    ['CRLFs', Buffer.from('\r\n'.repeat(32_768))],
  ]
  for (const [what, bytes] of hostile) {
    it(`takes thousands of ${what} without ado`, () => {
      const before = process.cpuUsage()
      for (let i = 0; i < 20; i++) {
        const parsed = parseMessage(bytes)
        if (parsed.ok) read(parsed.value)
      }
      // Processor time, as other processes may have the machine; quadratic time would need many times as much.
      assert.ok(process.cpuUsage(before).user < 1_000_000)
    })
  }
})
