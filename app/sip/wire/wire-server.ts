import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { ClientConnection, type ClientEvents } from './client-connection.ts'
import { answerHead, type Command } from './heads.ts'

/** Most applications at a time. */
export const MAX_CLIENTS = 256

export interface WireServerOptions {
  readonly host: string
  readonly port: number
  readonly secret: string
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
  readonly #clients = new Set<ClientConnection>()
  /** Per verb, how many requests have been handed out, for round robin. */
  readonly #turns = new Map<string, number>()

  constructor(options: WireServerOptions, handler: WireHandler) {
    this.#options = options
    this.#handler = handler
    this.#server = createServer((socket) => {
      if (this.#clients.size >= MAX_CLIENTS) socket.destroy()
      else this.#clients.add(new ClientConnection(socket, this))
    })
  }

  /** Resolves with the port; rejects where it cannot be bound. */
  async listen(): Promise<number> {
    this.#server.listen({ host: this.#options.host, port: this.#options.port, exclusive: true })
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('a TCP server without an address')
    return address.port
  }

  get clientCount(): number {
    return this.#clients.size
  }

  /** The client whose turn it is among those that routed a verb; undefined where none did. */
  pick(verb: string): ClientConnection | undefined {
    const wanted = verb.toLowerCase()
    const candidates = [...this.#clients].filter(
      (client) => client.authenticated && client.alive && client.routes.has(wanted),
    )
    if (candidates.length === 0) return undefined
    const turn = this.#turns.get(wanted) ?? 0
    this.#turns.set(wanted, turn + 1)
    return candidates[turn % candidates.length]
  }

  /** All verbs that any client wants. */
  routedVerbs(): Set<string> {
    return new Set([...this.#clients].flatMap((client) => [...client.routes]))
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
    this.#handler.onClientGone(client)
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const client of this.#clients) client.destroy()
    await closed
  }

  #authenticate(client: ClientConnection, command: Command): void {
    if (!isSameSecret(command.fields[0] ?? '', this.#options.secret)) {
      this.#refuse(client, command.msgId, 'incorrect secret')
      return
    }
    client.authenticate()
    const { advertised, bound } = this.#options.hostports()
    this.#answer(client, command.msgId, 'OK', advertised.join(','), this.#options.version, bound.join(','))
  }

  #perform(client: ClientConnection, command: Command): void {
    const verb = (command.fields[0] ?? '').toLowerCase()
    switch (command.name) {
      case 'sip':
        this.#handler.onSip(client, command)
        break
      case 'route':
        client.routes.add(verb)
        this.#answer(client, command.msgId, 'OK')
        break
      case 'remove_route':
        client.routes.delete(verb)
        this.#answer(client, command.msgId, 'OK')
        break
      case 'ping':
        this.#answer(client, command.msgId, 'OK', 'pong')
        break
      case 'proxy':
        this.#handler.onProxy(client, command)
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
