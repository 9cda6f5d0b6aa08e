import net from 'node:net'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import type { RealtimeClientEvent } from 'openai/resources/realtime/realtime'
import type { RawData } from 'ws'
import { judgeBackendUrl } from '../../lib/agent/backend-url.ts'
import type { ClientEvent } from '../../lib/agent/client-event.ts'
import { MAX_EVENT_CHARS, parseServerEvent, type ServerEvent } from '../../lib/agent/protocol.ts'
import type { RefusalCode } from '../../lib/agent/session-state.ts'
import type { BackendSpec } from '../../lib/agent/spec.ts'
import type { AudioSocket } from './caller-audio.ts'
import type { AgentMeter } from './meter.ts'

/** A dead TCP link is noticed by its missing pong: without it, appends go into the void for minutes. */
export interface KeepAlive {
  readonly pingEveryMs: number
  readonly pongWithinMs: number
}

const KEEP_ALIVE: KeepAlive = { pingEveryMs: 15_000, pongWithinMs: 10_000 }

/** How long the server may take to answer our close frame. */
const CLOSE_WITHIN_MS = 500
/** Bytes in the socket at which it is given up: the server has read nothing for a minute and more. */
const MAX_BUFFERED_BYTES = 1024 * 1024

/** How a socket ended, or that it never opened. `code` is the close code (RFC 6455 §7.4), 0 where there was no connection. */
export interface SocketEnd {
  readonly code: number
  /** HTTP status where the server refused the handshake, and the pause it asked for. */
  readonly status?: number
  readonly retryAfterMs?: number
  readonly message: string
  /** How it reads before the session is up. */
  readonly refusal: RefusalCode
}

export interface SocketHandlers {
  onOpen(): void
  onEvent(event: ServerEvent): void
  /** Once, and never after `close()`. */
  onEnd(end: SocketEnd): void
}

/** One WebSocket to a server of the OpenAI Realtime protocol (GA), by the official client. */
export class RealtimeSocket implements AudioSocket {
  readonly #handlers: SocketHandlers
  readonly #meter: AgentMeter
  readonly #keepAlive: KeepAlive
  #client: OpenAIRealtimeWS | null = null
  #opened = false
  #ended = false
  #error: Error | null = null
  #timer: NodeJS.Timeout | undefined
  #gone: Promise<void> = Promise.resolve()

