import { escapeUser } from './uri-escapes.ts'

/** How who is called is told who calls, beside From: not at all, by P-Asserted-Identity, or by P-Preferred-Identity (RFC 3325 §9). */
export type IdentityPolicy = 'none' | 'pai' | 'ppi'

/** Who calls, as who is called may know them. */
export interface ShownCaller {
  /** E.164, or an extension; null: nobody knows it. */
  readonly number: string | null
  /** Whether who is called must not be shown the number (RFC 3323). */
  readonly isHidden: boolean
  /** Privacy, that is asked of whoever passes the call on; null: no such header. */
  readonly privacy: string | null
  /** Whether we can answer for the number: it is ours, or whom we trust has said so (RFC 3325 §5). */
  readonly isAsserted: boolean
}

/** A number of ours. */
export const ownNumber = (number: string): ShownCaller => ({ number, isHidden: false, privacy: null, isAsserted: true })

/** A number of ours that who is called is not to see. */
export const hiddenNumber = (number: string): ShownCaller => ({ ...ownNumber(number), isHidden: true, privacy: 'id' })

/** RFC 3323 §4.1.1.3. */
const ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'

const HEADER = { none: null, pai: 'P-Asserted-Identity', ppi: 'P-Preferred-Identity' } as const

/**
 * From, Privacy and the identity headers of an INVITE of ours. Who hides is anonymous in From everywhere; their number stands in
 * P-Asserted-Identity alone, with `Privacy: id`, towards a peer that we trust to keep it to itself.
 *
 * @param host in a URI: ours
 */
export function callerHeaders(caller: ShownCaller, policy: IdentityPolicy, host: string): Record<string, string> {
  const { number, isHidden, privacy, isAsserted } = caller
  const uri = number === null ? null : `<sip:${escapeUser(number)}@${host}>`
  const header = HEADER[policy]
  return {
    From: isHidden || uri === null ? ANONYMOUS : uri,
    ...(header !== null && uri !== null && isAsserted && { [header]: uri }),
    ...(privacy !== null && { Privacy: privacy }),
  }
}

/**
 * The Privacy of an INVITE that goes on from us, who are the privacy service for `user`, `header` and `session`: what is new on each leg needs no
 * hiding. `id` is for those who know the number; `critical` goes on with it, and so does `none`, by which a caller wants to be seen (RFC 3323 §4.2).
 *
 * @param asked that of the caller, the whole header; null: there is none
 */
export function privacyOnward(asked: string | null, isHidden: boolean): string | null {
  const kinds = new Set((asked ?? '').toLowerCase().split(/[;,\s]+/))
  if (isHidden) return kinds.has('critical') ? 'id;critical' : 'id'
  return kinds.has('none') ? 'none' : null
}
