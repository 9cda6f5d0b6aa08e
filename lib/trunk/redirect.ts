import { splitList } from '../sip/list-values.ts'
import { parseNameAddr } from '../sip/name-addr.ts'
import { isSipUri, parseUri, type SipUri } from '../sip/uri.ts'
import { isSameUri } from '../sip/uri-equality.ts'

/** Contacts of one 3xx that are looked at: a list longer than this is an attack, not a choice. */
const MAX_CONTACTS = 8

/**
 * Where a 3xx may lead (RFC 3261 §8.1.3.4), the preferred first by `q`: URIs of allowed hosts that this call has not been sent to yet.
 * A URI that would put headers into our INVITE is refused. Empty: the 3xx cannot be followed.
 *
 * @param contact the value of its Contact header, several joined by commas
 * @param allowedHosts in any case; no other host is ever followed, or a carrier could make us call at its will
 * @param visited every request-URI of this call so far
 */
export function redirectTargets(
  contact: string,
  allowedHosts: readonly string[],
  visited: readonly string[],
): readonly string[] {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()))
  const seen = visited.map(sipUri).filter((uri) => uri !== undefined)
  const found: { readonly text: string; readonly q: number }[] = []
  for (const value of splitList(contact).slice(0, MAX_CONTACTS)) {
    const address = parseNameAddr(value)
    const uri = address === undefined ? undefined : sipUri(address.uri)
    if (address === undefined || uri === undefined || uri.headers.length > 0) continue
    if (!allowed.has(uri.host.toLowerCase()) || seen.some((other) => isSameUri(uri, other))) continue
    seen.push(uri)
    found.push({ text: address.uri, q: qOf(address.params.get('q')) })
  }
  return found.sort((a, b) => b.q - a.q).map(({ text }) => text)
}

function sipUri(text: string): SipUri | undefined {
  const uri = parseUri(text)
  return uri !== undefined && isSipUri(uri) ? uri : undefined
}

/** RFC 3261 §25.1 `qvalue`; absent or malformed counts as 1. */
const qOf = (text: string | undefined): number =>
  text !== undefined && /^[01](?:\.\d{0,3})?$/.test(text) ? Number(text) : 1
