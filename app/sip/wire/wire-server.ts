import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { AUTHENTICATION_TIMEOUT_MS, ClientConnection, type ClientEvents } from './client-connection.ts'
import { answerHead, type Command } from './heads.ts'

/** Most applications that have connected to us at a time. */
export const MAX_CLIENTS = 256

/** Most connections of ours to applications at a time: one for each call that is taken to them. */
export const MAX_OUTBOUND_CLIENTS = 4096

/** How long an application that we connect to may take to be there and authenticate. */
export const OUTBOUND_PATIENCE_MS = 3_000

/** Tags of a client beyond these are not kept. */
const MAX_TAGS = 64

/** An application that listens. */
export interface Listener {
  readonly host: string
  readonly port: number
  /** Over TLS the application has to prove its host by a certificate of `ca`, or of an authority that Node.js knows. */
  readonly tls: { readonly ca: string | Buffer | undefined } | undefined
}

/** A second port for applications, over TLS. Texts are PEM. */
export interface AdminTls {
  /** 0 takes a free one. */
  readonly port: number
  readonly cert: string
  readonly key: string
}

export interface WireServerOptions {
  readonly host: string
  readonly port: number
  readonly secret: string
  /** Where applications connect over TLS as well, and what they are shown there. */
  readonly tls?: AdminTls | undefined
  /** Announced after authentication. */
  readonly version: string
  /** Our sockets as `udp/host:port`, advertised and as bound. */
  readonly hostports: () => { readonly advertised: readonly string[]; readonly bound: readonly string[] }
  readonly makeId: () => string
}

/** What the wire server leaves to others. */
export interface WireHandler {
  /** A SIP message of an authenticated client. */
  onSip(client: ClientConnection, command: Command): void
  /** An authenticated client wants a request proxied that it was given. */
  onProxy(client: ClientConnection, command: Command): void
  /** An authenticated client says what becomes of a dialog that another server had. */
  onDialog(client: ClientConnection, command: Command): void
  onClientGone(client: ClientConnection): void
}

/**
 * The application side of drachtio's wire protocol: authenticates clients, which drachtio-server does not enforce, knows
 * which verbs they want, and spreads requests over them.
 */
export class WireServer implements ClientEvents {
  readonly #options: WireServerOptions
  readonly #handler: WireHandler
  readonly #server: Server
  readonly #tlsServer: Server | undefined
  readonly #clients = new Set<ClientConnection>()
  /** Those that have asked for any verb, in the order in which they first did. */
  readonly #routed = new Set<ClientConnection>()
  /** Connections of ours, and what waits for those that have not authenticated yet. */
  readonly #outbound = new Map<ClientConnection, ((client: ClientConnection | undefined) => void) | undefined>()
  /** Per verb, how many requests have been handed out, for round robin. */
  readonly #turns = new Map<string, number>()

