import assert from 'node:assert/strict'
import {
  answerChallenge,
  type DigestChallenge,
  formatChallenge,
  formatCredentials,
  hashSecret,
  isDigestValid,
  MD5,
  parseChallenge,
  parseCredentials,
  pickChallenge,
  SHA_256,
  SHA_512_256,
} from '../../../lib/sip/digest.ts'

const NO_BODY = Buffer.alloc(0)
const SECRET = { username: 'Mufasa', password: 'Circle of Life' }
const GET = { method: 'GET', uri: '/dir/index.html', body: NO_BODY }
const CLIENT = { cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ', nonceCount: 1 }
const NONCE = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v'

const challenge = (overrides: Partial<DigestChallenge> = {}): DigestChallenge => ({
  realm: 'http-auth@example.org',
  nonce: NONCE,
  algorithm: MD5,
  qop: ['auth'],
  stale: false,
  ...overrides,
})

describe('a digest', () => {
  it('is the one of RFC 7616 §3.9.1 with MD5', () => {
    assert.equal(answerChallenge(challenge(), SECRET, GET, CLIENT).response, '8ca523f5e9506fed4657c9700eebdbec')
  })

  it('is the one of RFC 7616 §3.9.1 with SHA-256', () => {
    const { response } = answerChallenge(challenge({ algorithm: SHA_256 }), SECRET, GET, CLIENT)
    assert.equal(response, '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1')
  })

  it('is the one of RFC 2617 §3.5', () => {
    const old = challenge({ realm: 'testrealm@host.com', nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093' })
    const secret = { username: 'Mufasa', password: 'Circle Of Life' }
    const { response } = answerChallenge(old, secret, GET, { cnonce: '0a4f113b', nonceCount: 1 })
    assert.equal(response, '6629fae49393a05397450978507c4ef1')
  })

  for (const algorithm of [MD5, SHA_256, SHA_512_256]) {
    for (const isSession of [false, true]) {
      for (const qop of ['auth', 'auth-int'] as const) {
        it(`of ${algorithm.hash}${isSession ? '-sess' : ''} with ${qop} is verified after a trip over the wire`, () => {
          const offered = challenge({ algorithm: { ...algorithm, isSession }, qop: [qop] })
          const received = parseChallenge(formatChallenge(offered))
          assert.ok(received !== undefined)
          const subject = { method: 'INVITE', uri: 'sip:bob@example.com', body: Buffer.from('v=0\r\n') }
          const sent = formatCredentials(answerChallenge(received, SECRET, subject, CLIENT))
          const credentials = parseCredentials(sent)
          assert.ok(credentials !== undefined)
          const ha1 = hashSecret(credentials.algorithm, 'Mufasa', offered.realm, SECRET.password)
          assert.equal(isDigestValid(credentials, ha1, subject), true)
          assert.equal(isDigestValid(credentials, ha1, { ...subject, method: 'BYE' }), false)
          const otherBody = { ...subject, body: Buffer.from('v=1\r\n') }
          assert.equal(isDigestValid(credentials, ha1, otherBody), qop === 'auth')
          const wrong = hashSecret(credentials.algorithm, 'Mufasa', offered.realm, 'guess')
          assert.equal(isDigestValid(credentials, wrong, subject), false)
        })
      }
    }
  }

  it('without a qop, as of RFC 2069, is verified too', () => {
    const credentials = answerChallenge(challenge({ qop: [] }), SECRET, GET, CLIENT)
    assert.equal(credentials.protection, undefined)
    assert.ok(!formatCredentials(credentials).includes('nc='))
    assert.equal(isDigestValid(credentials, hashSecret(MD5, 'Mufasa', challenge().realm, SECRET.password), GET), true)
  })

  it('of a session without a client nonce is refused', () => {
    const credentials = answerChallenge(challenge({ qop: [] }), SECRET, GET, CLIENT)
    const session = { ...credentials, algorithm: { ...MD5, isSession: true } }
    assert.equal(isDigestValid(session, 'x', GET), false)
  })
})

describe('a challenge', () => {
  it('is read with commas in quotes, blanks around the equals signs and names in any case', () => {
    const read = parseChallenge('dIgEsT Realm = "a, \\"b\\"" ,NONCE="n", qop="auth,token", stale=TRUE, algorithm=md5')
    assert.deepEqual(read, {
      realm: 'a, "b"',
      nonce: 'n',
      algorithm: MD5,
      opaque: undefined,
      qop: ['auth'],
      stale: true,
    })
  })

  const malformed: readonly [why: string, text: string][] = [
    ['is of another scheme', 'Basic realm="x"'],
    ['has no nonce', 'Digest realm="x"'],
    ['names an algorithm we do not know', 'Digest realm="x", nonce="n", algorithm=SHA-1'],
    ['names an algorithm out of a prototype', 'Digest realm="x", nonce="n", algorithm=constructor'],
    ['offers only qops we do not know', 'Digest realm="x", nonce="n", qop="new"'],
    ['never closes a quote', 'Digest realm="x, nonce="n'],
    ['repeats a parameter', 'Digest realm="x", nonce="n", nonce="m"'],
    ['has text between its parameters', 'Digest realm="x" y nonce="n"'],
    ['is empty', ''],
  ]
  for (const [why, text] of malformed) {
    it(`is passed over where it ${why}`, () => assert.equal(parseChallenge(text), undefined))
  }

  it('is picked as the first of several that we can answer', () => {
    const picked = pickChallenge([
      'Digest realm="r", nonce="1", algorithm=SHA-3',
      'Digest realm="r", nonce="2", algorithm=SHA-256',
      'Digest realm="r", nonce="3"',
    ])
    assert.equal(picked?.nonce, '2')
  })
})

describe('credentials', () => {
  const good =
    'Digest username="u", realm="r", nonce="n", uri="sip:x", response="AB", qop=auth, nc=0000000a, cnonce="c"'

  it('are read with the response in lower case and the count as a number', () => {
    const read = parseCredentials(good)
    assert.equal(read?.response, 'ab')
    assert.deepEqual(read?.protection, { qop: 'auth', cnonce: 'c', nonceCount: 10 })
  })

  for (const [why, text] of [
    ['a qop but no client nonce', good.replace(', cnonce="c"', '')],
    ['a count that is not eight digits', good.replace('0000000a', 'a')],
    ['no response', good.replace(', response="AB"', '')],
    ['a scheme nobody knows', 'NoOneKnowsThisScheme opaque-data=here'],
  ] as const) {
    it(`are refused with ${why}`, () => assert.equal(parseCredentials(text), undefined))
  }
})
