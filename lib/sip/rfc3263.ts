import { orderByPriority } from './srv-order.ts'
import { uriHost } from './uri.ts'

/** Finding the servers of a SIP URI (RFC 3263 §4), as a generator that asks DNS questions and is given the answers. */

/** What a URI says of where it leads. */
export interface Destination {
  readonly scheme: 'sip' | 'sips'
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string
  readonly port: number | null
  readonly transport: Transport | null
}

export type Transport = 'udp' | 'tcp' | 'tls'

/** An address to send to. `host` is an IP literal; IPv6 has no brackets. */
export interface ServerAddress {
  readonly transport: Transport
  readonly host: string
  readonly port: number
}

/** How an address is named in events and in the health of trunks: `udp:192.0.2.1:5060`. */
export const serverName = ({ transport, host, port }: ServerAddress): string => `${transport}:${uriHost(host)}:${port}`

/** The URI that a request is routed to where it shall go to this address, whatever its request-URI says. */
export const serverUri = ({ transport, host, port }: ServerAddress): string =>
  `sip:${uriHost(host)}:${port};transport=${transport}`

export interface DnsQuestion {
  readonly name: string
  readonly type: 'NAPTR' | 'SRV' | 'A' | 'AAAA'
}

export type DnsRecord =
  | {
      readonly type: 'NAPTR'
      readonly order: number
      readonly preference: number
      readonly flags: string
      readonly service: string
      readonly replacement: string
    }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: string
    }
  | { readonly type: 'A' | 'AAAA'; readonly address: string }

/** What we can send over, in the order that we prefer where the domain has no wish (RFC 3263 §4.1). */
export interface Reach {
  readonly transports: readonly Transport[]
  /** Whether a socket of ours speaks IPv6. */
  readonly ipv6: boolean
}

/** Servers of one URI that are tried, and services that are asked for: a zone with more is a slip or an attack. */
const MAX_SERVERS = 16
const MAX_SERVICES = 4
const DEFAULT_PORTS: Readonly<Record<Transport, number>> = { udp: 5060, tcp: 5060, tls: 5061 }
const SERVICES: Readonly<Record<string, Transport>> = { 'SIP+D2U': 'udp', 'SIP+D2T': 'tcp', 'SIPS+D2T': 'tls' }
const SRV_PREFIXES: Readonly<Record<Transport, string>> = { udp: '_sip._udp', tcp: '_sip._tcp', tls: '_sips._tcp' }

type Locating<T> = Generator<DnsQuestion, T, readonly DnsRecord[]>

/**
 * The servers of a URI, the best first; none where DNS knows none that we can reach. Each question is to be answered with
 * its records, or with none where there are none or DNS is silent.
 *
 * @param random 0 ≤ random < 1, asked for each choice by weight
 */
export function* locateServers(
  to: Destination,
  reach: Reach,
  random: () => number,
): Locating<readonly ServerAddress[]> {
  const named = to.scheme === 'sips' ? 'tls' : to.transport
  if (named !== null && !reach.transports.includes(named)) return []
  const usual: Transport = named ?? 'udp'
  const port = to.port ?? DEFAULT_PORTS[usual]
  if (isLiteral(to.host)) return [{ transport: usual, host: to.host, port }]
  if (to.port !== null) return yield* addressesOf({ name: to.host, transport: usual, port }, reach)
  const found = yield* bySrv(to.host, named, reach, random)
  return found ?? (yield* addressesOf({ name: to.host, transport: usual, port }, reach))
}

/** Null where the domain has no SRV records: its addresses are asked then (RFC 3263 §4.2). */
function* bySrv(
  host: string,
  named: Transport | null,
  reach: Reach,
  random: () => number,
): Locating<readonly ServerAddress[] | null> {
  const services = named === null ? yield* servicesOf(host, reach) : [service(named, host)]
  const found: ServerAddress[] = []
  let known = false
  for (const { transport, name } of services) {
    const records = (yield { name, type: 'SRV' }).filter((record) => record.type === 'SRV')
    if (records.length === 0) continue
    known = true
    for (const { target, port } of orderByPriority(records, random).slice(0, MAX_SERVERS)) {
      // A target of "." says that the service is decidedly not there (RFC 2782).
      if (target === '.' || target === '' || found.length >= MAX_SERVERS) continue
      found.push(...(yield* addressesOf({ name: target, transport, port }, reach)))
    }
  }
  return known ? found.slice(0, MAX_SERVERS) : null
}

interface Service {
  readonly transport: Transport
  readonly name: string
}

/** Which SRV names are asked: those of the domain's NAPTR records, else those of each transport of ours (RFC 3263 §4.1). */
function* servicesOf(host: string, { transports }: Reach): Locating<readonly Service[]> {
  const services: Service[] = []
  const records = (yield { name: host, type: 'NAPTR' }).filter((record) => record.type === 'NAPTR')
  for (const record of records.toSorted((a, b) => a.order - b.order || a.preference - b.preference)) {
    const transport = SERVICES[record.service.toUpperCase()]
    const isUsable = transport !== undefined && transports.includes(transport) && record.flags.toLowerCase() === 's'
    if (isUsable && record.replacement !== '') services.push({ transport, name: record.replacement })
  }
  // A URI that is not sips may be sent over TLS, but only where the domain asks for it.
  return services.length > 0
    ? services.slice(0, MAX_SERVICES)
    : transports.filter((transport) => transport !== 'tls').map((transport) => service(transport, host))
}

const service = (transport: Transport, host: string): Service => ({
  transport,
  name: `${SRV_PREFIXES[transport]}.${host}`,
})

function* addressesOf(
  { name, transport, port }: Service & { readonly port: number },
  { ipv6 }: Reach,
): Locating<readonly ServerAddress[]> {
  if (isLiteral(name)) return [{ transport, host: name, port }]
  const four = yield { name, type: 'A' }
  const six = ipv6 ? yield { name, type: 'AAAA' } : []
  return [...four, ...six]
    .flatMap((record) => (record.type === 'A' || record.type === 'AAAA' ? [record.address] : []))
    .slice(0, MAX_SERVERS)
    .map((host) => ({ transport, host, port }))
}

const isLiteral = (host: string): boolean => host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)