  /**
   * Begins to connect. Handlers are called later, never from here.
   * @param connectMs how long the handshake may take
   */
  constructor(
    backend: BackendSpec,
    connectMs: number,
    handlers: SocketHandlers,
    meter: AgentMeter,
    keepAlive: KeepAlive = KEEP_ALIVE,
  ) {
    this.#handlers = handlers
    this.#meter = meter
    this.#keepAlive = keepAlive
    try {
      this.#listen(connect(backend, connectMs))
    } catch (error) {
      // A URL that is refused, or a key that cannot be a header.
      const message = error instanceof Error ? error.message : String(error)
      queueMicrotask(() => this.#end({ code: 0, message, refusal: 'agent-refused' }))
    }
  }

  get isOpen(): boolean {
    return this.#opened && !this.#ended
  }

  get bufferedBytes(): number {
    return this.#client?.socket.bufferedAmount ?? 0
  }

  /** Our events are the official ones: the compiler checks each against the package's types. */
  send(event: ClientEvent & RealtimeClientEvent): void {
    this.sendText(JSON.stringify(event))
  }

  /** Sends one event as it stands. Ignored on a socket that is not open. */
  sendText(text: string): void {
    const socket = this.#client?.socket
    if (socket === undefined || !this.#opened || this.#ended) return
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      return this.#giveUp(`the server does not read: ${socket.bufferedAmount} bytes wait`)
    }
    socket.send(text, ignoreLateError)
  }

  /** Closes it with code 1000, by force where the server does not answer. Resolves when the socket is gone. */
  close(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    const socket = this.#client?.socket
    if (socket === undefined) return this.#gone
    if (this.#opened) {
      socket.close(1000)
      const force = setTimeout(() => socket.terminate(), CLOSE_WITHIN_MS)
      this.#gone = this.#gone.finally(() => clearTimeout(force))
    } else socket.terminate()
    return this.#gone
  }

  #listen(client: OpenAIRealtimeWS): void {
    this.#client = client
    const { socket } = client
    // The client's own reader throws out of the socket's handler on an event whose type names a property of Object, such as
    // "constructor" (openai 6.49.0): one hostile frame would end the worker. So the frames are read here.
    socket.removeAllListeners('message')
    socket.on('message', (data, isBinary) => this.#read(data, isBinary))
    client.on('error', (error) => {
      this.#error = error
    })
    socket.on('open', () => {
      if (this.#ended) return
      this.#opened = true
      this.#pingLater()
      this.#handlers.onOpen()
    })
    socket.on('pong', () => this.#pingLater())
    socket.on('unexpected-response', (request, response) => {
      request.destroy()
      const message = `the server answered ${response.statusCode ?? 0} ${response.statusMessage ?? ''}`.trim()
      const retryAfterS = Number(response.headers['retry-after'] ?? Number.NaN)
      this.#end({
        code: 0,
        message,
        refusal: 'agent-refused',
        ...(response.statusCode !== undefined && { status: response.statusCode }),
        ...(Number.isFinite(retryAfterS) && { retryAfterMs: retryAfterS * 1_000 }),
      })
      socket.terminate()
    })
    this.#gone = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#end(this.#endOf(code, reason.toString()))
        resolve()
      })
    })
  }

  #read(data: RawData, isBinary: boolean): void {
    if (this.#ended) return
    // The binary type of `ws` is "nodebuffer": one Buffer a message.
    const event = isBinary || !Buffer.isBuffer(data) ? undefined : parseServerEvent(data.toString('utf8'))
    if (event?.ok === true) this.#handlers.onEvent(event.value)
    else this.#meter.faults.malformedEvent += 1
  }

  #pingLater(): void {
    clearTimeout(this.#timer)
    if (this.#ended) return
    const { pingEveryMs, pongWithinMs } = this.#keepAlive
    this.#timer = setTimeout(() => {
      this.#client?.socket.ping(undefined, undefined, ignoreLateError)
      this.#timer = setTimeout(() => this.#giveUp(`no pong within ${pongWithinMs} ms`), pongWithinMs).unref()
    }, pingEveryMs).unref()
  }

  #giveUp(message: string): void {
    this.#end({ code: 1006, message, refusal: 'agent-unreachable' })
    this.#client?.socket.terminate()
  }

  #endOf(code: number, reason: string): SocketEnd {
    const message = reason !== '' ? reason : (this.#error?.message ?? `the socket closed with ${code}`)
    if (this.#opened) return { code, message, refusal: 'agent-unreachable' }
    const timedOut = message.includes('timed out')
    return { code: 0, message, refusal: timedOut ? 'agent-timeout' : 'agent-unreachable' }
  }

  #end(end: SocketEnd): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#handlers.onEnd(end)
  }
}

function connect(backend: BackendSpec, connectMs: number): OpenAIRealtimeWS {
  const url = judgeBackendUrl(backend.baseUrl)
  if (!url.ok) throw new Error(url.error)
  const { baseUrl, plaintext } = url.value
  return new OpenAIRealtimeWS(
    {
      model: backend.model,
      options: {
        // Compression costs 20 times the CPU of a 20 ms message; `ws` offers it by default.
        perMessageDeflate: false,
        handshakeTimeout: connectMs,
        maxPayload: MAX_EVENT_CHARS,
        ...(backend.kind === 'azure' && { headers: { 'api-key': backend.apiKey } }),
        // The client always writes wss: into the URL; on this machine that is plain TCP. `ws` sets TCP_NODELAY itself, on either.
        ...(plaintext && { createConnection: connectPlain }),
      },
    },
    { apiKey: backend.apiKey, baseURL: baseUrl },
  )
}

/** TCP where the client asked for TLS. The handshake's timeout is the socket's: without it here it would never run out. */
function connectPlain(target: net.NetConnectOpts | number | string): net.Socket {
  if (typeof target !== 'object' || !('port' in target)) throw new TypeError('a backend is connected by host and port')
  const { host = 'localhost', port, timeout = 0 } = target
  return net.connect({ host, port: Number(port), timeout })
}

/** A send on a socket that is closing fails; its `close` says so. */
const ignoreLateError = (): void => undefined
