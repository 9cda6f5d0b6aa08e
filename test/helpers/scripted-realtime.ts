import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

/** A client event as it came, and the socket to answer on. */
export type Script = (event: Readonly<Record<string, unknown>>, socket: WebSocket, server: ScriptedRealtime) => void

/**
 * A realtime server that does what a test says and nothing else: for what no real server should do. Without a script it opens the
 * socket and is silent.
 */
export class ScriptedRealtime {
  readonly received: Readonly<Record<string, unknown>>[] = []
  readonly sockets: WebSocket[] = []
  readonly upgrades: IncomingMessage[] = []
  readonly #http = createServer()
  readonly #upgrader = new WebSocketServer({ noServer: true })
  readonly #waiting = new Set<() => void>()

  private constructor(script: Script, refuse: string | null) {
    this.#http.on('upgrade', (request, socket, head) => {
      this.upgrades.push(request)
      if (refuse !== null) {
        socket.end(`HTTP/1.1 ${refuse}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
        return
      }
      this.#upgrader.handleUpgrade(request, socket, head, (client) => {
        this.sockets.push(client)
        client.on('error', () => undefined)
        client.on('message', (data) => {
          const event: unknown = Buffer.isBuffer(data) ? JSON.parse(data.toString('utf8')) : null
          if (typeof event !== 'object' || event === null) return
          const fields = { ...event }
          this.received.push(fields)
          for (const look of this.#waiting) look()
          script(fields, client, this)
        })
        client.on('close', () => {
          for (const look of this.#waiting) look()
        })
      })
    })
  }

  /** @param refuse the status line that every upgrade gets, e.g. `401 Unauthorized` */
  static async start(script: Script = () => undefined, refuse: string | null = null): Promise<ScriptedRealtime> {
    const server = new ScriptedRealtime(script, refuse)
    server.#http.listen(0, '127.0.0.1')
    await once(server.#http, 'listening')
    return server
  }

  get baseUrl(): string {
    const address: AddressInfo | string | null = this.#http.address()
    if (typeof address !== 'object' || address === null) throw new Error('not listening')
    return `ws://127.0.0.1:${address.port}/v1`
  }

  types(): readonly unknown[] {
    return this.received.map(({ type }) => type)
  }

  /** The n-th client event of a type, from 1. */
  next(type: string, nth = 1): Promise<Readonly<Record<string, unknown>>> {
    return this.when(() => this.received.filter((event) => event.type === type)[nth - 1])
  }

  /** Resolves with the first value that is not undefined; looks again at each frame and close. */
  when<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = find()
        if (found === undefined) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** To every open socket, text as it stands or an object as JSON. */
  say(...frames: readonly (string | object)[]): void {
    for (const socket of this.sockets) for (const frame of frames) socket.send(toText(frame))
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.terminate()
    this.#http.close()
    this.#http.closeAllConnections()
    await once(this.#http, 'close')
  }
}

const toText = (frame: string | object): string => (typeof frame === 'string' ? frame : JSON.stringify(frame))

/** A server that configures sessions as it should, and then does what `then` says. */
export const configured =
  (then: Script = () => undefined): Script =>
  (event, socket, server) => {
    if (event.type === 'session.update') socket.send('{"type":"session.updated","event_id":"e1","session":{}}')
    else then(event, socket, server)
  }
