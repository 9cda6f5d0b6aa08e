import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { err, ok, type Result } from '../../../lib/core/result.ts'
import { StreamConnection, type StreamLimits, type StreamPeer } from './stream-connection.ts'
import type { StreamKind } from './stream-kind.ts'
import type {
  FlowId,
  Remote,
  SendDone,
  SocketAddress,
  Transport,
  TransportError,
  TransportHandler,
} from './transport.ts'
import { toListenError, toTransportError } from './transport-error.ts'

/** Limits of a stream transport; each has its default in `STREAM_LIMITS`. */
export interface StreamTransportLimits extends StreamLimits {
  /** Most connections at a time, of either direction. */
  readonly maxConnections: number
  /** Most of them that strangers have opened: however many come, there is room for those we know. */
  readonly maxStrangers: number
  /** How long a stranger's connection may be idle, in ms. */
  readonly strangerIdleMs: number
  /** How long opening a connection may take, in ms; with its handshake, where it has one. */
  readonly connectTimeoutMs: number
}

/** Our defaults. An idle connection outlives three of the 120 s keepalives of RFC 5626 §4.4.1. */
export const STREAM_LIMITS: StreamTransportLimits = {
  maxConnections: 4_096,
  maxStrangers: 256,
  strangerIdleMs: 10_000,
  connectTimeoutMs: 4_000,
  idleTimeoutMs: 400_000,
  messageTimeoutMs: 32_000,
  maxUnsentBytes: 1024 * 1024,
}

/**
 * SIP over TCP or TLS (RFC 3261 §18): listens, opens connections to where we send, and sends over one that is there already,
 * whoever opened it; over TLS, over one that has proven the same name.
 */
export class StreamTransport implements Transport {
  readonly protocol: 'tcp' | 'tls'
  readonly local: SocketAddress
  readonly #kind: StreamKind
  readonly #server: Server
  readonly #handler: TransportHandler
  readonly #limits: StreamTransportLimits
  readonly #byFlow = new Map<FlowId, StreamConnection>()
  readonly #byRemote = new Map<string, StreamConnection>()
  /** Connections that came in and do not carry messages yet. */
  readonly #admitting = new Set<Socket>()
  #strangers = 0
  #closing: Promise<void> | undefined

  /** Binds a listening socket; the error says which address, and who holds it. */
  static async listen(
    kind: StreamKind,
    at: SocketAddress,
    handler: TransportHandler,
    limits: StreamTransportLimits = STREAM_LIMITS,
  ): Promise<Result<StreamTransport, TransportError>> {
    const server = createServer({ noDelay: true })
    try {
      const listening = once(server, 'listening')
      server.listen({ host: at.host, port: at.port, exclusive: true, ipv6Only: true })
      await listening
    } catch (cause) {
      return err(toListenError(cause, { protocol: kind.protocol, ...at }))
    }
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('a listening server without an address')
    return ok(new StreamTransport(kind, server, { host: bound.address, port: bound.port }, handler, limits))
  }

