import type { Params } from './params.ts'
import { isSipUri, isTelUri, type SipUri, type TelUri, type Uri } from './uri.ts'

/** Parameters that make two URIs differ when only one has them (RFC 3261 §19.1.4, its text and its examples). */
const NEVER_IGNORED = ['user', 'ttl', 'method', 'maddr', 'transport']

/**
 * Whether two URIs are equivalent (RFC 3261 §19.1.4 for sip and sips, RFC 3966 §5 for tel); others are compared as text.
 * An omitted port is not its default: such URIs can resolve to different places.
 */
export function isSameUri(a: Uri, b: Uri): boolean {
  if (a.scheme !== b.scheme) return false
  if (isSipUri(a) && isSipUri(b)) return isSameSip(a, b)
  if (isTelUri(a) && isTelUri(b)) return isSameTel(a, b)
  return 'opaque' in a && 'opaque' in b && a.opaque === b.opaque
}

function isSameSip(a: SipUri, b: SipUri): boolean {
  return (
    normalize(a.user) === normalize(b.user) &&
    normalize(a.password) === normalize(b.password) &&
    a.host.toLowerCase() === b.host.toLowerCase() &&
    a.port === b.port &&
    haveSameParams(a.params, b.params) &&
    headerText(a) === headerText(b)
  )
}

function haveSameParams(a: Params, b: Params): boolean {
  if (NEVER_IGNORED.some((name) => a.has(name) !== b.has(name))) return false
  for (const [name, value] of a) {
    if (b.has(name) && normalize(value)?.toLowerCase() !== normalize(b.raw(name))?.toLowerCase()) return false
  }
  return true
}

/** Headers count whatever their order; their names in lower case. */
const headerText = (uri: SipUri): string =>
  uri.headers
    .map(([name, value]) => `${normalize(name)?.toLowerCase()}=${normalize(value)}`)
    .sort()
    .join('&')

function isSameTel(a: TelUri, b: TelUri): boolean {
  const text = ({ number, params }: TelUri): string => {
    const sorted = [...params].map(([name, value]) => `${name}=${value ?? ''}`).sort()
    return [number.replace(/[().-]/g, ''), ...sorted].join(';').toLowerCase()
  }
  return text(a) === text(b)
}

/** `%61` is `a`, but `%3B` is not `;`: an escaped reserved character is not the character itself (RFC 3986 §6.2.2.2). */
function normalize(text: string | undefined): string | undefined {
  return text?.replace(/%([0-9A-Fa-f]{2})/g, (escaped, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-_.!~*'()]/.test(char) ? char : escaped.toUpperCase()
  })
}
