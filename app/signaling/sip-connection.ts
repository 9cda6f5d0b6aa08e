import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import Srf from 'drachtio-srf'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { callMethod, propertyOf } from './srf-inside.ts'

export interface SipServerPlace {
  readonly host: string
  readonly port: number
  readonly secret: string
  /** Absent: plain TCP. `ca`: PEM texts of the authorities that may have signed the server's certificate; absent: those of Node.js. */
  readonly tls?: { readonly ca?: string }
}

/** What passes the connection, for who wants to know more than drachtio-srf tells. */
export interface FrameTap {
  /** A payload of ours. */
  sending(payload: string): void
  /** A payload of the server's. */
  received(payload: string): void
}

export interface SipConnectionOptions {
  /** Made when the server has told of its sockets. */
  readonly tap?: (hostports: readonly string[]) => FrameTap
  /** The connection is lost, and with it every dialog; not after `close`. */
  readonly onLost: (reason: string) => void
}

/** `refused`: the server does not take our secret, and will not take it the next time either. */
export interface SipConnectError {
  readonly kind: 'refused' | 'unreachable'
  readonly message: string
}

const CONNECT_TIMEOUT_MS = 5_000
/** A server that is stopped, or behind a cut line, is noticed after three pings without any sign of life. */
const PING_INTERVAL_MS = 2_000
const MISSED_PINGS = 3

/**
 * One connection to a SIP server: drachtio-server, or our own. The published `drachtio-srf` speaks the protocol. Reconnecting is not
 * left to it: it would come back without TLS, to the same server only, and it never acts on a ping that is not answered.
 */
export class SipConnection {
  readonly srf: Srf
  readonly #options: SipConnectionOptions
  readonly #wire: EventEmitter
  /** Its sockets as `udp/192.0.2.1:5060`, as they are bound. */
  #hostports: readonly string[] = []
  #version = ''
  /** Commands that drachtio-srf has no word for, and what hears their answer, by message id. */
  readonly #asked = new Map<string, (answer: readonly string[] | null) => void>()
  #socket: Socket | null = null
  #pings: NodeJS.Timeout | undefined
  #missed = 0
  #reason = 'the connection was closed'
  #closed = false

  private constructor(srf: Srf, wire: EventEmitter, options: SipConnectionOptions) {
    this.srf = srf
    this.#wire = wire
    this.#options = options
    wire.on('connect', (socket: Socket) => {
      this.#socket = socket
      if (this.#closed) socket.destroy()
    })
    wire.on('msg', (_socket: Socket, payload: string) => {
      this.#missed = 0
      if (this.#asked.size > 0) this.#onAnswer(payload)
    })
  }

  /** Resolves when the server has accepted the secret, or why it has not. */
  static open(place: SipServerPlace, options: SipConnectionOptions): Promise<Result<SipConnection, SipConnectError>> {
    return new Promise((resolve) => {
      const srf = new Srf()
      const events: EventEmitter = srf
      // Options that drachtio-srf's types do not know.
      void srf.connect(Object.assign({ ...place }, { reconnect: { maxAttempts: 1, retryMaxDelay: null } }))
      const connection = new SipConnection(srf, wireOf(srf), options)
      let settled = false
      const fail = (kind: SipConnectError['kind'], message: string): void => {
        if (settled) return
        settled = true
        clearTimeout(timer)
        connection.close()
        resolve(err({ kind, message }))
      }
      const timer = setTimeout(() => fail('unreachable', `no answer in ${CONNECT_TIMEOUT_MS} ms`), CONNECT_TIMEOUT_MS)
      events.on('error', (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        fail('unreachable', reason)
        connection.#reason = reason
      })
      events.on('close', () => {
        fail('unreachable', 'the connection was closed before it was accepted')
        connection.#onClose()
      })
      events.once('connect', (error: unknown, announced: unknown, version: unknown, bound: unknown) => {
        if (error !== null && error !== undefined) return fail('refused', 'the secret is not accepted')
        if (settled) return
        settled = true
        clearTimeout(timer)
        const hostports = typeof bound === 'string' && bound !== '' ? bound : announced
        connection.#version = typeof version === 'string' ? version : ''
        connection.#begin(typeof hostports === 'string' ? hostports : '')
        resolve(ok(connection))
      })
    })
  }

  get hostports(): readonly string[] {
    return this.#hostports
  }

  /** What the server says that it is. */
  get version(): string {
    return this.#version
  }

  /**
   * Sends a command that drachtio-srf has no word for. `onAnswer` gets the fields of the answer (`OK` or `NOK` first), in the very callback that
   * brings it, before anything that the server sent behind it; null where the line is lost before.
   */
  ask(command: string, onAnswer: (answer: readonly string[] | null) => void): void {
    const id: unknown = this.#socket?.writable ? callMethod(this.#wire, 'send', this.#socket, command) : null
    if (typeof id === 'string') this.#asked.set(id, onAnswer)
    else onAnswer(null)
  }

  /** Ends the connection; its `onLost` is not called. */
  close(): void {
    this.#closed = true
    clearInterval(this.#pings)
    // Lets what has been written leave; a server that does not read is not waited for.
    this.#socket?.end()
    this.#socket?.unref()
  }

  #begin(hostports: string): void {
    this.#hostports = hostports
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '')
      // UDP first: it is what a peer takes us to speak that is told of an address alone (RFC 3263 §4.1).
      .sort((a, b) => Number(b.startsWith('udp/')) - Number(a.startsWith('udp/')))
    const tap = this.#options.tap?.(this.#hostports)
    if (tap !== undefined) {
      this.#wire.on('msg', (_socket: Socket, payload: string) => tap.received(payload))
      callMethod(this.#wire, 'setLogger', (text: string) => {
        const sent = /^===>\r\n\d+#/.exec(text)
        if (sent !== null) tap.sending(text.slice(sent[0].length))
      })
    }
    this.#pings = setInterval(() => this.#ping(), PING_INTERVAL_MS)
  }

  #ping(): void {
    if (this.#missed >= MISSED_PINGS) {
      this.#reason = `no sign of life in ${PING_INTERVAL_MS * MISSED_PINGS} ms`
      this.#socket?.destroy()
    } else {
      this.#missed += 1
      if (this.#socket?.writable) callMethod(this.#wire, 'send', this.#socket, 'ping')
    }
  }

  #onAnswer(payload: string): void {
    const [, kind, id = '', ...answer] = (payload.split('\r', 1)[0] ?? '').split('|')
    const listener = kind === 'response' ? this.#asked.get(id) : undefined
    this.#asked.delete(id)
    listener?.(answer)
  }

  #onClose(): void {
    for (const listener of this.#asked.values()) listener(null)
    this.#asked.clear()
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#pings)
    this.#options.onLost(this.#reason)
  }
}

/** The part of drachtio-srf that frames messages; no public name leads to it. */
function wireOf(srf: Srf): EventEmitter {
  const wire = propertyOf(propertyOf(propertyOf(srf, '_app'), 'client'), 'wp')
  if (!isEmitter(wire)) throw new Error('this drachtio-srf has no wire protocol')
  return wire
}

const isEmitter = (value: unknown): value is EventEmitter =>
  typeof value === 'object' && value !== null && 'on' in value && 'emit' in value
