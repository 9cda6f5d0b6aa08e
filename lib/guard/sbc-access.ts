import { Buffer } from 'node:buffer'
import type { TenantId } from '../core/ids.ts'
import { err, ok, type Result } from '../core/result.ts'
import {
  type DigestAlgorithm,
  type DigestCredentials,
  formatChallenge,
  hashSecret,
  isDigestValid,
  MD5,
  parseCredentials,
  SHA_256,
} from '../sip/digest.ts'
import { judgeNonce, makeNonce, NonceCounts } from '../sip/digest-nonce.ts'
import { isSipUri, parseUri } from '../sip/uri.ts'

/** What a tenant's own SBC knows; the password itself is not kept. */
export interface SbcAccount {
  readonly tenant: TenantId
  readonly username: string
  readonly md5: string
  readonly sha256: string
}

/** @param host the realm, in lower case */
export const sbcAccount = (tenant: TenantId, host: string, username: string, password: string): SbcAccount => ({
  tenant,
  username,
  md5: hashSecret(MD5, username, host, password),
  sha256: hashSecret(SHA_256, username, host, password),
})

/** A request of a source that belongs to no trunk. */
export interface SbcRequest {
  readonly method: string
  readonly uri: string
  /** Host of the request-URI in lower case: the realm. */
  readonly uriHost: string
  readonly source: { readonly address: string }
  /** The Authorization header. */
  readonly authorization: string | null
}

/**
 * `proven`: it speaks for the tenant. `wrong`: credentials that nobody has, of whatever is wrong with them. `unproven`: none for this
 * realm, or `stale` ones: right but for their nonce, which was not made by us for this address, is too old, or was used before.
 */
export type SbcVerdict =
  | { readonly kind: 'proven'; readonly tenant: TenantId }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'unproven'; readonly stale: boolean }

/** In the order of preference (RFC 8760 §2.3). */
const OFFERED: readonly DigestAlgorithm[] = [SHA_256, MD5]

/** A hash that no password has, compared with where there is no such user, so that the answer takes as long. */
const NOBODYS_HASH = ''

/** Lets SBCs of tenants in by digest (RFC 3261 §22, RFC 7616, RFC 8760), each nonce for one address and one realm. */
export class SbcAccess {
  readonly #key: Buffer
  readonly #counts = new NonceCounts()

  /** @param key what nonces are signed with: random, and known to this process only */
  constructor(key: Buffer) {
    this.#key = key
  }

  /** @param accounts those of the realm; `nowMs` of the clock that `challenges` had */
  judge(request: SbcRequest, accounts: readonly SbcAccount[], nowMs: number): SbcVerdict {
    const credentials = parseCredentials(request.authorization ?? '')
    if (credentials?.realm.toLowerCase() !== request.uriHost) return { kind: 'unproven', stale: false }
    const valid = validAccount(request, credentials, accounts)
    if (!valid.ok) return { kind: 'wrong' }
    const { nonce, protection } = credentials
    const isFresh = judgeNonce(this.#key, boundTo(request), nowMs, nonce) === 'fresh'
    if (!isFresh || !this.#counts.isNew(nonce, protection?.nonceCount ?? 0)) return { kind: 'unproven', stale: true }
    return { kind: 'proven', tenant: valid.value.tenant }
  }

  /**
   * The values of the WWW-Authenticate headers of one 401, the preferred first; each needs a header line of its own (RFC 3261 §7.3.1).
   * @param random 6 bytes
   */
  challenges(
    request: Pick<SbcRequest, 'uriHost' | 'source'>,
    stale: boolean,
    nowMs: number,
    random: Buffer,
  ): readonly string[] {
    const nonce = makeNonce(this.#key, boundTo(request), nowMs, random)
    return OFFERED.map((algorithm) =>
      formatChallenge({ realm: request.uriHost, nonce, algorithm, qop: ['auth'], stale }),
    )
  }
}

const boundTo = ({ uriHost, source }: Pick<SbcRequest, 'uriHost' | 'source'>): string => `${uriHost} ${source.address}`

function validAccount(
  { method, uri }: SbcRequest,
  credentials: DigestCredentials,
  accounts: readonly SbcAccount[],
): Result<SbcAccount, 'wrong'> {
  const { algorithm, protection, username } = credentials
  const account = accounts.find((one) => one.username === username)
  const secret = (algorithm.hash === 'md5' ? account?.md5 : account?.sha256) ?? NOBODYS_HASH
  const isValid = isDigestValid(credentials, secret, { method, body: Buffer.alloc(0) })
  const isOffered = OFFERED.some(({ hash }) => hash === algorithm.hash) && !algorithm.isSession
  const isWhole = isOffered && protection?.qop === 'auth' && isSamePlace(credentials.uri, uri)
  return isValid && isWhole && account !== undefined ? ok(account) : err('wrong')
}

/** A proxy may have added parameters; what is dialled, and where, it may not have changed (RFC 7616 §3.4.6). */
function isSamePlace(digestUri: string, requestUri: string): boolean {
  const [a, b] = [parseUri(digestUri), parseUri(requestUri)]
  if (a === undefined || b === undefined || !isSipUri(a) || !isSipUri(b)) return false
  return a.user === b.user && a.host.toLowerCase() === b.host.toLowerCase()
}
