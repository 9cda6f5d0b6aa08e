import type { Socket } from 'node:net'
import { encodeFrame, FrameDecoder } from './framing.ts'
import { type Command, parseCommand } from './heads.ts'

/** Most bytes that may wait for a client that does not read; then its connection is closed. */
export const MAX_CLIENT_BACKLOG_BYTES = 64 * 1024 * 1024

/** How long a new connection may take to authenticate. */
export const AUTHENTICATION_TIMEOUT_MS = 10_000

export interface ClientEvents {
  onCommand(client: ClientConnection, command: Command): void
  /** A payload that is no command. */
  onNonsense(client: ClientConnection, payload: Buffer): void
  onGone(client: ClientConnection): void
}

/** One application's connection. Frames written in one turn of the event loop leave together. */
export class ClientConnection {
  /** Lower-case verbs it asked to be sent. */
  readonly routes = new Set<string>()
  /** By which a request handler's answer may name it. */
  tags: ReadonlySet<string> = new Set()
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder()
  readonly #events: ClientEvents
  #deadline: NodeJS.Timeout | undefined
  #authenticated = false
  #corked = false

  /** @param patienceMs how long it may take to authenticate */
  constructor(socket: Socket, events: ClientEvents, patienceMs = AUTHENTICATION_TIMEOUT_MS) {
    this.#socket = socket
    this.#events = events
    this.#deadline = setTimeout(() => socket.destroy(), patienceMs)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#onData(chunk))
    // An error is always followed by 'close', which is where the connection ends for us.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
  }

  get authenticated(): boolean {
    return this.#authenticated
  }

  get alive(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  authenticate(): void {
    this.#authenticated = true
    clearTimeout(this.#deadline)
  }

  /** Sends a frame; nothing once the connection is gone. */
  send(head: string, message?: Buffer): void {
    if (!this.alive) return
    if (this.#socket.writableLength > MAX_CLIENT_BACKLOG_BYTES) {
      this.#socket.destroy()
      return
    }
    if (!this.#corked) {
      this.#corked = true
      this.#socket.cork()
      // Not in nextTick, which would come between the datagrams that one turn reads.
      setImmediate(() => {
        this.#corked = false
        this.#socket.uncork()
      })
    }
    this.#socket.write(encodeFrame(head, message))
  }

  /** Sends what is written and closes. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    const error = this.#decoder.push(chunk, (payload) => {
      if (!this.alive) return
      const command = parseCommand(payload)
      if (command === undefined) this.#events.onNonsense(this, payload)
      else this.#events.onCommand(this, command)
    })
    if (error !== undefined) this.#socket.destroy()
  }

  #onClose(): void {
    clearTimeout(this.#deadline)
    this.#events.onGone(this)
  }
}
