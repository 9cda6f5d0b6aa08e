import type { Protocol } from '../../../lib/sip/targets.ts'

/** Transport protocols that carry SIP (RFC 3261 §18). */
export type TransportProtocol = Protocol

/** One connection of a stream transport; a number that is not used again while the process lives. */
export type FlowId = number

/** A socket's own address. IPv6 addresses stand without brackets. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
}

/** Where a message came from and to. It serves as the `Remote` of the answer. */
export interface Arrival {
  readonly protocol: TransportProtocol
  readonly localHost: string
  readonly localPort: number
  readonly remoteHost: string
  readonly remotePort: number
  /** The connection it came on; undefined for UDP. */
  readonly flow: FlowId | undefined
}

/** Where to send a message. `host` is an IP address: names are resolved above (RFC 3263). */
export interface Remote {
  readonly protocol: TransportProtocol
  readonly host: string
  readonly port: number
  /** The connection to prefer; where it is gone, one to `host` and `port` is reused or opened (RFC 3261 §18.2.2). */
  readonly flow?: FlowId | undefined
  /** The name that the other end of a TLS connection has to prove (RFC 5922 §7); its address where there is none. */
  readonly serverName?: string | undefined
}

/** Why a transport could not do what it was asked; stable, for logs and metrics. */
export type TransportErrorCode =
  | 'address-in-use'
  | 'address-not-available'
  | 'not-permitted'
  | 'no-transport'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'closed'
  | 'congested'
  | 'too-many-connections'
  | 'too-large'
  | 'untrusted'
  | 'failed'

/** A transport's failure: code, and words with the addresses. */
export interface TransportError {
  readonly code: TransportErrorCode
  readonly message: string
  readonly cause?: unknown
}

/**
 * Called exactly once for each message sent: without an error when the system has taken it, which for UDP does not mean
 * that it arrives. A callback, for a promise a message would cost more than the sending.
 */
export type SendDone = (error: TransportError | undefined) => void

/** What an address is to us before it has said anything. A stranger gets little room and no answer, who is banned gets none. */
export type Standing = 'known' | 'stranger' | 'banned'

/** Takes whole messages from a transport. It may keep `bytes`; it must not throw. */
export interface TransportHandler {
  /** Asked once for each connection that comes in. */
  standingOf(host: string): Standing
  onMessage(bytes: Buffer, arrival: Arrival): void
  /** A trouble that belongs to no message sent: an ICMP error, a stream that lost its framing. For logs and counters. */
  onTrouble(error: TransportError, remote: Remote | undefined): void
}

/** One listening socket, and for a stream transport its connections. */
export interface Transport {
  readonly protocol: TransportProtocol
  /** The address it is bound to, with the real port where 0 was asked for. */
  readonly local: SocketAddress
  send(bytes: Buffer, remote: Remote, done: SendDone): void
  /** Refuses new messages, ends all connections and frees the port. Safe to call twice. */
  close(): Promise<void>
}

/** Where to listen. Port 0 takes a free one. `::` takes IPv6 only: IPv4 wants an address of its own. */
export interface ListenAddress extends SocketAddress {
  readonly protocol: TransportProtocol
}
