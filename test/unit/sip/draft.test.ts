import assert from 'node:assert/strict'
import fc from 'fast-check'
import { composeRequest, contactOf, requestedToTag } from '../../../lib/sip/compose.ts'
import { type Draft, lacksContentType, passedHeaders, readDraft, withLocalAddress } from '../../../lib/sip/draft.ts'

function draft(text: string): Draft {
  const read = readDraft(Buffer.from(text.replaceAll('\n', '\r\n')))
  if (!read.ok) throw new Error(read.error)
  return read.value
}

const CONTEXT = {
  local: { protocol: 'udp', host: '192.0.2.1', port: 5070 },
  branch: 'z9hG4bKb',
  fresh: { tag: 't', callId: 'c', seq: 7 },
  userAgent: undefined,
} as const

describe("an application's draft of a message", () => {
  it("drops the headers that are the server's, however they are spelled", () => {
    const read = draft(
      'INVITE sip:a@b SIP/2.0\nvia: x\nROUTE: x\nrecord-route: x\nRSeq: 1\ncontent-length: 9\nx-a: 1\n\n',
    )
    assert.deepEqual(passedHeaders(read, new Set(), ''), [['x-a', '1']])
  })

  it('keeps a body whole whatever its Content-Length says, since drachtio-srf counts characters', () => {
    assert.equal(draft('SIP/2.0 200 OK\ncontent-length: 1\n\n☎☎').body.toString(), '☎☎')
  })

  it('knows an SDP body without a type, and no other', () => {
    const sdp = draft('SIP/2.0 200 OK\n\nv=0')
    assert.deepEqual(passedHeaders(sdp, new Set(), ''), [['Content-Type', 'application/sdp']])
    assert.equal(lacksContentType(sdp), false)
    assert.equal(lacksContentType(draft('SIP/2.0 200 OK\n\nhello')), true)
    assert.equal(lacksContentType(draft('SIP/2.0 200 OK\nc: text/plain\n\nhello')), false)
  })

  for (const [value, want] of [
    ['<sip:a@localhost>', '<sip:a@192.0.2.1:5070>'],
    ['<sip:a@localhost:5062>', '<sip:a@192.0.2.1:5062>'],
    ['<sip:a@localhost;transport=tcp>', '<sip:a@192.0.2.1:5070;transport=tcp>'],
    ['<sip:a@localhost.example>', '<sip:a@localhost.example>'],
    ['<sip:a@example.com>', '<sip:a@example.com>'],
  ] as const) {
    it(`writes ${value} as ${want}`, () => {
      assert.equal(withLocalAddress(value, '192.0.2.1:5070'), want)
    })
  }

  it('gets brackets around the addresses that came without, and keeps what is none', () => {
    const bare = draft('INVITE sip:b@h SIP/2.0\nto: sip:b@h;x=1\ncontact: sip:a@localhost, sip:c@h\n\n')
    const built = composeRequest(bare, 'INVITE', 'sip:b@h', CONTEXT)
    assert.ok(built.ok)
    assert.equal(built.value.header('To'), '<sip:b@h>;x=1')
    assert.deepEqual(built.value.values('Contact'), ['<sip:a@192.0.2.1:5070>', '<sip:c@h>'])
    const all = composeRequest(draft('REGISTER sip:h SIP/2.0\ncontact: *\n\n'), 'REGISTER', 'sip:h', CONTEXT)
    assert.ok(all.ok)
    assert.equal(all.value.header('Contact'), '*')
  })

  it('becomes a request with all that RFC 3261 asks of one', () => {
    const built = composeRequest(draft('INVITE sip:bob@192.0.2.9 SIP/2.0\n\n'), 'INVITE', 'sip:bob@192.0.2.9', CONTEXT)
    assert.ok(built.ok)
    assert.deepEqual(built.value.serialize().toString().split('\r\n'), [
      'INVITE sip:bob@192.0.2.9 SIP/2.0',
      'Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bKb',
      'Max-Forwards: 70',
      'From: <sip:192.0.2.1:5070>;tag=t',
      'To: <sip:bob@192.0.2.9>',
      'Call-ID: c',
      'CSeq: 7 INVITE',
      'Contact: <sip:192.0.2.1:5070>',
      'Content-Length: 0',
      '',
      '',
    ])
  })

  it('keeps the Call-ID, From tag and CSeq number that a digest retry brings', () => {
    const text = 'INVITE sip:b@h SIP/2.0\ncall-id: mine\nFrom: <sip:a@h>;tag=kept\nCSeq: 12 INVITE\n\n'
    const built = composeRequest(draft(text), 'INVITE', 'sip:b@h', CONTEXT)
    assert.ok(built.ok)
    assert.equal(built.value.callId, 'mine')
    assert.equal(built.value.from().params.get('tag'), 'kept')
    assert.deepEqual(built.value.cseq(), { seq: 12, method: 'INVITE' })
  })

  it('names its transport in a Contact that is not UDP, and brackets IPv6', () => {
    assert.equal(contactOf({ protocol: 'tcp', host: '::1', port: 5060 }), '<sip:[::1]:5060;transport=tcp>')
  })

  it('may ask for a To tag', () => {
    assert.equal(requestedToTag(draft('SIP/2.0 200 OK\nTo: <sip:a@b>;tag=x\n\n')), 'x')
    assert.equal(requestedToTag(draft('SIP/2.0 200 OK\nTo: tag=x\n\n')), 'x')
    assert.equal(requestedToTag(draft('SIP/2.0 200 OK\nTo: <sip:a@b>\n\n')), undefined)
    // No answer could be made with it, and it would have stayed.
    assert.equal(requestedToTag(draft('SIP/2.0 180 Ringing\nTo: <sip:a@b>;tag="x y"\n\n')), undefined)
    assert.equal(requestedToTag(draft('SIP/2.0 180 Ringing\nTo: <sip:a@b>;tag=m\0ine\n\n')), undefined)
  })

  it('never throws, whatever bytes it is', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void readDraft(Buffer.from(bytes))))
  })
})
