import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Pace } from '../../../lib/agent/local/burst.ts'
import type { Faults } from '../../../lib/agent/local/faults.ts'
import { Session } from '../../../lib/agent/local/session.ts'
import { Connection, type ConnectionReport } from './connection.ts'
import { Speech } from './speech.ts'
import { type Admission, judgeUpgrade, tooMany } from './upgrade.ts'
import { VoiceActivity } from './voice-activity.ts'

/** One append holds at most 15 MiB of base64; its event adds a little. */
const FRAME_BYTES = 16 * 1024 * 1024
const SESSIONS = 1_000
/** Reports of ended sessions that are kept, and the items kept of each. */
const ENDED_REPORTS = 64
const ENDED_ITEMS = 64
/** How long a client may take to answer the close of its socket. */
const CLOSE_GRACE_MS = 500
const BETA_SHAPE = 'beta_api_shape_disabled'

/** Plain data, so that it can be posted to the thread. */
export interface ServerOptions {
  readonly host: string
  readonly port: number
  readonly apiKey: string
  readonly sessionSeconds: number
  readonly pace: Pace
  readonly faults: Faults
}

/** What goes on in the server, for tests. */
export interface ServerReport {
  /** Sockets open now. */
  readonly live: number
  /** Voice detectors that hold memory now; never more than sockets. */
  readonly detectors: number
  /** Sessions, the oldest first; of ended ones the last 64. */
  readonly sessions: readonly ConnectionReport[]
}

/** The server of the local agent: HTTP upgrades in, one `Connection` for each. */
export class AgentServer {
  readonly #options: ServerOptions
  readonly #http: Server
  readonly #upgrades = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES,
    autoPong: false,
  })
  readonly #speech = new Speech()
  readonly #voices: VoiceActivity
  readonly #connections = new Set<Connection>()
  /** Upgrades that a fault lets wait. */
  readonly #delays = new Map<NodeJS.Timeout, Duplex>()
  readonly #ended: ConnectionReport[] = []
  #faults: Faults
  #closing = false

  private constructor(options: ServerOptions, voices: VoiceActivity) {
    this.#options = options
    this.#faults = options.faults
    this.#voices = voices
    this.#http = createServer((_request, response) => {
      response.writeHead(426, { 'content-type': 'application/json', connection: 'close' })
      response.end(
        JSON.stringify({
          error: { message: 'This is the local agent of Tandem: WebSocket only.', code: 'upgrade_required' },
        }),
      )
    })
    this.#http.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
  }

  /** Listens; rejects where the port is taken. */
  static async start(options: ServerOptions): Promise<AgentServer> {
    const server = new AgentServer(options, await VoiceActivity.load())
    server.#http.listen(options.port, options.host)
    await once(server.#http, 'listening')
    return server
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#http.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Replaces the faults of the server, for new sessions and for those that are open. */
  setFaults(faults: Faults): void {
    this.#faults = faults
    for (const connection of this.#connections) connection.onFaults()
  }

  report(): ServerReport {
    const sessions = [...this.#ended, ...[...this.#connections].map((connection) => connection.report())]
    return { live: this.#connections.size, detectors: this.#voices.live, sessions }
  }

  /** Closes every socket with 1001, and the port; who does not answer the close in time is cut off. */
  async close(): Promise<void> {
    this.#closing = true
    const closed = once(this.#http, 'close')
    this.#http.close()
    this.#http.closeAllConnections()
    for (const [delay, socket] of this.#delays) {
      clearTimeout(delay)
      socket.destroy()
    }
    for (const client of this.#upgrades.clients) client.close(1001, 'The local agent is going away.')
    const grace = setTimeout(() => {
      for (const client of this.#upgrades.clients) client.terminate()
    }, CLOSE_GRACE_MS)
    await closed
    clearTimeout(grace)
    await this.#speech.close()
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const admission =
      this.#connections.size >= SESSIONS ? tooMany(SESSIONS) : judgeUpgrade(request, this.#options.apiKey, this.#faults)
    if (admission.kind === 'refuse') return answer(socket, admission.status, admission.body)
    const delayMs = admission.faults.handshakeDelayMs ?? this.#faults.handshakeDelayMs ?? 0
    if (delayMs === 0) return this.#accept(request, socket, head, admission)
    const delay = setTimeout(() => {
      this.#delays.delete(delay)
      if (!socket.destroyed) this.#accept(request, socket, head, admission)
    }, delayMs)
    this.#delays.set(delay, socket)
    socket.once('close', () => {
      clearTimeout(delay)
      this.#delays.delete(delay)
    })
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer, admission: Admission & { kind: 'accept' }): void {
    if (this.#closing) return void socket.destroy()
    this.#upgrades.handleUpgrade(request, socket, head, (client) => {
      if (admission.beta) refuseBeta(client)
      else this.#serve(client, admission.model, admission.faults)
    })
  }

  #serve(socket: WebSocket, model: string, own: Faults): void {
    const detector = this.#voices.detector()
    const faults = mergeFaults(() => this.#faults, own)
    const session = new Session({
      id: randomBytes(9).toString('base64url').replace(/[-_]/g, '0'),
      model,
      createdAtMs: performance.now(),
      createdAtS: Math.floor(Date.now() / 1000),
      durationS: this.#options.sessionSeconds,
      pace: this.#options.pace,
      faults,
      detector: detector.isVoice,
    })
    const connection = new Connection({ socket, session, speech: this.#speech, detector, faults }, (ended) => {
      this.#connections.delete(ended)
      const report = ended.report()
      this.#ended.push({ ...report, items: report.items.slice(-ENDED_ITEMS) })
      if (this.#ended.length > ENDED_REPORTS) this.#ended.shift()
    })
    this.#connections.add(connection)
  }
}

/** The session's own faults over those of the server, merged anew only when these have changed. */
function mergeFaults(server: () => Faults, own: Faults): () => Faults {
  let seen = server()
  let merged: Faults = { ...seen, ...own }
  return () => {
    if (seen !== server()) {
      seen = server()
      merged = { ...seen, ...own }
    }
    return merged
  }
}

/** The beta protocol is gone: the socket opens, one error, and it closes (OpenAI, since 2026-05-12). */
function refuseBeta(socket: WebSocket): void {
  socket.on('error', () => socket.terminate())
  const message = 'The Realtime Beta API is no longer supported. Please use the GA API.'
  const error = { type: 'invalid_request_error', code: BETA_SHAPE, message, param: null, event_id: null }
  socket.send(JSON.stringify({ type: 'error', event_id: 'event_beta', error }))
  socket.close(4000, `invalid_request_error.${BETA_SHAPE}`)
}

function answer(socket: Duplex, status: number, body: string): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.once('finish', () => socket.destroy())
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
