import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import type {
  Arrival,
  Remote,
  SendDone,
  SocketAddress,
  Transport,
  TransportError,
  TransportHandler,
} from './transport.ts'
import { toListenError, toTransportError } from './transport-error.ts'

/** Kernel receive buffer, in bytes: about 2,000 INVITEs that wait while the thread is busy. The kernel may cap it. */
export const UDP_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** Most bytes of a UDP payload over IPv4: 65,535 less both headers. */
export const MAX_UDP_BYTES = 65_507

/** Datagrams up to this size hold no message: CRLFs and NULs by which peers keep a NAT open (RFC 5626 §3.5). */
const KEEPALIVE_BYTES = 4

/** SIP over UDP (RFC 3261 §18): one socket for all that comes in and goes out, so that answers leave from where they were asked. */
export class UdpTransport implements Transport {
  readonly protocol = 'udp'
  readonly local: SocketAddress
  readonly #socket: Socket
  readonly #handler: TransportHandler
  #closing: Promise<void> | undefined

  /** Binds a socket; the error says which address, and who holds it. */
  static async listen(at: SocketAddress, handler: TransportHandler): Promise<Result<UdpTransport, TransportError>> {
    const socket = createSocket({
      type: isIPv6(at.host) ? 'udp6' : 'udp4',
      ipv6Only: isIPv6(at.host),
      recvBufferSize: UDP_RECEIVE_BUFFER_BYTES,
      // All hosts are addresses already; Node would ask its resolver, in another thread, for each datagram.
      lookup: (host, _options, callback) => callback(null, host, isIPv6(host) ? 6 : 4),
    })
    try {
      const listening = once(socket, 'listening')
      socket.bind({ port: at.port, address: at.host, exclusive: true })
      await listening
    } catch (cause) {
      socket.close()
      return err(toListenError(cause, { protocol: 'udp', ...at }))
    }
    return ok(new UdpTransport(socket, handler))
  }

  private constructor(socket: Socket, handler: TransportHandler) {
    const { address, port } = socket.address()
    this.local = { host: address, port }
    this.#socket = socket
    this.#handler = handler
    socket.on('message', (bytes, from) => this.#onDatagram(bytes, from))
    socket.on('error', (cause) =>
      handler.onTrouble(toTransportError(cause, `udp socket ${address}:${port}`), undefined),
    )
  }

  send(bytes: Buffer, remote: Remote, done: SendDone): void {
    if (this.#closing !== undefined) {
      done({ code: 'closed', message: 'the udp transport is closed' })
      return
    }
    if (bytes.length > MAX_UDP_BYTES) {
      done({ code: 'too-large', message: `too large for a datagram: ${bytes.length} > ${MAX_UDP_BYTES}` })
      return
    }
    this.#socket.send(bytes, remote.port, remote.host, (cause) => {
      done(cause === null ? undefined : toTransportError(cause, `sending to udp ${remote.host}:${remote.port}`))
    })
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => this.#socket.close(() => resolve()))
    return this.#closing
  }

  #onDatagram(bytes: Buffer, from: RemoteInfo): void {
    if (bytes.length <= KEEPALIVE_BYTES) return
    const arrival: Arrival = {
      protocol: 'udp',
      localHost: this.local.host,
      localPort: this.local.port,
      remoteHost: from.address,
      remotePort: from.port,
      flow: undefined,
    }
    this.#handler.onMessage(bytes, arrival)
  }
}
