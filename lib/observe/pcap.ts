import type { SipTrace } from './sip-trace.ts'

/**
 * SIP messages as a capture file that Wireshark and sngrep open (libpcap format 2.4, raw IP). The addresses, ports,
 * times and messages are those of the wire; the IP and UDP headers around them are made here, also for messages that
 * came over TCP or TLS, as capture agents do.
 */

const GLOBAL_HEADER_BYTES = 24
const RECORD_HEADER_BYTES = 16
const UDP_HEADER_BYTES = 8
const IPV4_HEADER_BYTES = 20
const IPV6_HEADER_BYTES = 40
/** Both lengths on the wire are 16 bits wide; a longer message is cut, and the record says how long it was. */
const MAX_PAYLOAD_BYTES = 65_535 - IPV4_HEADER_BYTES - UDP_HEADER_BYTES
const LINKTYPE_RAW = 101
const PROTOCOL_UDP = 17
const TTL = 64

interface Endpoint {
  readonly address: Buffer
  readonly port: number
}

/** The whole file. A message whose addresses cannot be read is put under 0.0.0.0, port 0. */
export function formatPcap(traces: readonly SipTrace[]): Buffer {
  return Buffer.concat([globalHeader(), ...traces.flatMap(formatRecord)])
}

/**
 * ```
 *  magic a1b2c3d4 | version 2.4 | zone 0 | accuracy 0 | snap length | link type
 * ```
 */
function globalHeader(): Buffer {
  const header = Buffer.alloc(GLOBAL_HEADER_BYTES)
  header.writeUInt32BE(0xa1b2c3d4, 0)
  header.writeUInt16BE(2, 4)
  header.writeUInt16BE(4, 6)
  header.writeUInt32BE(262_144, 16)
  header.writeUInt32BE(LINKTYPE_RAW, 20)
  return header
}

function formatRecord(trace: SipTrace): Buffer[] {
  const message = Buffer.from(trace.message, 'utf8')
  const payload = message.subarray(0, MAX_PAYLOAD_BYTES)
  const [source, destination] = sameFamily(
    trace.direction === 'in' ? [trace.remote, trace.local] : [trace.local, trace.remote],
  )
  const udp = udpDatagram(source, destination, payload)
  const ip = source.address.length === 4 ? ipv4Header(source, destination, udp) : ipv6Header(source, destination, udp)
  const packetBytes = ip.length + udp.length
  const header = Buffer.alloc(RECORD_HEADER_BYTES)
  const atMs = Math.max(0, trace.at.getTime())
  header.writeUInt32BE(Math.floor(atMs / 1000) >>> 0, 0)
  header.writeUInt32BE((atMs % 1000) * 1000, 4)
  header.writeUInt32BE(packetBytes, 8)
  header.writeUInt32BE(packetBytes + message.length - payload.length, 12)
  return [header, ip, udp]
}

/** RFC 791 §3.1, without options or fragments. */
function ipv4Header(source: Endpoint, destination: Endpoint, udp: Buffer): Buffer {
  const header = Buffer.alloc(IPV4_HEADER_BYTES)
  header.writeUInt8(0x45, 0)
  header.writeUInt16BE(IPV4_HEADER_BYTES + udp.length, 2)
  header.writeUInt8(TTL, 8)
  header.writeUInt8(PROTOCOL_UDP, 9)
  source.address.copy(header, 12)
  destination.address.copy(header, 16)
  header.writeUInt16BE(checksum([header]), 10)
  return header
}

/** RFC 8200 §3. */
function ipv6Header(source: Endpoint, destination: Endpoint, udp: Buffer): Buffer {
  const header = Buffer.alloc(IPV6_HEADER_BYTES)
  header.writeUInt8(0x60, 0)
  header.writeUInt16BE(udp.length, 4)
  header.writeUInt8(PROTOCOL_UDP, 6)
  header.writeUInt8(TTL, 7)
  source.address.copy(header, 8)
  destination.address.copy(header, 24)
  return header
}

/** RFC 768, with the checksum over the pseudo header that fits the address family (RFC 8200 §8.1). */
function udpDatagram(source: Endpoint, destination: Endpoint, payload: Buffer): Buffer {
  const header = Buffer.alloc(UDP_HEADER_BYTES)
  const length = UDP_HEADER_BYTES + payload.length
  header.writeUInt16BE(source.port, 0)
  header.writeUInt16BE(destination.port, 2)
  header.writeUInt16BE(length, 4)
  const pseudo = Buffer.from([0, PROTOCOL_UDP, length >>> 8, length & 0xff])
  const sum = checksum([source.address, destination.address, pseudo, header, payload])
  header.writeUInt16BE(sum === 0 ? 0xffff : sum, 6)
  return Buffer.concat([header, payload])
}

/** The Internet checksum (RFC 1071) over parts of which only the last may have an odd length. */
function checksum(parts: readonly Buffer[]): number {
  let sum = 0
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) | (part[at + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Where the families differ, which only damaged records do, both become IPv6 (RFC 4291 §2.5.5.2). */
function sameFamily(addresses: readonly [string, string]): readonly [Endpoint, Endpoint] {
  const [source, destination] = [parseEndpoint(addresses[0]), parseEndpoint(addresses[1])]
  if (source.address.length === destination.address.length) return [source, destination]
  return [mapped(source), mapped(destination)]
}

function mapped(endpoint: Endpoint): Endpoint {
  if (endpoint.address.length === 16) return endpoint
  const prefix = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
  return { ...endpoint, address: Buffer.concat([prefix, endpoint.address]) }
}

function parseEndpoint(text: string): Endpoint {
  const parts = /^\[?([^\]]*?)\]?:(\d{1,5})$/.exec(text)
  const [host, port] = parts === null ? [text, 0] : [parts[1] ?? '', Number(parts[2])]
  const address = parseIpv4(host) ?? parseIpv6(host) ?? Buffer.alloc(4)
  return { address, port: port <= 65_535 ? port : 0 }
}

function parseIpv4(host: string): Buffer | undefined {
  const bytes = host.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  return bytes.length === 4 && bytes.every((byte) => byte < 256) ? Buffer.from(bytes) : undefined
}

/** RFC 4291 §2.2, forms 1 to 3. */
function parseIpv6(host: string): Buffer | undefined {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(host)
  const embedded = tail === null ? undefined : parseIpv4(tail[2] ?? '')
  const text =
    embedded === undefined
      ? host
      : `${tail?.[1]}${embedded.readUInt16BE(0).toString(16)}:${embedded.readUInt16BE(2).toString(16)}`
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')))
  const [head = [], rest = []] = halves
  const zeros = 8 - head.length - rest.length
  if (halves.length > 2 || (halves.length === 2 ? zeros < 1 : zeros !== 0)) return undefined
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...rest]
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined
  const address = Buffer.alloc(16)
  for (const [at, group] of groups.entries()) address.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  return address
}
