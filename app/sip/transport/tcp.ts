import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import { TcpConnection, type TcpLimits } from './tcp-connection.ts'
import type {
  FlowId,
  Remote,
  SendDone,
  SocketAddress,
  Transport,
  TransportError,
  TransportHandler,
} from './transport.ts'
import { toListenError } from './transport-error.ts'

/** Limits of a TCP transport; each has its default in `TCP_LIMITS`. */
export interface TcpTransportLimits extends TcpLimits {
  /** Most connections at a time, of either direction. */
  readonly maxConnections: number
  /** How long opening a connection may take, in ms. */
  readonly connectTimeoutMs: number
}

/** Our defaults. An idle connection outlives three of the 120 s keepalives of RFC 5626 §4.4.1. */
export const TCP_LIMITS: TcpTransportLimits = {
  maxConnections: 4_096,
  connectTimeoutMs: 4_000,
  idleTimeoutMs: 400_000,
  messageTimeoutMs: 32_000,
  maxUnsentBytes: 1024 * 1024,
}

/**
 * SIP over TCP (RFC 3261 §18): listens, opens connections to where we send, and sends over one that is there already,
 * whoever opened it.
 */
export class TcpTransport implements Transport {
  readonly protocol = 'tcp'
  readonly local: SocketAddress
  readonly #server: Server
  readonly #handler: TransportHandler
  readonly #limits: TcpTransportLimits
  readonly #byFlow = new Map<FlowId, TcpConnection>()
  readonly #byRemote = new Map<string, TcpConnection>()
  #closing: Promise<void> | undefined

  /** Binds a listening socket; the error says which address, and who holds it. */
  static async listen(
    at: SocketAddress,
    handler: TransportHandler,
    limits: TcpTransportLimits = TCP_LIMITS,
  ): Promise<Result<TcpTransport, TransportError>> {
    const server = createServer({ noDelay: true })
    try {
      const listening = once(server, 'listening')
      server.listen({ host: at.host, port: at.port, exclusive: true, ipv6Only: true })
      await listening
    } catch (cause) {
      return err(toListenError(cause, { protocol: 'tcp', ...at }))
    }
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('a TCP server without an address')
    return ok(new TcpTransport(server, { host: bound.address, port: bound.port }, handler, limits))
  }

  private constructor(server: Server, local: SocketAddress, handler: TransportHandler, limits: TcpTransportLimits) {
    this.local = local
    this.#server = server
    this.#handler = handler
    this.#limits = limits
    server.on('connection', (socket) => this.#onConnection(socket))
    server.on('error', (cause) => handler.onTrouble(toListenError(cause, { protocol: 'tcp', ...local }), undefined))
  }

  /** Connections of either direction that are open or being opened. */
  get connectionCount(): number {
    return this.#byFlow.size
  }

  send(bytes: Buffer, remote: Remote, done: SendDone): void {
    if (this.#closing !== undefined) {
      done({ code: 'closed', message: 'the tcp transport is closed' })
      return
    }
    const connection =
      (remote.flow === undefined ? undefined : this.#byFlow.get(remote.flow)) ??
      this.#byRemote.get(remoteKey(remote.host, remote.port)) ??
      this.#open(remote)
    if (connection === undefined) done(this.#tooMany())
    else connection.send(bytes, done)
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const connection of this.#byFlow.values()) connection.close()
    })
    return this.#closing
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress, remotePort } = socket
    // The peer may be gone before we look.
    if (remoteAddress === undefined || remotePort === undefined || this.#closing !== undefined) {
      socket.destroy()
      return
    }
    if (this.connectionCount >= this.#limits.maxConnections) {
      socket.destroy()
      this.#handler.onTrouble(this.#tooMany(), { protocol: 'tcp', host: remoteAddress, port: remotePort })
      return
    }
    this.#adopt(socket, remoteAddress, remotePort)
  }

  #open(remote: Remote): TcpConnection | undefined {
    if (this.connectionCount >= this.#limits.maxConnections) return undefined
    const isAny = this.local.host === '0.0.0.0' || this.local.host === '::'
    const socket = connect({
      host: remote.host,
      port: remote.port,
      noDelay: true,
      ...(isAny ? {} : { localAddress: this.local.host }),
    })
    const giveUp = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no answer to the connection request'), { code: 'ETIMEDOUT' }))
    }, this.#limits.connectTimeoutMs)
    socket.once('connect', () => clearTimeout(giveUp))
    socket.once('close', () => clearTimeout(giveUp))
    return this.#adopt(socket, remote.host, remote.port)
  }

  #adopt(socket: Socket, host: string, port: number): TcpConnection {
    const key = remoteKey(host, port)
    const connection = new TcpConnection(socket, { host, port }, this.local, this.#handler, this.#limits)
    this.#byFlow.set(connection.flow, connection)
    this.#byRemote.set(key, connection)
    socket.once('close', () => {
      this.#byFlow.delete(connection.flow)
      if (this.#byRemote.get(key) === connection) this.#byRemote.delete(key)
    })
    return connection
  }

  #tooMany(): TransportError {
    return { code: 'too-many-connections', message: `over ${this.#limits.maxConnections} tcp connections` }
  }
}

const remoteKey = (host: string, port: number): string => `${host} ${port}`
