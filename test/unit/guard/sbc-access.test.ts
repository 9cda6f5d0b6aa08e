import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { tenantId } from '../../../lib/core/ids.ts'
import { SbcAccess, type SbcRequest, type SbcVerdict, sbcAccount } from '../../../lib/guard/sbc-access.ts'
import { answerChallenge, formatCredentials, parseChallenge } from '../../../lib/sip/digest.ts'
import { NONCE_LIFETIME_MS } from '../../../lib/sip/digest-nonce.ts'

const HOST = 'sip.office.example'
const URI = `sip:+12025550101@${HOST}`
const OFFICE = tenantId('office')
const ACCOUNTS = [sbcAccount(OFFICE, HOST, 'sbc', 'let me in'), sbcAccount(tenantId('other'), HOST, 'pbx', 'me too')]
const REQUEST: SbcRequest = {
  method: 'INVITE',
  uri: URI,
  uriHost: HOST,
  source: { address: '192.0.2.9' },
  authorization: null,
}
const RANDOM = Buffer.from([1, 2, 3, 4, 5, 6])

interface Attempt {
  readonly username?: string
  readonly password?: string
  readonly algorithm?: 0 | 1
  readonly nonceCount?: number
  /** What is signed, where that is not what is sent. */
  readonly signed?: Partial<Pick<SbcRequest, 'method' | 'uri'>>
  readonly sent?: Partial<SbcRequest>
  readonly edit?: (header: string) => string
  readonly nowMs?: number
}

describe('the SBC of a tenant', () => {
  const access = new SbcAccess(Buffer.from('a key of this process'))
  let nonces = 0

  const challenges = (): readonly string[] =>
    access.challenges(REQUEST, false, 0, Buffer.from([0, 0, 0, 0, 0, ++nonces]))

  function answer(challenge: string, attempt: Attempt): SbcVerdict {
    const {
      username = 'sbc',
      password = 'let me in',
      nonceCount = 1,
      signed,
      sent,
      edit = (it) => it,
      nowMs = 0,
    } = attempt
    const parsed = parseChallenge(challenge)
    assert.ok(parsed !== undefined)
    const subject = { method: 'INVITE', uri: URI, body: Buffer.alloc(0), ...signed }
    const credentials = answerChallenge(parsed, { username, password }, subject, { cnonce: 'c', nonceCount })
    const authorization = edit(formatCredentials(credentials))
    return access.judge({ ...REQUEST, authorization, ...sent }, ACCOUNTS, nowMs)
  }

  const PROVEN: SbcVerdict = { kind: 'proven', tenant: OFFICE }
  const WRONG: SbcVerdict = { kind: 'wrong' }
  const NONE: SbcVerdict = { kind: 'unproven', stale: false }
  const STALE: SbcVerdict = { kind: 'unproven', stale: true }

  it('is challenged by SHA-256 first, then MD5, with one nonce and qop=auth', () => {
    const [sha, md5, ...more] = challenges().map(parseChallenge)
    assert.deepEqual([sha?.algorithm.hash, md5?.algorithm.hash, more.length], ['sha-256', 'md5', 0])
    assert.deepEqual([sha?.realm, sha?.qop, sha?.stale, sha?.nonce], [HOST, ['auth'], false, md5?.nonce])
  })

  it('gets another nonce each time', () => {
    const nonceOf = (random: Buffer): string | undefined =>
      parseChallenge(access.challenges(REQUEST, false, 0, random)[0] ?? '')?.nonce
    assert.notEqual(nonceOf(RANDOM), nonceOf(Buffer.from([6, 5, 4, 3, 2, 1])))
  })

  const ATTEMPTS: readonly (readonly [why: string, attempt: Attempt, want: SbcVerdict])[] = [
    ['is let in with the right credentials', {}, PROVEN],
    ['also by MD5', { algorithm: 1 }, PROVEN],
    [
      'is told apart from another SBC at the same host',
      { username: 'pbx', password: 'me too' },
      { kind: 'proven', tenant: tenantId('other') },
    ],
    ['is refused with a wrong password', { password: 'let me out' }, WRONG],
    ['is refused with a name that nobody has, and in no other way', { username: 'nobody' }, WRONG],
    ['is refused with the password of another', { username: 'pbx' }, WRONG],
    ['is refused where another method was signed', { signed: { method: 'OPTIONS' } }, WRONG],
    ['is refused where another number was signed', { signed: { uri: `sip:+12025550199@${HOST}` } }, WRONG],
    ['is refused where another host was signed', { signed: { uri: 'sip:+12025550101@elsewhere.example' } }, WRONG],
    ['may have parameters added on the way', { sent: { uri: `${URI};user=phone` } }, PROVEN],
    [
      'is refused without qop, which nothing would protect from replay',
      { edit: (it) => it.replace(/qop=auth, nc=\w+, cnonce="c"/, 'opaque=""') },
      WRONG,
    ],
    ['is refused where it says another algorithm', { edit: (it) => it.replace('SHA-256', 'MD5') }, WRONG],
    [
      'is refused with an algorithm that was not offered',
      { edit: (it) => it.replace('SHA-256', 'SHA-256-sess') },
      WRONG,
    ],
    [
      'is challenged again from another address, as the nonce is for one',
      { sent: { source: { address: '192.0.2.10' } } },
      STALE,
    ],
    ['is challenged again when the nonce is too old', { nowMs: NONCE_LIFETIME_MS + 1 }, STALE],
    ['is challenged without credentials', { sent: { authorization: null } }, NONE],
    ['is challenged with credentials for another realm', { edit: (it) => it.replace(HOST, 'elsewhere.example') }, NONE],
    ['is challenged with a header that is no digest', { edit: () => 'Basic c2JjOmxldCBtZSBpbg==' }, NONE],
    ['is challenged with nonsense', { edit: () => 'Digest ,,,"' }, NONE],
  ]
  for (const [why, attempt, want] of ATTEMPTS) {
    it(why, () => assert.deepEqual(answer(challenges()[attempt.algorithm ?? 0] ?? '', attempt), want))
  }

  it('is challenged again with a nonce of somebody else, though its password is right', () => {
    const others = new SbcAccess(Buffer.from('another key')).challenges(REQUEST, false, 0, RANDOM)
    assert.deepEqual(answer(others[0] ?? '', {}), STALE)
  })

  it('may use a nonce again with a higher count, and never with the same or a lower one', () => {
    const [challenge = ''] = challenges()
    const verdicts = [1, 1, 2, 5, 4, 6].map((nonceCount) => answer(challenge, { nonceCount }).kind)
    assert.deepEqual(verdicts, ['proven', 'unproven', 'proven', 'proven', 'unproven', 'proven'])
  })

  it('does not spend the count of a nonce by wrong credentials', () => {
    const [challenge = ''] = challenges()
    assert.deepEqual(answer(challenge, { nonceCount: 9, password: 'guess' }), WRONG)
    assert.deepEqual(answer(challenge, { nonceCount: 1 }), PROVEN)
  })
})
