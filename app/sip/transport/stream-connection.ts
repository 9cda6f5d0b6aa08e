import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { buildRefusal } from '../../../lib/sip/build.ts'
import type { SipFault } from '../../../lib/sip/parse-error.ts'
import { findAnswerable } from '../../../lib/sip/parser.ts'
import { StreamFramer } from '../../../lib/sip/stream-framer.ts'
import type {
  Arrival,
  FlowId,
  Remote,
  SendDone,
  SocketAddress,
  Standing,
  TransportError,
  TransportHandler,
} from './transport.ts'
import { toTransportError } from './transport-error.ts'

/** Limits of one connection. */
export interface StreamLimits {
  /** Without a byte in either direction for this long, the connection is closed. */
  readonly idleTimeoutMs: number
  /** A message that has begun must be whole within this time: no peer holds memory by sending a byte now and then. */
  readonly messageTimeoutMs: number
  /** Most bytes that wait for a peer to take them; beyond it, messages are refused as `congested`. */
  readonly maxUnsentBytes: number
}

/** The other end of a connection. */
export interface StreamPeer extends SocketAddress {
  readonly standing: Standing
}

/** How long a peer whose framing broke may take to read our answer and close. */
const LINGER_MS = 1_000

const PONG = '\r\n'

let lastFlow = 0

/** One connection of a stream transport: its framing, its keepalive and its limits. It owns the socket until that is closed. */
export class StreamConnection {
  readonly flow: FlowId = ++lastFlow
  readonly #protocol: 'tcp' | 'tls'
  readonly #socket: Socket
  readonly #remote: Remote
  readonly #local: SocketAddress
  readonly #handler: TransportHandler
  readonly #limits: StreamLimits
  /** A stranger is not told that somebody is here. */
  readonly #answers: boolean
  readonly #framer = new StreamFramer()
  /** What waits for the connection to carry messages; null: it does. */
  #queue: { readonly bytes: Buffer; readonly done: SendDone }[] | null
  #queuedBytes = 0
  #unfinished: NodeJS.Timeout | undefined
  #lingering: NodeJS.Timeout | undefined

  constructor(
    protocol: 'tcp' | 'tls',
    socket: Socket,
    peer: StreamPeer,
    local: SocketAddress,
    handler: TransportHandler,
    limits: StreamLimits,
    opened: 'connect' | 'secureConnect' | undefined,
  ) {
    this.#protocol = protocol
    this.#socket = socket
    this.#remote = { protocol, host: peer.host, port: peer.port, flow: this.flow }
    this.#answers = peer.standing === 'known'
    this.#local = local
    this.#handler = handler
    this.#limits = limits
    this.#queue = opened === undefined ? null : []
    if (opened !== undefined) socket.once(opened, () => this.#onOpened())
    socket.setTimeout(limits.idleTimeoutMs, () => socket.destroy())
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('error', (cause) => handler.onTrouble(toTransportError(cause, this.#describe()), this.#remote))
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(this.#unfinished)
      clearTimeout(this.#lingering)
      for (const { done } of this.#queue ?? []) done(this.#lost(undefined))
      this.#queue = []
    })
  }

  /**
   * Queues a message. While the connection is being opened it waits here: Node.js would send it with the last of the TLS handshake, before
   * it has looked at the certificate.
   */
  send(bytes: Buffer, done: SendDone): void {
    const socket = this.#socket
    const unsent = socket.writableLength + this.#queuedBytes + bytes.length
    if (unsent > this.#limits.maxUnsentBytes) {
      done({
        code: 'congested',
        message: `${this.#describe()} takes no more: ${unsent} > ${this.#limits.maxUnsentBytes}`,
      })
      return
    }
    if (this.#queue === null) {
      socket.write(bytes, (cause) => done(cause == null ? undefined : this.#lost(cause)))
    } else if (socket.destroyed) done(this.#lost(undefined))
    else {
      this.#queue.push({ bytes, done })
      this.#queuedBytes += bytes.length
    }
  }

  /** Ends the connection at once. */
  close(): void {
    this.#socket.destroy()
  }

  #onOpened(): void {
    const queue = this.#queue ?? []
    this.#queue = null
    this.#queuedBytes = 0
    for (const { bytes, done } of queue) this.send(bytes, done)
  }

  /** What a write reports is only that the socket is gone; the socket knows why. */
  #lost(cause: Error | undefined): TransportError {
    const why = this.#socket.errored ?? cause ?? new Error('closed before it was open')
    return toTransportError(why, `sending on ${this.#describe()}`)
  }

  #onData(chunk: Buffer): void {
    const events = this.#framer.push(chunk)
    // What is unfinished now has begun with this chunk: a busy peer may never pause between two messages.
    if (events.length > 0) this.#forgetUnfinished()
    for (const event of events) {
      if (event.kind === 'message') this.#handler.onMessage(event.bytes, this.#arrival())
      else if (event.kind === 'ping') this.#pong()
      else this.#onFault(event.fault, event.head)
    }
    this.#watchUnfinished()
  }

  #pong(): void {
    if (this.#answers && this.#socket.writableLength < this.#limits.maxUnsentBytes) this.#socket.write(PONG)
  }

  /** After a framing fault nothing more can be read: say so where that is possible, and close (RFC 3261 §18.3). */
  #onFault(fault: SipFault, head: Buffer): void {
    this.#handler.onTrouble({ code: 'closed', message: `${this.#describe()}: ${fault.message}` }, this.#remote)
    const reason = fault.status === 513 ? 'Message Too Large' : 'Bad Request'
    const answer = buildRefusal({ ...fault, partial: findAnswerable(head) }, reason, randomBytes(8).toString('hex'))
    if (answer === undefined || !this.#answers) {
      this.#socket.destroy()
      return
    }
    // What still comes is read and dropped: closing with bytes unread would reset the connection under the answer.
    this.#socket.end(answer)
    this.#lingering = setTimeout(() => this.#socket.destroy(), LINGER_MS).unref()
  }

  #watchUnfinished(): void {
    if (this.#framer.heldBytes === 0) this.#forgetUnfinished()
    else {
      this.#unfinished ??= setTimeout(() => this.#socket.destroy(), this.#limits.messageTimeoutMs).unref()
    }
  }

  #forgetUnfinished(): void {
    clearTimeout(this.#unfinished)
    this.#unfinished = undefined
  }

  #arrival(): Arrival {
    return {
      protocol: this.#protocol,
      localHost: this.#socket.localAddress ?? this.#local.host,
      localPort: this.#local.port,
      remoteHost: this.#remote.host,
      remotePort: this.#remote.port,
      flow: this.flow,
    }
  }

  #describe(): string {
    return `${this.#protocol} ${this.#remote.host}:${this.#remote.port}`
  }
}
