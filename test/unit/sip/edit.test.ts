import assert from 'node:assert/strict'
import {
  markSource,
  plainBytes,
  popVia,
  pushVia,
  withBody,
  withHeader,
  withMaxForwards,
  withUri,
} from '../../../lib/sip/edit.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { Params } from '../../../lib/sip/params.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'

const IDENTITY = 'y  :eyJhbGciOiJFUzI1NiJ9..sig;\r\n\t info=<https://cert.example.org/c.pem> ;alg=ES256'

const LINES = [
  'INVITE sip:bob@example.com SIP/2.0',
  'Via: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa , SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKb',
  'max-forwards:  70',
  IDENTITY,
  'f: <sip:alice@example.org>;tag=1',
  't: <sip:bob@example.com>',
  'i: abc',
  'CSeq: 1 INVITE',
  'Subject: caf\u00e9',
  'l: 4',
]

function request(lines = LINES): SipRequest {
  const parsed = parseMessage(Buffer.from(`${lines.join('\r\n')}\r\n\r\nbody`))
  assert.ok(parsed.ok && parsed.value.kind === 'request')
  return parsed.value
}

function response(): SipResponse {
  const parsed = parseMessage(Buffer.from(`${LINES.join('\r\n').replace(/^.*/, 'SIP/2.0 200 OK')}\r\n\r\nbody`))
  assert.ok(parsed.ok && parsed.value.kind === 'response')
  return parsed.value
}

const textOf = (message: SipRequest | SipResponse): string[] => message.serialize().toString().split('\r\n')

/** The lines on the wire after an edit that replaces some of them; all others must be the same to the byte. */
const expected = (changes: Record<string, string[]>): string[] =>
  [...LINES, '', 'body'].flatMap((line) => changes[line] ?? [line]).flatMap((line) => line.split('\r\n'))

const [START = '', VIA = '', HOPS = ''] = LINES

describe('an edit', () => {
  it('leaves the message it was made from as it was', () => {
    const invite = request()
    const before = textOf(invite)
    markSource(invite, '192.0.2.1', 5062)
    withMaxForwards(invite, 1)
    withHeader(invite, 'Subject', [])
    assert.deepEqual(textOf(invite), before)
  })

  it('that marks the source fills received and rport of the top Via alone', () => {
    const marked = markSource(request(), '192.0.2.1', 5062)
    const top = 'Via: SIP/2.0/UDP 10.0.0.1;rport=5062;branch=z9hG4bKa;received=192.0.2.1'
    assert.deepEqual(textOf(marked), expected({ [VIA]: [top, 'Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKb'] }))
    assert.equal(marked.topVia().params.get('received'), '192.0.2.1')
    assert.equal(marked.vias().length, 2)
  })

  it('that pushes a Via puts it on top', () => {
    const via = { transport: 'UDP', host: '192.0.2.3', port: 5060, params: Params.of([['branch', 'z9hG4bKc']]) }
    const pushed = pushVia(request(), via)
    assert.deepEqual(textOf(pushed), expected({ [VIA]: ['Via: SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bKc', VIA] }))
    assert.equal(pushed.topVia(), via)
  })

  it('that pops a Via leaves the next on top, and gives nothing when it was the last', () => {
    const popped = popVia(response())
    assert.ok(popped !== undefined)
    const wanted = expected({ [START]: ['SIP/2.0 200 OK'], [VIA]: ['Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKb'] })
    assert.deepEqual(textOf(popped), wanted)
    assert.equal(popped.topVia().host, '192.0.2.9')
    assert.equal(popVia(popped), undefined)
  })

  it('sets Max-Forwards where it was, or adds it', () => {
    assert.deepEqual(textOf(withMaxForwards(request(), 69)), expected({ [HOPS]: ['Max-Forwards: 69'] }))
    const added = withMaxForwards(request(LINES.filter((line) => line !== HOPS)), 70)
    assert.equal(added.maxForwards, 70)
    assert.equal(added.header('Max-Forwards'), '70')
  })

  it('replaces the Request-URI, unless it is malformed', () => {
    const moved = withUri(request(), 'sip:carol@192.0.2.8:5070;lr')
    assert.ok(moved.ok)
    assert.deepEqual(textOf(moved.value), expected({ [START]: ['INVITE sip:carol@192.0.2.8:5070;lr SIP/2.0'] }))
    assert.equal(withUri(request(), 'sip:a@b SIP/2.0\r\nX: y').ok, false)
  })

  it('replaces, adds and removes a header', () => {
    const subject = 'Subject: caf\u00e9'
    const replaced = withHeader(request(), 's', ['one', 'tw\u00f6'])
    assert.ok(replaced.ok)
    assert.deepEqual(textOf(replaced.value), expected({ [subject]: ['Subject: one', 'Subject: tw\u00f6'] }))
    const removed = withHeader(request(), 'SUBJECT', [])
    assert.ok(removed.ok)
    assert.deepEqual(textOf(removed.value), expected({ [subject]: [] }))
    const added = withHeader(response(), 'X-New', ['1'])
    assert.equal(added.ok && added.value.header('x-new'), '1')
  })

  it('is refused when it would take away or spoil what a message needs', () => {
    for (const [name, values] of [
      ['Via', []],
      ['To', ['<sip:a', '<sip:b>']],
      ['CSeq', ['1 BYE']],
      ['Subject', ['a\r\nb']],
      ['no name', ['x']],
      ['Content-Length', ['99']],
    ] as const) {
      const edited = withHeader(request(), name, values)
      assert.ok(name === 'Content-Length' ? edited.ok && edited.value.header('l') === undefined : !edited.ok, name)
    }
  })

  it('replaces the body and with it Content-Length', () => {
    const edited = withBody(request(), Buffer.from('longer body'))
    assert.deepEqual(edited.headers('Content-Length'), ['11'])
    assert.ok(textOf(edited).includes('longer body'))
  })
})

describe('a message for applications', () => {
  const HEADERS =
    'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n'
  const plainOf = (text: string): string => {
    const parsed = parseMessage(Buffer.from(text))
    assert.ok(parsed.ok)
    return plainBytes(parsed.value, Buffer.from(text)).toString()
  }

  it('is the bytes that came', () => {
    for (const start of ['INVITE sip:c@d SIP/2.0', 'SIP/2.0 200 OK', 'SIP/2.0 183 Größe']) {
      assert.equal(plainOf(`${start}\r\n${HEADERS}`), `${start}\r\n${HEADERS}`)
    }
  })

  it('begins with its start line, in the usual case, and has no line separators in its reason', () => {
    for (const [came, want] of [
      ['\r\n\r\nINVITE sip:c@d SIP/2.0', 'INVITE sip:c@d SIP/2.0'],
      ['INVITE sip:c@d sip/2.0', 'INVITE sip:c@d SIP/2.0'],
      ['SIP/2.0 200 O\u2028K', 'SIP/2.0 200 O K'],
      ['SIP/2.0 200 OK\nVia: x', 'SIP/2.0 200 OK Via: x'],
    ] as const) {
      assert.equal(plainOf(`${came}\r\n${HEADERS}`).split('\r\n', 1)[0], want)
    }
  })
})
