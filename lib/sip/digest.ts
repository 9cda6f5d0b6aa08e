import { Buffer } from 'node:buffer'
import { createHash, timingSafeEqual } from 'node:crypto'
import { formatAuthParams, parseAuthParams } from './auth-params.ts'

/** Hash algorithms of digest authentication (RFC 8760 §2, RFC 7616 §3.3); `-sess` binds the secret to the session. */
const HASHES = { md5: 'md5', 'sha-256': 'sha256', 'sha-512-256': 'sha512-256' } as const
const NAMES = { md5: 'MD5', 'sha-256': 'SHA-256', 'sha-512-256': 'SHA-512-256' } as const

type HashName = keyof typeof HASHES

/** How a digest is made. */
export interface DigestAlgorithm {
  readonly hash: HashName
  readonly isSession: boolean
}

/** What MD5 means when a challenge names no algorithm. */
export const MD5: DigestAlgorithm = { hash: 'md5', isSession: false }
export const SHA_256: DigestAlgorithm = { hash: 'sha-256', isSession: false }
export const SHA_512_256: DigestAlgorithm = { hash: 'sha-512-256', isSession: false }

/** Quality of protection: the method and URI, or also the body. */
export type Qop = 'auth' | 'auth-int'

/** WWW-Authenticate or Proxy-Authenticate (RFC 7616 §3.3). */
export interface DigestChallenge {
  readonly realm: string
  readonly nonce: string
  readonly algorithm: DigestAlgorithm
  readonly opaque?: string | undefined
  /** Those offered that we know; empty as in RFC 2069, where only the nonce protects. */
  readonly qop: readonly Qop[]
  /** The credentials were right but for an old nonce: try again without asking anyone. */
  readonly stale: boolean
}

/** Authorization or Proxy-Authorization (RFC 7616 §3.4). */
export interface DigestCredentials {
  readonly username: string
  readonly realm: string
  readonly nonce: string
  readonly uri: string
  /** The digest in lower-case hexadecimal. */
  readonly response: string
  readonly algorithm: DigestAlgorithm
  readonly opaque?: string | undefined
  /** With a qop come the client's nonce and the count of requests made with this nonce, from 1. */
  readonly protection?: Protection | undefined
}

export interface Protection {
  readonly qop: Qop
  readonly cnonce: string
  readonly nonceCount: number
}

/** The request that is authenticated. */
export interface DigestSubject {
  readonly method: string
  /** The digest-uri: the Request-URI as the client wrote it. */
  readonly uri: string
  readonly body: Buffer
}

const MAX_NONCE_COUNT = 0xffff_ffff

/** Parses one challenge; undefined where it is no digest, is malformed, or has an algorithm or only qops we do not know. */
export function parseChallenge(text: string): DigestChallenge | undefined {
  const auth = parseAuthParams(text)
  if (auth?.scheme.toLowerCase() !== 'digest') return undefined
  const { params } = auth
  const realm = params.get('realm')
  const nonce = params.get('nonce')
  const algorithm = parseAlgorithm(params.get('algorithm'))
  const offered = params
    .get('qop')
    ?.split(',')
    .map((one) => one.trim().toLowerCase())
  const qop = offered?.filter(isQop) ?? []
  if (realm === undefined || nonce === undefined || algorithm === undefined) return undefined
  if (offered !== undefined && qop.length === 0) return undefined
  const stale = params.get('stale')?.toLowerCase() === 'true'
  return { realm, nonce, algorithm, opaque: params.get('opaque'), qop, stale }
}

/** Parses credentials; undefined where they are no digest, malformed, or have an algorithm or qop we do not know. */
export function parseCredentials(text: string): DigestCredentials | undefined {
  const auth = parseAuthParams(text)
  if (auth?.scheme.toLowerCase() !== 'digest') return undefined
  const { params } = auth
  const username = params.get('username')
  const realm = params.get('realm')
  const nonce = params.get('nonce')
  const uri = params.get('uri')
  const response = params.get('response')
  const algorithm = parseAlgorithm(params.get('algorithm'))
  if (username === undefined || realm === undefined || nonce === undefined || uri === undefined) return undefined
  if (response === undefined || algorithm === undefined) return undefined
  const protection = parseProtection(params)
  if (protection === 'malformed') return undefined
  const opaque = params.get('opaque')
  return { username, realm, nonce, uri, response: response.toLowerCase(), algorithm, opaque, protection }
}

function parseProtection(params: ReadonlyMap<string, string>): Protection | undefined | 'malformed' {
  const qop = params.get('qop')?.toLowerCase()
  if (qop === undefined) return undefined
  const cnonce = params.get('cnonce')
  const count = params.get('nc') ?? ''
  if (!isQop(qop) || cnonce === undefined || !/^[0-9A-Fa-f]{8}$/.test(count)) return 'malformed'
  return { qop, cnonce, nonceCount: Number.parseInt(count, 16) }
}

const isQop = (text: string): text is Qop => text === 'auth' || text === 'auth-int'

function parseAlgorithm(text: string | undefined): DigestAlgorithm | undefined {
  const name = (text ?? 'md5').toLowerCase()
  const isSession = name.endsWith('-sess')
  const hash = isSession ? name.slice(0, -'-sess'.length) : name
  return isHashName(hash) ? { hash, isSession } : undefined
}

