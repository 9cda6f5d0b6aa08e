import { isToken } from './chars.ts'

/** A header's name: `name` as we write it, `key` in lower case for comparison. One object for each well-known header. */
export interface HeaderName {
  readonly name: string
  readonly key: string
}

/** Long names in their canonical form (RFC 3261 §20 and the IANA registry), with the compact form where there is one. */
const WELL_KNOWN: readonly (readonly [name: string, compact?: string])[] = [
  ['Via', 'v'],
  ['From', 'f'],
  ['To', 't'],
  ['Call-ID', 'i'],
  ['CSeq'],
  ['Max-Forwards'],
  ['Contact', 'm'],
  ['Content-Length', 'l'],
  ['Content-Type', 'c'],
  ['Content-Encoding', 'e'],
  ['Content-Disposition'],
  ['Content-Language'],
  ['Route'],
  ['Record-Route'],
  ['Accept'],
  ['Accept-Contact', 'a'],
  ['Accept-Encoding'],
  ['Accept-Language'],
  ['Alert-Info'],
  ['Allow'],
  ['Allow-Events', 'u'],
  ['Authentication-Info'],
  ['Authorization'],
  ['Call-Info'],
  ['Date'],
  ['Diversion'],
  ['Error-Info'],
  ['Event', 'o'],
  ['Expires'],
  ['Geolocation'],
  ['History-Info'],
  ['Identity', 'y'],
  ['In-Reply-To'],
  ['Info-Package'],
  ['Join'],
  ['MIME-Version'],
  ['Min-Expires'],
  ['Min-SE'],
  ['Organization'],
  ['P-Access-Network-Info'],
  ['P-Asserted-Identity'],
  ['P-Called-Party-ID'],
  ['P-Charging-Vector'],
  ['P-Early-Media'],
  ['P-Preferred-Identity'],
  ['Path'],
  ['Priority'],
  ['Privacy'],
  ['Proxy-Authenticate'],
  ['Proxy-Authorization'],
  ['Proxy-Require'],
  ['RAck'],
  ['Reason'],
  ['Recv-Info'],
  ['Refer-Sub'],
  ['Refer-To', 'r'],
  ['Referred-By', 'b'],
  ['Reject-Contact', 'j'],
  ['Remote-Party-ID'],
  ['Replaces'],
  ['Reply-To'],
  ['Request-Disposition', 'd'],
  ['Require'],
  ['Retry-After'],
  ['RSeq'],
  ['Server'],
  ['Service-Route'],
  ['Session-Expires', 'x'],
  ['Session-ID'],
  ['SIP-ETag'],
  ['SIP-If-Match'],
  ['Subject', 's'],
  ['Subscription-State'],
  ['Supported', 'k'],
  ['Target-Dialog'],
  ['Timestamp'],
  ['Unsupported'],
  ['User-Agent'],
  ['User-to-User'],
  ['Warning'],
  ['WWW-Authenticate'],
]

/** By canonical spelling, lower case and compact form: one lookup finds what peers usually write. */
const bySpelling = new Map<string, HeaderName>()
for (const [name, compact] of WELL_KNOWN) {
  const header = { name, key: name.toLowerCase() }
  bySpelling.set(name, header).set(header.key, header)
  if (compact !== undefined) bySpelling.set(compact, header).set(compact.toUpperCase(), header)
}

/**
 * The header that a name stands for: case-insensitive, compact forms expanded (RFC 3261 §7.3.3). A well-known header
 * always gives the same object. Another is kept as it is spelled; undefined where the name is no token.
 */
export function headerName(spelling: string): HeaderName | undefined {
  const known = bySpelling.get(spelling)
  if (known !== undefined) return known
  const key = spelling.toLowerCase()
  return bySpelling.get(key) ?? (isToken(spelling) ? { name: spelling, key } : undefined)
}

/** The lower-case long name by which a header is compared, whatever it is spelled like. */
export const headerKey = (spelling: string): string => headerName(spelling)?.key ?? spelling.toLowerCase()

/** Whether two names are of one header. */
export const isSameHeader = (a: HeaderName, b: HeaderName): boolean => a === b || a.key === b.key

function wellKnown(name: string): HeaderName {
  const header = bySpelling.get(name)
  if (header === undefined) throw new Error(`not a well-known header: ${name}`)
  return header
}

export const CALL_ID = wellKnown('Call-ID')
export const CONTACT = wellKnown('Contact')
export const CONTENT_LENGTH = wellKnown('Content-Length')
export const CSEQ = wellKnown('CSeq')
export const FROM = wellKnown('From')
export const MAX_FORWARDS = wellKnown('Max-Forwards')
export const RECORD_ROUTE = wellKnown('Record-Route')
export const ROUTE = wellKnown('Route')
export const TIMESTAMP = wellKnown('Timestamp')
export const TO = wellKnown('To')
export const VIA = wellKnown('Via')