  constructor(options: WireServerOptions, handler: WireHandler) {
    this.#options = options
    this.#handler = handler
    const onConnection = (socket: Socket): void => {
      if (this.#clients.size - this.#outbound.size >= MAX_CLIENTS) socket.destroy()
      else this.#clients.add(new ClientConnection(socket, this))
    }
    this.#server = createServer(onConnection)
    const { tls } = options
    if (tls === undefined) return
    const { cert, key } = tls
    const tlsServer = createTlsServer({ cert, key, handshakeTimeout: AUTHENTICATION_TIMEOUT_MS }, onConnection)
    tlsServer.maxConnections = MAX_CLIENTS
    // Whoever fails to shake hands is gone; nobody else is concerned.
    tlsServer.on('tlsClientError', (_, socket) => socket.destroy())
    this.#tlsServer = tlsServer
  }

  /** Resolves with the ports; rejects where one cannot be bound. */
  async listen(): Promise<{ readonly adminPort: number; readonly adminTlsPort: number | undefined }> {
    const { port, tls } = this.#options
    const adminPort = await this.#listen(this.#server, port)
    return { adminPort, adminTlsPort: this.#tlsServer && (await this.#listen(this.#tlsServer, tls?.port ?? 0)) }
  }

  async #listen(server: Server, port: number): Promise<number> {
    server.listen({ host: this.#options.host, port, exclusive: true })
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('a TCP server without an address')
    return address.port
  }

  get clientCount(): number {
    return this.#clients.size
  }

  /** Connects to an application that listens. @param done gets the client once it has authenticated; undefined where it does not */
  connect({ host, port, tls }: Listener, done: (client: ClientConnection | undefined) => void): void {
    if (this.#outbound.size >= MAX_OUTBOUND_CLIENTS) {
      done(undefined)
      return
    }
    const socket =
      tls === undefined
        ? connect({ host, port })
        : connectTls({
            host,
            port,
            ...(tls.ca !== undefined && { ca: tls.ca }),
            servername: isIP(host) === 0 ? host : '',
          })
    const client = new ClientConnection(socket, this, OUTBOUND_PATIENCE_MS)
    this.#clients.add(client)
    this.#outbound.set(client, done)
  }

  /** The client whose turn it is among those that routed a verb and, where one is given, have a tag; undefined where none did. */
  pick(verb: string, tag?: string): ClientConnection | undefined {
    const wanted = verb.toLowerCase()
    const candidates = [...this.#routed].filter(
      (client) => client.alive && client.routes.has(wanted) && (tag === undefined || client.tags.has(tag)),
    )
    if (candidates.length === 0) return undefined
    const turn = this.#turns.get(wanted) ?? 0
    this.#turns.set(wanted, turn + 1)
    return candidates[turn % candidates.length]
  }

  /** All verbs that any client wants. */
  routedVerbs(): Set<string> {
    return new Set([...this.#routed].flatMap((client) => [...client.routes]))
  }

  onCommand(client: ClientConnection, command: Command): void {
    if (command.name === 'authenticate') this.#authenticate(client, command)
    else if (!client.authenticated) this.#refuse(client, command.msgId, 'not authenticated')
    else this.#perform(client, command)
  }

  onNonsense(client: ClientConnection): void {
    this.#refuse(client, '', 'Invalid message format')
  }

  onGone(client: ClientConnection): void {
    this.#clients.delete(client)
    this.#routed.delete(client)
    const waiting = this.#outbound.get(client)
    this.#outbound.delete(client)
    waiting?.(undefined)
    this.#handler.onClientGone(client)
  }

  async close(): Promise<void> {
    const servers = [this.#server, this.#tlsServer].filter((server) => server !== undefined)
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    for (const client of this.#clients) client.destroy()
    await Promise.all(closed)
  }

  #authenticate(client: ClientConnection, command: Command): void {
    if (!isSameSecret(command.fields[0] ?? '', this.#options.secret)) {
      this.#refuse(client, command.msgId, 'incorrect secret')
      return
    }
    client.authenticate()
    client.tags = new Set((command.fields[1] ?? '').split(',', MAX_TAGS).filter((tag) => tag !== ''))
    const { advertised, bound } = this.#options.hostports()
    this.#answer(client, command.msgId, 'OK', advertised.join(','), this.#options.version, bound.join(','))
    const waiting = this.#outbound.get(client)
    if (waiting === undefined) return
    this.#outbound.set(client, undefined)
    waiting(client)
  }

  #perform(client: ClientConnection, command: Command): void {
    const verb = (command.fields[0] ?? '').toLowerCase()
    switch (command.name) {
      case 'sip':
        this.#handler.onSip(client, command)
        break
      case 'route':
        client.routes.add(verb)
        this.#routed.add(client)
        this.#answer(client, command.msgId, 'OK')
        break
      case 'remove_route':
        client.routes.delete(verb)
        if (client.routes.size === 0) this.#routed.delete(client)
        this.#answer(client, command.msgId, 'OK')
        break
      case 'ping':
        this.#answer(client, command.msgId, 'OK', 'pong')
        break
      case 'proxy':
        this.#handler.onProxy(client, command)
        break
      case 'dialog':
        this.#handler.onDialog(client, command)
        break
      default:
        this.#refuse(client, command.msgId, 'Unknown message type')
    }
  }

  #answer(client: ClientConnection, msgId: string, ...fields: string[]): void {
    client.send(answerHead(this.#options.makeId(), msgId, ...fields))
  }

  /** `NO` and the end of the connection. */
  #refuse(client: ClientConnection, msgId: string, why: string): void {
    this.#answer(client, msgId, 'NO', why)
    client.end()
  }
}

/** Compares in a time that says nothing of how much of the secret was right, nor of its length. */
function isSameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
