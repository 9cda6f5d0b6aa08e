import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { isIPv6 } from 'node:net'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'

/** mod_audio_fork sends 320 bytes a message, and more only after a stall. */
const MAX_MESSAGE_BYTES = 64 * 1024
/** FreeSWITCH does not take audio off the socket: some seconds of it. */
const MAX_BUFFERED_BYTES = 256 * 1024

/** Where a fork's messages go. */
export interface ForkSink {
  onOpen(): void
  onAudio(bytes: Buffer): void
  onText(text: string): void
  onClose(): void
}

/** The way of one leg's audio to FreeSWITCH and back. */
export interface Fork {
  /** What FreeSWITCH is to connect to. */
  readonly url: string
  readonly open: boolean
  /** Ignored while the socket is not open. */
  send(message: string | Buffer): void
  close(): void
}

/**
 * The WebSocket that mod_audio_fork connects to, as a client. Only who knows the path of a leg, 128 random bits that are good for one
 * connection, gets in.
 */
export class ForkServer {
  readonly #http: Server
  readonly #upgrades = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: (offered) => [...offered][0] ?? false,
  })
  readonly #awaited = new Map<string, (socket: WebSocket) => void>()
  readonly #base: string

  private constructor(http: Server, base: string) {
    this.#http = http
    this.#base = base
    http.on('upgrade', (request, socket, head) => {
      const path = request.url ?? ''
      const take = this.#awaited.get(path)
      this.#awaited.delete(path)
      if (take === undefined) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
      else this.#upgrades.handleUpgrade(request, socket, head, take)
    })
  }

  /** Listens on a free port of the address. */
  static async start(address: string): Promise<ForkServer> {
    const http = createServer((_request, response) => response.writeHead(426, { connection: 'close' }).end())
    http.listen(0, address)
    await once(http, 'listening')
    const bound = http.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    return new ForkServer(http, `ws://${isIPv6(address) ? `[${address}]` : address}:${port}`)
  }

  /** Awaits the connection of one leg. */
  expect(sink: ForkSink): Fork {
    const path = `/${randomBytes(16).toString('hex')}`
    let socket: WebSocket | null = null
    this.#awaited.set(path, (found) => {
      socket = found
      attach(found, sink)
    })
    return {
      url: `${this.#base}${path}`,
      get open() {
        return socket?.readyState === 1
      },
      send: (message) => {
        if (socket?.readyState === 1 && socket.bufferedAmount < MAX_BUFFERED_BYTES) socket.send(message)
      },
      close: () => {
        this.#awaited.delete(path)
        socket?.terminate()
      },
    }
  }

  async close(): Promise<void> {
    this.#awaited.clear()
    const closed = once(this.#http, 'close')
    this.#http.close()
    this.#http.closeAllConnections()
    for (const client of this.#upgrades.clients) client.terminate()
    await closed
  }
}

function attach(socket: WebSocket, sink: ForkSink): void {
  socket.on('error', () => undefined)
  socket.on('close', () => sink.onClose())
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const bytes = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
    if (isBinary) sink.onAudio(bytes)
    else sink.onText(bytes.toString('utf8'))
  })
  sink.onOpen()
}
