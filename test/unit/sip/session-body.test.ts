import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sessionBodyOf } from '../../../lib/sip/session-body.ts'

const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n'
const facts = { type: 'application/sdp', disposition: undefined, encoding: undefined, body: SDP }
const session = (sdp: string | null) => ({ kind: 'session', sdp })
const part = (type: string, body: string, more = ''): string => `--b\r\nContent-Type: ${type}\r\n${more}\r\n${body}\r\n`
const ISUP = part(
  'application/isup; version=itu-t92+',
  '\u0001\u0000',
  'Content-Disposition: signal; handling=optional\r\n',
)

describe('the body of an INVITE', () => {
  const cases: readonly [string, Parameters<typeof sessionBodyOf>[0], unknown][] = [
    ['is an offer', facts, session(SDP)],
    ['is none: our offer is wanted', { ...facts, type: undefined, body: '' }, session(null)],
    ['shows by itself that it is SDP', { ...facts, type: undefined }, session(SDP)],
    ['is an offer whatever the case of its type', { ...facts, type: 'Application/SDP;charset=utf-8' }, session(SDP)],
    [
      'is an offer beside ISUP',
      { ...facts, type: 'multipart/mixed;boundary=b', body: `${part('application/sdp', SDP)}${ISUP}--b--\r\n` },
      session(`${SDP}\r\n`),
    ],
    [
      'is an offer behind ISUP and a preamble, its boundary quoted',
      {
        ...facts,
        type: 'multipart/mixed; boundary="b"',
        body: `preamble\r\n${ISUP}${part('application/sdp', SDP)}--b--`,
      },
      session(`${SDP}\r\n`),
    ],
    [
      'asks for our offer where all it has is optional',
      { ...facts, type: 'multipart/mixed;boundary=b', body: `${ISUP}--b--\r\n` },
      session(null),
    ],
    [
      'asks for our offer where it is one optional thing',
      { ...facts, type: 'application/pidf+xml', disposition: 'render;handling=optional', body: '<x/>' },
      session(null),
    ],
  ]
  for (const [why, given, want] of cases) it(why, () => assert.deepEqual(sessionBodyOf(given), want))

  it('is refused where it must be understood and cannot be, with what could be', () => {
    const accept = { kind: 'unsupported', headers: { Accept: 'application/sdp, multipart/mixed' } }
    assert.deepEqual(sessionBodyOf({ ...facts, type: 'application/isup' }), accept)
    assert.deepEqual(sessionBodyOf({ ...facts, type: 'no type' }), accept)
    assert.deepEqual(sessionBodyOf({ ...facts, type: 'multipart/mixed' }), accept)
    const other = { ...facts, type: 'multipart/mixed;boundary=b', body: `${part('text/plain', 'x')}--b--` }
    assert.deepEqual(sessionBodyOf(other), accept)
    const zipped = { kind: 'unsupported', headers: { 'Accept-Encoding': 'identity' } }
    assert.deepEqual(sessionBodyOf({ ...facts, encoding: 'gzip' }), zipped)
  })

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (boundary, body) => {
        const type = `multipart/mixed;boundary="${boundary}"`
        assert.ok(['session', 'unsupported'].includes(sessionBodyOf({ ...facts, type, body }).kind))
      }),
    )
  })
})
