import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import { TcpConnection, type TcpLimits, type TcpPeer } from './tcp-connection.ts'
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
  /** Most of them that strangers have opened: however many come, there is room for those we know. */
  readonly maxStrangers: number
  /** How long a stranger's connection may be idle, in ms. */
  readonly strangerIdleMs: number
  /** How long opening a connection may take, in ms. */
  readonly connectTimeoutMs: number
}

/** Our defaults. An idle connection outlives three of the 120 s keepalives of RFC 5626 §4.4.1. */
export const TCP_LIMITS: TcpTransportLimits = {
  maxConnections: 4_096,
  maxStrangers: 256,
  strangerIdleMs: 10_000,
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
  #strangers = 0
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
    const standing = this.#handler.standingOf(remoteAddress)
    const isFull = this.connectionCount >= this.#limits.maxConnections
    if (standing === 'banned') {
      socket.destroy()
    } else if (isFull || (standing === 'stranger' && this.#strangers >= this.#limits.maxStrangers)) {
      socket.destroy()
      this.#handler.onTrouble(this.#tooMany(), { protocol: 'tcp', host: remoteAddress, port: remotePort })
    } else this.#adopt(socket, { host: remoteAddress, port: remotePort, standing })
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
    return this.#adopt(socket, { host: remote.host, port: remote.port, standing: 'known' })
  }

  #adopt(socket: Socket, peer: TcpPeer): TcpConnection {
    const key = remoteKey(peer.host, peer.port)
    const isStranger = peer.standing === 'stranger'
    const limits = isStranger ? { ...this.#limits, idleTimeoutMs: this.#limits.strangerIdleMs } : this.#limits
    const connection = new TcpConnection(socket, peer, this.local, this.#handler, limits)
    if (isStranger) this.#strangers += 1
    this.#byFlow.set(connection.flow, connection)
    this.#byRemote.set(key, connection)
    socket.once('close', () => {
      this.#byFlow.delete(connection.flow)
      if (isStranger) this.#strangers -= 1
      if (this.#byRemote.get(key) === connection) this.#byRemote.delete(key)
    })
    return connection
  }

  #tooMany(): TransportError {
    return {
      code: 'too-many-connections',
      message: `${this.#byFlow.size} tcp connections are open, ${this.#strangers} of them strangers'`,
    }
  }
}

const remoteKey = (host: string, port: number): string => `${host} ${port}`
