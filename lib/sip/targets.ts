import { isSipUri, parseUri } from './uri.ts'
import type { Via } from './via.ts'

/** The transports the server speaks. */
export type Protocol = 'udp' | 'tcp' | 'tls'

/** Where a message goes. `host` may be a name; an IPv6 address has no brackets. */
export interface Target {
  readonly protocol: Protocol
  readonly host: string
  readonly port: number
}

export const DEFAULT_SIP_PORT = 5060

/** RFC 3261 §19.1.2. */
export const defaultPort = (protocol: Protocol): number => (protocol === 'tls' ? 5061 : DEFAULT_SIP_PORT)

/** Why a request cannot be sent anywhere: the URI is none, or its transport is one we do not speak. */
export type TargetFault = 'invalid-uri' | 'unsupported-transport'

/** What stands in the last angle brackets, or all of it. A regular expression would take quadratic time on many of them. */
function withoutBrackets(text: string): string {
  const open = text.lastIndexOf('<')
  const close = text.indexOf('>', open)
  return open < 0 || close < 0 ? text : text.slice(open + 1, close)
}

const unbracket = (host: string): string => (host.startsWith('[') ? host.slice(1, -1) : host)

/**
 * The next hop that a URI names (RFC 3263 §4 without its DNS part): host, port or its default, and `transport` or UDP; TLS for sips. A URI
 * without scheme, as in a `proxy` option `192.0.2.1:5080`, is taken as a sip URI. `maddr` overrides the host.
 */
export function targetOfUri(text: string): Target | TargetFault {
  const bare = withoutBrackets(text)
  const uri = parseUri(/^[A-Za-z][A-Za-z0-9+.-]*:(?!\d+(?:;|$))/.test(bare) ? bare : `sip:${bare}`)
  if (uri === undefined || !isSipUri(uri)) return 'invalid-uri'
  const transport = (uri.params.get('transport') ?? (uri.scheme === 'sips' ? 'tls' : 'udp')).toLowerCase()
  const protocol = uri.scheme === 'sips' ? securedBy(transport) : protocolOf(transport)
  if (protocol === undefined) return 'unsupported-transport'
  const host = unbracket(uri.params.get('maddr') ?? uri.host)
  if (host === '') return 'invalid-uri'
  return { protocol, host, port: uri.port ?? defaultPort(protocol) }
}

const protocolOf = (transport: string): Protocol | undefined =>
  transport === 'udp' || transport === 'tcp' || transport === 'tls' ? transport : undefined

/** In a sips URI `transport=tcp` means TLS over TCP (RFC 3261 §26.2.2), and so does none; UDP cannot be secured. */
const securedBy = (transport: string): Protocol | undefined =>
  transport === 'tcp' || transport === 'tls' ? 'tls' : undefined

/**
 * Where the response to a request goes once its connection, if it came on one, is gone (RFC 3261 §18.2.2, RFC 3581 §4): back
 * to the address it came from, at the port it came from if the client asked so by `rport`, else at the sent-by port.
 * `maddr` is not honoured: it would let any sender aim our answers at a third party.
 */
export function responseTarget(via: Via, protocol: Protocol, sourceHost: string, sourcePort: number): Target {
  const port = protocol === 'udp' && via.params.has('rport') ? sourcePort : (via.port ?? defaultPort(protocol))
  return { protocol, host: sourceHost, port }
}
