import { networkInterfaces } from 'node:os'
import { hostPort, type LocalAddress } from '../../lib/sip/compose.ts'
import type { Line } from './line.ts'
import type { LocalSocket, Network } from './transaction/network.ts'
import type { Remote, SendDone, Transport, TransportProtocol } from './transport/transport.ts'
import type { TransportSet } from './transport/transport-set.ts'

/** A socket of ours to send from, and how others are told to reach it. */
export interface Sender {
  readonly socket: LocalSocket
  readonly address: LocalAddress
}

/** Sees every message that goes out, before the transport has it. */
export type OutgoingTap = (bytes: Buffer, remote: Remote, from: LocalSocket) => void

/** The server's sockets: which one a message leaves from, and what address stands in Via and Contact. */
export class Sockets implements Network {
  readonly #transports: TransportSet
  readonly #advertise: string | undefined
  readonly #line: Line
  readonly #tap: OutgoingTap
  /** All addresses of this machine, as they were at the start. */
  readonly #interfaces = new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map((one) => one.address)))

  /** @param advertise host or address for Via and Contact instead of the bound one, as behind NAT */
  constructor(transports: TransportSet, advertise: string | undefined, line: Line, tap: OutgoingTap) {
    this.#transports = transports
    this.#advertise = advertise
    this.#line = line
    this.#tap = tap
  }

  send(bytes: Buffer, remote: Remote, from: LocalSocket | undefined, done: SendDone): void {
    const transport = this.#find(remote, from)
    if (transport === undefined) {
      done({ code: 'no-transport', message: `no ${remote.protocol} socket for ${hostPort(remote.host, remote.port)}` })
      return
    }
    this.#line.pass(
      () => {
        this.#tap(bytes, remote, { localHost: transport.local.host, localPort: transport.local.port })
        transport.send(bytes, remote, done)
      },
      () => done(undefined),
    )
  }

  /** The socket by which a destination is reached; undefined where none speaks its protocol and address family. */
  senderFor(remote: Remote, prefer?: LocalSocket): Sender | undefined {
    const transport = this.#find(remote, prefer)
    if (transport === undefined) return undefined
    return {
      socket: { localHost: transport.local.host, localPort: transport.local.port },
      address: this.addressOf(transport.protocol, transport.local.host, transport.local.port),
    }
  }

  /** The address others are told for one of our sockets. */
  addressOf(protocol: TransportProtocol, host: string, port: number): LocalAddress {
    return { protocol, host: this.#advertise ?? (isWildcard(host) ? firstAddress(host) : host), port }
  }

  /** The socket of ours that a host and port name, as advertised or as bound; `host` of an IPv6 address may have brackets. */
  ownSocket(host: string, port: number): LocalSocket | undefined {
    const wanted = host.replace(/^\[|\]$/g, '').toLowerCase()
    const found = this.#transports.transports.find(({ local }) => {
      if (local.port !== port) return false
      if (wanted === local.host || wanted === this.#advertise?.toLowerCase()) return true
      return isWildcard(local.host) && this.#interfaces.has(wanted)
    })
    return found && { localHost: found.local.host, localPort: found.local.port }
  }

  /** Whether anything of a protocol listens here. */
  speaks(protocol: TransportProtocol): boolean {
    return this.#transports.transports.some((transport) => transport.protocol === protocol)
  }

  /** `udp/192.0.2.1:5060` for each socket, as drachtio announces them: advertised, or as bound. */
  hostports(how: 'advertised' | 'bound'): string[] {
    return this.#transports.transports.map(({ protocol, local }) => {
      const host = how === 'bound' ? local.host : this.addressOf(protocol, local.host, local.port).host
      return `${protocol}/${hostPort(host, local.port)}`
    })
  }

  #find(remote: Remote, prefer: LocalSocket | undefined): Transport | undefined {
    if (prefer !== undefined) {
      for (const transport of this.#transports.transports) {
        const { local, protocol } = transport
        if (protocol === remote.protocol && local.port === prefer.localPort && local.host === prefer.localHost) {
          return transport
        }
      }
    }
    return this.#transports.find(remote, prefer?.localPort)
  }
}

const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** An address of this machine for a socket that is bound to all: the first that is not loopback, of the same family. */
function firstAddress(wildcard: string): string {
  const family = wildcard === '::' ? 'IPv6' : 'IPv4'
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const outer = all.find((one) => one.family === family && !one.internal)
  return outer?.address ?? (family === 'IPv6' ? '::1' : '127.0.0.1')
}