  private constructor(
    kind: StreamKind,
    server: Server,
    local: SocketAddress,
    handler: TransportHandler,
    limits: StreamTransportLimits,
  ) {
    this.protocol = kind.protocol
    this.#kind = kind
    this.local = local
    this.#server = server
    this.#handler = handler
    this.#limits = limits
    server.on('connection', (socket) => this.#onConnection(socket))
    server.on('error', (cause) =>
      handler.onTrouble(toListenError(cause, { protocol: kind.protocol, ...local }), undefined),
    )
  }

  /** Connections of either direction that are open or being opened. */
  get connectionCount(): number {
    return this.#byFlow.size + this.#admitting.size
  }

  send(bytes: Buffer, remote: Remote, done: SendDone): void {
    if (this.#closing !== undefined) {
      done({ code: 'closed', message: `the ${this.protocol} transport is closed` })
      return
    }
    const connection =
      (remote.flow === undefined ? undefined : this.#byFlow.get(remote.flow)) ??
      this.#byRemote.get(this.#keyOf(remote.host, remote.port, remote.serverName)) ??
      this.#open(remote)
    if (connection === undefined) done(this.#tooMany())
    else connection.send(bytes, done)
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const connection of this.#byFlow.values()) connection.close()
      for (const socket of this.#admitting) socket.destroy()
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
    const remote: Remote = { protocol: this.protocol, host: remoteAddress, port: remotePort }
    const isFull = this.connectionCount >= this.#limits.maxConnections
    if (standing === 'banned') {
      socket.destroy()
    } else if (isFull || (standing === 'stranger' && this.#strangers >= this.#limits.maxStrangers)) {
      socket.destroy()
      this.#handler.onTrouble(this.#tooMany(), remote)
    } else this.#admit(socket, { host: remoteAddress, port: remotePort, standing }, remote)
  }

  #admit(raw: Socket, peer: StreamPeer, remote: Remote): void {
    const isStranger = peer.standing === 'stranger'
    if (isStranger) this.#strangers += 1
    raw.once('close', () => {
      this.#admitting.delete(raw)
      if (isStranger) this.#strangers -= 1
    })
    // Before it carries messages, what goes wrong with it is told by `failed`.
    raw.on('error', () => {})
    this.#admitting.add(raw)
    this.#kind.admit(
      raw,
      (socket) => {
        this.#admitting.delete(raw)
        // Whom nobody has asked for proof is not sent to as if he had given it.
        const key = this.#kind.provesNames ? undefined : this.#keyOf(peer.host, peer.port, undefined)
        this.#adopt(socket, peer, key)
      },
      (cause) => {
        raw.destroy()
        const doing = `${this.protocol} from ${peer.host}:${peer.port}`
        this.#handler.onTrouble(toTransportError(cause, doing), remote)
      },
    )
  }

  #open(remote: Remote): StreamConnection | undefined {
    if (this.connectionCount >= this.#limits.maxConnections) return undefined
    const isAny = this.local.host === '0.0.0.0' || this.local.host === '::'
    const { host, port, serverName = host } = remote
    const localAddress = isAny ? undefined : this.local.host
    const socket = this.#kind.dial({ host, port, localAddress, serverName })
    const giveUp = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no answer to the connection request'), { code: 'ETIMEDOUT' }))
    }, this.#limits.connectTimeoutMs)
    socket.once(this.#kind.opened, () => clearTimeout(giveUp))
    socket.once('close', () => clearTimeout(giveUp))
    return this.#adopt(
      socket,
      { host, port, standing: 'known' },
      this.#keyOf(host, port, serverName),
      this.#kind.opened,
    )
  }

  /** @param key what others who send find the connection by; undefined: it serves for answers alone */
  #adopt(socket: Socket, peer: StreamPeer, key: string | undefined, opened?: StreamKind['opened']): StreamConnection {
    const isStranger = peer.standing === 'stranger'
    const limits = isStranger ? { ...this.#limits, idleTimeoutMs: this.#limits.strangerIdleMs } : this.#limits
    const connection = new StreamConnection(this.protocol, socket, peer, this.local, this.#handler, limits, opened)
    this.#byFlow.set(connection.flow, connection)
    if (key !== undefined) this.#byRemote.set(key, connection)
    socket.once('close', () => {
      this.#byFlow.delete(connection.flow)
      if (key !== undefined && this.#byRemote.get(key) === connection) this.#byRemote.delete(key)
    })
    return connection
  }

  #keyOf(host: string, port: number, serverName: string | undefined): string {
    return this.#kind.provesNames ? `${host} ${port} ${serverName ?? host}` : `${host} ${port}`
  }

  #tooMany(): TransportError {
    return {
      code: 'too-many-connections',
      message: `${this.connectionCount} ${this.protocol} connections are open, ${this.#strangers} of them strangers'`,
    }
  }
}
