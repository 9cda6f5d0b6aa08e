import { COLON, codeAt, isAlpha, isDigit, LBRACKET, parseDecimal, SEMICOLON } from './chars.ts'
import { MAX_PARAMS } from './limits.ts'
import { Params } from './params.ts'

/** A URI of a scheme that SIP routes by, or another one that it only carries (RFC 3261 §19.1, RFC 3966). */
export type Uri = SipUri | TelUri | OtherUri

/** `sip:user:password@host:port;params?headers`. All parts as written, escapes kept: see `unescapeUri`. */
export interface SipUri {
  readonly scheme: 'sip' | 'sips'
  readonly user: string | undefined
  readonly password: string | undefined
  /** An IPv6 address keeps its brackets. */
  readonly host: string
  readonly port: number | undefined
  /** Names in lower case. */
  readonly params: Params
  /** Headers to be put in a request made from this URI. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** `tel:+15550100;params` (RFC 3966). */
export interface TelUri {
  readonly scheme: 'tel'
  /** With its visual separators. */
  readonly number: string
  readonly params: Params
}

/** A scheme that is not ours, kept whole. `scheme` is in lower case, and `opaque` is what follows the colon. */
export interface OtherUri {
  readonly scheme: string
  readonly opaque: string
}

/** Narrows to a sip or sips URI. */
export const isSipUri = (uri: Uri): uri is SipUri => 'host' in uri

/** Narrows to a tel URI. */
export const isTelUri = (uri: Uri): uri is TelUri => 'number' in uri

/** Parses a URI without brackets around it. Undefined where it breaks the syntax of its scheme. */
export function parseUri(text: string): Uri | undefined {
  const colon = text.indexOf(':')
  if (colon < 1 || !SCHEME.test(text.slice(0, colon))) return undefined
  const scheme = text.slice(0, colon).toLowerCase()
  if (scheme === 'sip' || scheme === 'sips') return parseSip(scheme, text, colon + 1)
  if (scheme === 'tel') return parseTel(text.slice(colon + 1))
  const opaque = text.slice(colon + 1)
  return opaque === '' || FORBIDDEN.test(opaque) ? undefined : { scheme, opaque }
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/
/** Blanks, controls, brackets, quotes and what is not ASCII stand in no URI. */
const FORBIDDEN = /[^!#-;=?-~]/
const BAD_ESCAPE = /%(?![0-9A-Fa-f]{2})/

function parseSip(scheme: 'sip' | 'sips', text: string, start: number): SipUri | undefined {
  if (FORBIDDEN.test(text) || BAD_ESCAPE.test(text)) return undefined
  const at = text.lastIndexOf('@')
  let user: string | undefined
  let password: string | undefined
  if (at >= start) {
    const userInfo = text.slice(start, at)
    if (userInfo === '' || userInfo.includes('@')) return undefined
    const colon = userInfo.indexOf(':')
    user = colon < 0 ? userInfo : userInfo.slice(0, colon)
    password = colon < 0 ? undefined : userInfo.slice(colon + 1)
  }
  const hostStart = at >= start ? at + 1 : start
  const hostEnd = endOfHost(text, hostStart)
  if (hostEnd <= hostStart) return undefined
  const host = text.slice(hostStart, hostEnd)
  let i = hostEnd
  let port: number | undefined
  if (codeAt(text, i) === COLON) {
    const portStart = i + 1
    i = portStart
    while (isDigit(codeAt(text, i))) i++
    port = parseDecimal(text.slice(portStart, i), 65_535)
    if (port === undefined) return undefined
  }
  const question = text.indexOf('?', i)
  const params = parseUriParams(text.slice(i, question < 0 ? text.length : question))
  if (params === undefined) return undefined
  const headers = question < 0 ? [] : parseUriHeaders(text.slice(question + 1))
  return headers === undefined ? undefined : { scheme, user, password, host, port, params, headers }
}

/** Index after the host that starts at `at`: a name, an IPv4 address or an IPv6 reference; `at` where there is none. */
function endOfHost(text: string, at: number): number {
  if (codeAt(text, at) === LBRACKET) {
    const end = text.indexOf(']', at)
    return end > at + 1 && /^[0-9A-Fa-f:.]+$/.test(text.slice(at + 1, end)) ? end + 1 : at
  }
  while (isHostChar(codeAt(text, at))) at++
  return at
}

/** Host names of the field have underscores too, against RFC 1123; sofia and Kamailio accept them, and so do we. */
const isHostChar = (code: number): boolean =>
  isAlpha(code) || isDigit(code) || code === 45 || code === 46 || code === 95

function parseUriParams(text: string): Params | undefined {
  if (text === '') return Params.of([])
  if (codeAt(text, 0) !== SEMICOLON) return undefined
  const parts = text.slice(1).split(';')
  if (parts.length > MAX_PARAMS) return undefined
  const entries: [string, string | undefined][] = []
  for (const part of parts) {
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    if (name === '' || entries.some(([other]) => other === name.toLowerCase())) return undefined
    entries.push([name.toLowerCase(), equals < 0 ? undefined : part.slice(equals + 1)])
  }
  return Params.of(entries)
}

function parseUriHeaders(text: string): [string, string][] | undefined {
  const headers: [string, string][] = []
  for (const part of text.split('&')) {
    const equals = part.indexOf('=')
    if (equals < 1 || headers.length === MAX_PARAMS) return undefined
    headers.push([part.slice(0, equals), part.slice(equals + 1)])
  }
  return headers
}

/** Digits among visual separators (RFC 3966 §3); what stands before the first digit has no digit, so that each is read once. */
const GLOBAL_NUMBER = /^\+[().-]*\d[\d().-]*$/
const LOCAL_NUMBER = /^[().-]*[\dA-Fa-f*#][\dA-Fa-f*#().-]*$/

function parseTel(text: string): TelUri | undefined {
  const end = text.indexOf(';')
  const number = end < 0 ? text : text.slice(0, end)
  if (!GLOBAL_NUMBER.test(number) && !LOCAL_NUMBER.test(number)) return undefined
  const params = end < 0 ? Params.of([]) : parseUriParams(text.slice(end))
  return params === undefined || FORBIDDEN.test(text) ? undefined : { scheme: 'tel', number, params }
}

/** The URI as text, as it was parsed; schemes in lower case. */
export function formatUri(uri: Uri): string {
  if (isTelUri(uri)) return `tel:${uri.number}${uri.params.toString()}`
  if (!isSipUri(uri)) return `${uri.scheme}:${uri.opaque}`
  const password = uri.password === undefined ? '' : `:${uri.password}`
  const user = uri.user === undefined ? '' : `${uri.user}${password}@`
  const port = uri.port === undefined ? '' : `:${uri.port}`
  const headers = uri.headers.map(([name, value]) => `${name}=${value}`).join('&')
  return `${uri.scheme}:${user}${uri.host}${port}${uri.params.toString()}${headers === '' ? '' : `?${headers}`}`
}

/** A host name or an address as it stands in a URI: an IPv6 address in brackets (RFC 3261 §25.1). */
export const uriHost = (host: string): string => (host.includes(':') ? `[${host}]` : host)
