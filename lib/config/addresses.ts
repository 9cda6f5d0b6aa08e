/** A transport as it stands before an address in the config and in Via (RFC 3261 §18). */
export type SipTransport = 'udp' | 'tcp' | 'tls'

export interface HostPort {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
}

/** A socket to listen on. Port 0 takes any free one. */
export interface ListenAddress extends HostPort {
  readonly protocol: SipTransport
}

/** A SIP URI (RFC 3261 §19.1) as far as the config needs it taken apart; `text` is the whole as it was written. */
export interface SipAddress {
  readonly text: string
  readonly scheme: 'sip' | 'sips'
  readonly user: string | null
  readonly host: string
  /** Null: found by DNS, or the transport's default (RFC 3263 §4.2). */
  readonly port: number | null
  /** From `;transport=`, or tls for a sips URI; null: found by DNS, or UDP (RFC 3263 §4.1). */
  readonly transport: SipTransport | null
}

/** Where a trunk's requests come from: an address or network, narrowed by whatever else is given. */
export interface SourceAddress {
  readonly address: string
  /** Leading bits of `address` that count: 32 (IPv6: 128) for a single host. */
  readonly prefixBits: number
  readonly port: number | null
  readonly transport: SipTransport | null
  /** The host in the request-URI that such requests must name. */
  readonly host: string | null
}

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?$/
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/

/** True for a dotted IPv4 address. */
export const isIpv4 = (text: string): boolean => IPV4.test(text)

/** The eight 16-bit groups of an IPv6 address (RFC 4291 §2.2), or undefined. Zone ids are refused. */
export function ipv6Groups(text: string): readonly number[] | undefined {
  const tail = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
  if (tail !== undefined && !isIpv4(tail)) return undefined
  const [a = 0, b = 0, c = 0, d = 0] = (tail ?? '').split('.').map(Number)
  const hex =
    tail === undefined
      ? text
      : `${text.slice(0, -tail.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
  const halves = hex.split('::')
  if (halves.length > 2) return undefined
  const [head = [], rest = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const groups =
    halves.length === 2 ? [...head, ...Array(Math.max(0, 8 - head.length - rest.length)).fill('0'), ...rest] : head
  if (groups.length !== 8 || (halves.length === 2 && head.length + rest.length > 7)) return undefined
  return groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))
    ? groups.map((group) => Number.parseInt(group, 16))
    : undefined
}

/** True for an IPv4 or IPv6 address. */
export const isIp = (text: string): boolean => isIpv4(text) || ipv6Groups(text) !== undefined

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i
/** Leaves room for the names of services and nodes below it, within the 253 of DNS. */
const MAX_DOMAIN = 180

/** A domain of two labels or more (RFC 1035 §2.3.1), in lower case without a dot at its end. Undefined where the text is none. */
export function parseDomain(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  const isDomain =
    labels.length >= 2 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
  return isDomain && name.length <= MAX_DOMAIN ? name : undefined
}

/** True for 127.0.0.0/8, ::1 and `localhost`: the only hosts that may be spoken to without TLS where a key is sent. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || (isIpv4(host) && host.startsWith('127.')) || host === '::1' || host === '[::1]'
}

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65_535 ? port : undefined
}

/** A host with an optional port, an IPv6 address in brackets where a port may follow. */
function parseHost(text: string): { readonly host: string; readonly port: number | null } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(text)
  if (match === null) return undefined
  const [, v6, name, portText] = match
  const host = v6 ?? name ?? ''
  const known =
    v6 === undefined ? isIpv4(host) || (HOST_NAME.test(host) && !/^[\d.]+$/.test(host)) : ipv6Groups(v6) !== undefined
  const port = portText === undefined ? null : parsePort(portText)
  return known && port !== undefined ? { host, port } : undefined
}

/** `HOST:PORT`, `[IPV6]:PORT`. Undefined where the text is something else. */
export function parseHostPort(text: string): HostPort | undefined {
  const parsed = parseHost(text)
  return parsed === undefined || parsed.port === null ? undefined : { host: parsed.host, port: parsed.port }
}

/** The inverse of `parseHostPort`. */
export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** `udp:HOST:PORT`, `tcp:…`, `tls:…`. Undefined where the text is something else. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(udp|tcp|tls):(.+)$/.exec(text)
  const address = parseHostPort(match?.[2] ?? '')
  const protocol = transportOf(match?.[1])
  return address === undefined || protocol === undefined ? undefined : { protocol, ...address }
}

function transportOf(text: string | undefined): SipTransport | undefined {
  const name = text?.toLowerCase()
  return name === 'udp' || name === 'tcp' || name === 'tls' ? name : undefined
}

/**
 * A `sip:` or `sips:` URI without headers (RFC 3261 §19.1.1). Undefined where it is none, or names a transport we do
 * not speak. A transport of `sips` is TLS, whatever the parameter says.
 */
export function parseSipAddress(text: string): SipAddress | undefined {
  const match = /^(sips?):(?:([^@\s<>"?]+)@)?([^;?@\s<>"]+)((?:;[^?\s<>",]+)?)$/i.exec(text)
  const location = parseHost(match?.[3] ?? '')
  if (match === null || location === undefined || text.length > 512) return undefined
  const scheme = match[1]?.toLowerCase() === 'sips' ? 'sips' : 'sip'
  const parameter = /;transport=([^;]*)/i.exec(match[4] ?? '')?.[1]
  const transport = scheme === 'sips' ? 'tls' : transportOf(parameter)
  if (parameter !== undefined && transport === undefined) return undefined
  return {
    text,
    scheme,
    user: match[2] ?? null,
    host: location.host,
    port: location.port,
    transport: transport ?? null,
  }
}

/** `ADDRESS`, `ADDRESS/BITS`, `ADDRESS:PORT`, each also after `udp:`, `tcp:` or `tls:`. Undefined where it is none. */
export function parseSource(text: string): SourceAddress | undefined {
  const match = /^(?:(udp|tcp|tls):)?(.+?)(?:\/(\d{1,3}))?$/.exec(text)
  if (match === null) return undefined
  const [, transport, addressText = '', bits] = match
  const location = ipv6Groups(addressText) === undefined ? parseHost(addressText) : { host: addressText, port: null }
  if (location === undefined || !isIp(location.host)) return undefined
  const width = isIpv4(location.host) ? 32 : 128
  const prefixBits = bits === undefined ? width : Number(bits)
  if (prefixBits < 1 || prefixBits > width) return undefined
  return {
    address: location.host,
    prefixBits,
    port: location.port,
    transport: transportOf(transport) ?? null,
    host: null,
  }
}

/** True where some packet could match both: the networks overlap, and nothing that both name differs. */
export function overlaps(a: SourceAddress, b: SourceAddress): boolean {
  const differs = <T>(x: T | null, y: T | null): boolean => x !== null && y !== null && x !== y
  if (differs(a.port, b.port) || differs(a.transport, b.transport)) return false
  if (differs(a.host?.toLowerCase() ?? null, b.host?.toLowerCase() ?? null)) return false
  const [left, right] = [addressBits(a.address), addressBits(b.address)]
  const common = Math.min(a.prefixBits, b.prefixBits)
  return left.length === right.length && left.slice(0, common) === right.slice(0, common)
}

/** An address as a text of its bits, 32 or 128 of them. */
function addressBits(address: string): string {
  if (isIpv4(address))
    return address
      .split('.')
      .map((octet) => Number(octet).toString(2).padStart(8, '0'))
      .join('')
  return (ipv6Groups(address) ?? []).map((group) => group.toString(2).padStart(16, '0')).join('')
}
