import {
  COLON,
  codeAt,
  isDigit,
  LBRACKET,
  parseDecimal,
  RBRACKET,
  SEMICOLON,
  SLASH,
  skipBlanks,
  skipToken,
} from './chars.ts'
import { type Params, parseParams } from './params.ts'

/** One hop a request took (RFC 3261 §20.42): where its response goes back to. */
export interface Via {
  /** `UDP`, `TCP`, `TLS`, `WS`, ... in upper case. */
  readonly transport: string
  /** The sent-by host as written; an IPv6 address keeps its brackets. */
  readonly host: string
  /** The sent-by port; undefined where the default of the transport applies. */
  readonly port: number | undefined
  readonly params: Params
}

/** The magic cookie of a branch made by RFC 3261 §8.1.1.7; a branch without it is of RFC 2543. */
export const BRANCH_COOKIE = 'z9hG4bK'

/** The transaction's branch; undefined where an old client gave none. */
export const branchOf = (via: Via): string | undefined => via.params.get('branch')

/** Parses one Via value, blanks allowed around `/`, `:` and `;`. Undefined where it is malformed. */
export function parseVia(text: string): Via | undefined {
  let at = skipProtocol(text)
  if (at < 0) return undefined
  const transportEnd = skipToken(text, at)
  const transport = text.slice(at, transportEnd).toUpperCase()
  at = skipBlanks(text, transportEnd)
  if (transport === '' || at === transportEnd) return undefined
  const hostEnd = skipHost(text, at)
  if (hostEnd === at) return undefined
  const host = text.slice(at, hostEnd)
  at = skipBlanks(text, hostEnd)
  let port: number | undefined
  if (codeAt(text, at) === COLON) {
    const start = skipBlanks(text, at + 1)
    at = start
    while (isDigit(codeAt(text, at))) at++
    port = parseDecimal(text.slice(start, at), 65_535)
    if (port === undefined) return undefined
  }
  const params = parseParams(text, at)
  return params === undefined ? undefined : { transport, host, port, params }
}

/** The index of the transport after `SIP / 2.0 /`, or -1 where the protocol is another (RFC 3261 §20.42). */
function skipProtocol(text: string): number {
  if (text.startsWith('SIP/2.0/')) return 8
  const match = /^\s*SIP[ \t]*\/[ \t]*2\.0[ \t]*\/[ \t]*/i.exec(text)
  return match === null ? -1 : match[0].length
}

function skipHost(text: string, at: number): number {
  if (codeAt(text, at) === LBRACKET) {
    const end = text.indexOf(']', at)
    return end < 0 ? at : end + 1
  }
  for (; at < text.length; at++) {
    const code = codeAt(text, at)
    if (code === COLON || code === SEMICOLON || code <= 32 || code === SLASH || code === RBRACKET) break
  }
  return at
}

/** The Via as a header value in its canonical form. */
export function formatVia(via: Via): string {
  const port = via.port === undefined ? '' : `:${via.port}`
  return `SIP/2.0/${via.transport} ${via.host}${port}${via.params.toString()}`
}

/**
 * The Via with where the request really came from: `received` where the sent-by host is another than the source address
 * (RFC 3261 §18.2.1), and always together with the port where the client asked by `rport` (RFC 3581 §4).
 * Returns the same object where nothing is to be added. `sourceHost` is a bare IP address.
 */
export function withSource(via: Via, sourceHost: string, sourcePort: number): Via {
  const sentBy = via.host.startsWith('[') ? via.host.slice(1, -1) : via.host
  const asked = via.params.has('rport')
  if (!asked && sentBy === sourceHost) return via
  let params = via.params.with('received', sourceHost)
  if (asked) params = params.with('rport', String(sourcePort))
  return { ...via, params }
}