const isHashName = (text: string): text is HashName => Object.hasOwn(HASHES, text)

const formatAlgorithm = ({ hash, isSession }: DigestAlgorithm): string => `${NAMES[hash]}${isSession ? '-sess' : ''}`

/** The challenge as a header value. */
export function formatChallenge(challenge: DigestChallenge): string {
  return formatAuthParams('Digest', [
    ['realm', challenge.realm],
    ['nonce', challenge.nonce],
    ['algorithm', formatAlgorithm(challenge.algorithm), 'bare'],
    ['qop', challenge.qop.length === 0 ? undefined : challenge.qop.join(',')],
    ['opaque', challenge.opaque],
    ['stale', challenge.stale ? 'true' : undefined, 'bare'],
  ])
}

/** The credentials as a header value. */
export function formatCredentials(credentials: DigestCredentials): string {
  const { protection } = credentials
  return formatAuthParams('Digest', [
    ['username', credentials.username],
    ['realm', credentials.realm],
    ['nonce', credentials.nonce],
    ['uri', credentials.uri],
    ['response', credentials.response],
    ['algorithm', formatAlgorithm(credentials.algorithm), 'bare'],
    ['qop', protection?.qop, 'bare'],
    ['nc', protection === undefined ? undefined : formatCount(protection.nonceCount), 'bare'],
    ['cnonce', protection?.cnonce],
    ['opaque', credentials.opaque],
  ])
}

const formatCount = (count: number): string => count.toString(16).padStart(8, '0')

/** The first challenge that we can answer: servers put what they prefer on top (RFC 8760 §2.4). */
export function pickChallenge(values: readonly string[]): DigestChallenge | undefined {
  for (const value of values) {
    const challenge = parseChallenge(value)
    if (challenge !== undefined) return challenge
  }
  return undefined
}

/** H(username:realm:password), which a server may store instead of the password. */
export const hashSecret = (algorithm: DigestAlgorithm, username: string, realm: string, password: string): string =>
  hash(algorithm, `${username}:${realm}:${password}`)

/**
 * Answers a challenge. `cnonce` is random, and `nonceCount` counts the requests made with this nonce, from 1. `auth` is
 * taken where it is offered: proxies that touch the body would break `auth-int`.
 */
export function answerChallenge(
  challenge: DigestChallenge,
  secret: { readonly username: string; readonly password: string },
  subject: DigestSubject,
  client: { readonly cnonce: string; readonly nonceCount: number },
): DigestCredentials {
  const { realm, nonce, algorithm, opaque } = challenge
  const qop = challenge.qop.includes('auth') ? 'auth' : challenge.qop[0]
  if (client.nonceCount < 1 || client.nonceCount > MAX_NONCE_COUNT) throw new Error(`nonce count ${client.nonceCount}`)
  const unsigned = {
    username: secret.username,
    realm,
    nonce,
    uri: subject.uri,
    algorithm,
    opaque,
    protection: qop === undefined ? undefined : { qop, ...client },
  }
  const ha1 = hashSecret(algorithm, secret.username, realm, secret.password)
  return { ...unsigned, response: digestResponse(unsigned, ha1, subject, client.cnonce) }
}

/**
 * Whether credentials were made with the secret for this request. The caller checks realm, nonce and nonce count first:
 * see `judgeNonce` and `NonceCounts`. The uri of the credentials counts, as a proxy may have changed the Request-URI.
 */
export function isDigestValid(
  credentials: DigestCredentials,
  ha1: string,
  request: { readonly method: string; readonly body: Buffer },
): boolean {
  // A session digest without a client nonce cannot be computed (RFC 7616 §3.4.2).
  if (credentials.algorithm.isSession && credentials.protection === undefined) return false
  const subject = { method: request.method, uri: credentials.uri, body: request.body }
  const expected = Buffer.from(digestResponse(credentials, ha1, subject, credentials.protection?.cnonce ?? ''))
  const given = Buffer.from(credentials.response)
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** The request-digest of RFC 7616 §3.4.1. */
function digestResponse(
  { algorithm, nonce, protection }: Pick<DigestCredentials, 'algorithm' | 'nonce' | 'protection'>,
  secretHash: string,
  subject: DigestSubject,
  cnonce: string,
): string {
  const ha1 = algorithm.isSession ? hash(algorithm, `${secretHash}:${nonce}:${cnonce}`) : secretHash
  const bodyHash = protection?.qop === 'auth-int' ? `:${hash(algorithm, subject.body)}` : ''
  const ha2 = hash(algorithm, `${subject.method}:${subject.uri}${bodyHash}`)
  if (protection === undefined) return hash(algorithm, `${ha1}:${nonce}:${ha2}`)
  const { qop, nonceCount } = protection
  return hash(algorithm, `${ha1}:${nonce}:${formatCount(nonceCount)}:${protection.cnonce}:${qop}:${ha2}`)
}

const hash = (algorithm: DigestAlgorithm, data: string | Buffer): string =>
  createHash(HASHES[algorithm.hash]).update(data).digest('hex')
