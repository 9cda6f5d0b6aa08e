import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatUri, isSipUri, isTelUri, parseUri, type SipUri } from '../../../lib/sip/uri.ts'
import { isSameUri } from '../../../lib/sip/uri-equality.ts'
import { escapeUser, unescapeUri } from '../../../lib/sip/uri-escapes.ts'

function sip(text: string): SipUri {
  const uri = parseUri(text)
  assert.ok(uri !== undefined && isSipUri(uri), text)
  return uri
}

describe('a SIP URI', () => {
  it('is taken apart into scheme, user, password, host, port, parameters and headers', () => {
    const uri = sip('sips:alice:secret@Example.COM:5061;transport=TCP;lr?Subject=next%20meeting&Priority=urgent')
    assert.equal(uri.scheme, 'sips')
    assert.equal(uri.user, 'alice')
    assert.equal(uri.password, 'secret')
    assert.equal(uri.host, 'Example.COM')
    assert.equal(uri.port, 5061)
    assert.deepEqual(
      [...uri.params],
      [
        ['transport', 'TCP'],
        ['lr', undefined],
      ],
    )
    assert.deepEqual(uri.headers, [
      ['Subject', 'next%20meeting'],
      ['Priority', 'urgent'],
    ])
  })

  it('may hold question marks, semicolons and slashes in its user part', () => {
    assert.equal(sip('sip:a;b=c?d/e,f@example.com;lr').user, 'a;b=c?d/e,f')
    assert.equal(sip('sip:user;par=u%40example.net@example.com').user, 'user;par=u%40example.net')
  })

  it('keeps the brackets of an IPv6 host and finds the port behind them', () => {
    const uri = sip('sip:bob@[2001:db8::10]:5070;lr')
    assert.equal(uri.host, '[2001:db8::10]')
    assert.equal(uri.port, 5070)
  })

  const malformed: readonly [why: string, text: string][] = [
    ['no scheme', 'example.com'],
    ['no host', 'sip:'],
    ['no host after the user', 'sip:bob@'],
    ['an empty user', 'sip:@example.com'],
    ['two at signs', 'sip:a@b@example.com'],
    ['a port that is no number', 'sip:bob@example.com:abc'],
    ['a port out of range', 'sip:bob@example.com:65536'],
    ['brackets around it', '<sip:bob@example.com>'],
    ['a blank', 'sip:bob@example.com; lr'],
    ['an escape cut short', 'sip:bob%2@example.com'],
    ['an IPv6 host that never closes', 'sip:bob@[2001:db8::1'],
    ['a parameter without a name', 'sip:bob@example.com;;lr'],
    ['a parameter given twice', 'sip:bob@example.com;a=1;A=2'],
    ['a header without a name', 'sip:bob@example.com?=x'],
    ['text after the host', 'sip:bob@example.com lr'],
    ['a character beyond ASCII', 'sip:bob@exämple.com'],
    ['a tel number with letters', 'tel:+1202hello'],
    ['a tel number without digits', 'tel:+'],
    ['a tel number of separators alone', 'tel:+(.)-'],
    ['a long tel number that ends in none', `tel:+${'1'.repeat(60_000)}x`],
  ]
  for (const [why, text] of malformed) {
    it(`is refused with ${why}`, () => assert.equal(parseUri(text), undefined))
  }

  it('of another scheme is kept whole', () => {
    assert.deepEqual(parseUri('soap.beep://192.0.2.103:3002'), { scheme: 'soap.beep', opaque: '//192.0.2.103:3002' })
  })

  it('of scheme tel has a number and parameters', () => {
    const uri = parseUri('tel:+1-202-555-0143;phone-context=example.com')
    assert.ok(uri !== undefined && isTelUri(uri))
    assert.equal(uri.number, '+1-202-555-0143')
    assert.equal(uri.params.get('phone-context'), 'example.com')
  })

  const part = fc.stringMatching(/^[a-z0-9]{1,8}$/)
  const anyUri = fc
    .record({
      scheme: fc.constantFrom('sip', 'sips'),
      user: fc.option(fc.string({ minLength: 1, maxLength: 12 })),
      host: fc.constantFrom('example.com', '192.0.2.7', '[2001:db8::7]'),
      port: fc.option(fc.integer({ min: 0, max: 65_535 })),
      params: fc.uniqueArray(part, { maxLength: 3 }),
      headers: fc.array(part, { maxLength: 2 }),
    })
    .map(({ scheme, user, host, port, params, headers }) => {
      const userPart = user === null ? '' : `${escapeUser(user)}@`
      const tail = params.map((name, i) => (i % 2 === 0 ? `;${name}` : `;${name}=v${i}`)).join('')
      const query = headers.length === 0 ? '' : `?${headers.map((name) => `${name}=x`).join('&')}`
      return `${scheme}:${userPart}${host}${port === null ? '' : `:${port}`}${tail}${query}`
    })

  it('comes out of formatting as it went into parsing, and is the same as itself', () => {
    fc.assert(
      fc.property(anyUri, (text) => {
        const uri = sip(text)
        assert.equal(formatUri(uri), text)
        assert.ok(isSameUri(uri, uri))
      }),
    )
  })

  it('gives back any user that was escaped into it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (user) => {
        assert.equal(unescapeUri(sip(`sip:${escapeUser(user)}@example.com`).user ?? ''), user)
      }),
    )
  })

  it('never makes the parser throw, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseUri(`sip:${text}`)))
  })
})

describe('two URIs', () => {
  const same: readonly [why: string, a: string, b: string][] = [
    [
      'escapes of unreserved characters',
      'sip:%61lice@atlanta.com;transport=TCP',
      'sip:alice@AtLanTa.CoM;Transport=tcp',
    ],
    ['a parameter only one has', 'sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5'],
    ['parameters in another order', 'sip:carol@chicago.com;a=1;b=2', 'sip:carol@chicago.com;b=2;a=1'],
    [
      'headers in another order',
      'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com&x=1',
      'sip:biloxi.com;method=REGISTER;transport=tcp?x=1&to=sip:bob%40biloxi.com',
    ],
    ['visual separators of a number', 'tel:+1-202-555-0143', 'tel:+12025550143'],
  ]
  for (const [why, a, b] of same) {
    it(`are the same but for ${why}`, () => {
      const [one, other] = [parseUri(a), parseUri(b)]
      assert.ok(one !== undefined && other !== undefined && isSameUri(one, other) && isSameUri(other, one))
    })
  }

  const different: readonly [why: string, a: string, b: string][] = [
    ['case of the user', 'sip:ALICE@atlanta.com', 'sip:alice@atlanta.com'],
    ['a port, though it is the default', 'sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
    ['a transport only one has', 'sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
    ['a header only one has', 'sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
    ['the host, though both may be one machine', 'sip:bob@phone21.example.com', 'sip:bob@192.0.2.4'],
    ['the scheme', 'sip:bob@biloxi.com', 'sips:bob@biloxi.com'],
    ['a parameter with another value', 'sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'],
    ['an escaped reserved character', 'sip:a%3Bb@example.com', 'sip:a;b@example.com'],
    ['a user parameter that is missing', 'sip:+1202@example.com;user=phone', 'sip:+1202@example.com'],
  ]
  for (const [why, a, b] of different) {
    it(`differ by ${why}`, () => {
      const [one, other] = [parseUri(a), parseUri(b)]
      assert.ok(one !== undefined && other !== undefined && !isSameUri(one, other) && !isSameUri(other, one))
    })
  }
})
