import { err, ok, type Result } from '../core/result.ts'
import { splitList } from './list-values.ts'
import { parseNameAddr } from './name-addr.ts'
import { isSipUri, isTelUri, parseUri, type SipUri } from './uri.ts'
import { unescapeUri } from './uri-escapes.ts'

/** What a REFER asks us for (RFC 3515). */
export interface ReferRequest {
  /** The number or name in Refer-To. Where it stands is no matter: we do not call the hosts of others. */
  readonly user: string
  /** Whether it wants to hear what comes of it (RFC 4488). */
  readonly wantsNotify: boolean
}

/** The headers that are read of a REFER, as they came. */
export interface ReferFacts {
  readonly referTo: string | undefined
  readonly referSub: string | undefined
  readonly require: string | undefined
  readonly hasContact: boolean
}

/** Why a REFER is refused, as the response that says so. */
export interface ReferObjection {
  readonly status: 400 | 420 | 603
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
}

/** Longest Refer-To that is looked at. */
const MAX_CHARS = 2_048

/** RFC 4488 §5. */
const SUPPORTED: ReadonlySet<string> = new Set(['norefersub'])

/**
 * Reads a REFER. It is refused with 400 where it is malformed, and with 603 (RFC 3515 §2.4.2) where it asks for what we do not do: another
 * method than INVITE, or an INVITE with headers of its own, `Replaces` of an attended transfer (RFC 3891) among them.
 */
export function readRefer({
  referTo,
  referSub,
  require,
  hasContact,
}: ReferFacts): Result<ReferRequest, ReferObjection> {
  if (!hasContact) return refuse(400, 'Missing Contact')
  const unsupported = splitList(require ?? '').filter((tag) => !SUPPORTED.has(tag.toLowerCase()))
  if (unsupported.length > 0) return refuse(420, 'Bad Extension', { Unsupported: unsupported.join(', ') })
  const [value, ...others] = splitList((referTo ?? '').slice(0, MAX_CHARS + 1))
  if (value === undefined) return refuse(400, 'Missing Refer-To')
  if (others.length > 0) return refuse(400, 'Several Refer-To')
  const uri = value.length > MAX_CHARS ? undefined : parseUri(parseNameAddr(value)?.uri ?? '')
  if (uri === undefined) return refuse(400, 'Malformed Refer-To')
  const wantsNotify = !/^\s*false\b/i.test(referSub ?? '')
  if (isTelUri(uri)) return ok({ user: uri.number, wantsNotify })
  if (!isSipUri(uri)) return refuse(603, 'Refer-To Of An Unknown Scheme')
  const objection = objectionTo(uri)
  if (objection !== null) return refuse(603, objection)
  // What stands behind a semicolon are parameters of a telephone number (RFC 3261 §19.1.6).
  const [user = ''] = (uri.user ?? '').split(';')
  return user === '' ? refuse(603, 'Refer-To Of Nobody') : ok({ user: unescapeUri(user), wantsNotify })
}

function objectionTo({ headers, params }: SipUri): string | null {
  if (headers.some(([name]) => name.toLowerCase() === 'replaces')) return 'No Attended Transfer'
  if (headers.length > 0) return 'Refer-To With Headers'
  const method = params.get('method')
  return method === undefined || method.toUpperCase() === 'INVITE' ? null : 'Refer-To Of Another Method'
}

const refuse = (
  status: ReferObjection['status'],
  reason: string,
  headers: ReferObjection['headers'] = {},
): Result<never, ReferObjection> => err({ status, reason, headers })
