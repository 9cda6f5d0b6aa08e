import { Worker } from 'node:worker_threads'
import type { LineState } from './line.ts'
import type { AccessSnapshot, GuestVerdict, SipCounters, SipServerOptions, SipTraceMessage } from './server-options.ts'
import type { TlsMaterial } from './transport/tls.ts'
import type { FromWorker, ToWorker } from './worker-protocol.ts'

export type { AccessSnapshot, GuestVerdict, SipCounters, SipServerOptions, SipTraceMessage } from './server-options.ts'
export { type TlsMaterial, tlsFault } from './transport/tls.ts'

/** Why the server did not start: a stable code such as `address-in-use`, and words with the address and its holder. */
export class SipServerError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'SipServerError'
    this.code = code
  }
}

/** A running SIP server in its worker thread. Applications reach it by drachtio's wire protocol at `adminPort`. */
export interface SipServer {
  readonly adminPort: number
  /** The same over TLS, where `adminTls` asked for it. */
  readonly adminTlsPort: number | undefined
  /** Its sockets as `udp/192.0.2.1:5060`, with the real ports. */
  readonly hostports: readonly string[]
  /** Says who may send requests. In force before anything that is asked of the server afterwards. */
  setAccess(snapshot: AccessSnapshot): void
  /** Tells what came of the credentials of a source that was let in for the host it named. */
  judgeGuest(address: string, verdict: GuestVerdict): void
  /** Cuts the line to the network, or slows it down: for drills. In force as `setAccess` is. */
  setLine(state: LineState): void
  /** Shows these certificates from the next handshake on; connections that are open stay. They must have been tried by `tlsFault`. */
  renewTls(material: TlsMaterial): void
  /** Batches of the messages that passed, where `trace` is on. */
  onTrace(listener: (batch: readonly SipTraceMessage[]) => void): void
  /** Rejects once the worker is gone. */
  counters(): Promise<SipCounters>
  /** Called once when the worker is gone, with the error it died of; not after `close`. */
  onExit(listener: (error: Error | undefined) => void): void
  /** Ends the thread at once, as a crash would: for tests and drills. `onExit` is called. */
  crash(): Promise<void>
  /** Closes all sockets and ends the thread. Dialogs are forgotten, not ended: drain before. */
  close(): Promise<void>
}

/** Starts a SIP server. Rejects with a `SipServerError` where an address cannot be bound. */
export async function startSipServer(options: SipServerOptions): Promise<SipServer> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: options, name: 'sip-server' })
  const first = await firstMessage(worker)
  if (first.kind === 'failed') throw new SipServerError(first.code, first.message)
  if (first.kind !== 'ready') throw new SipServerError('failed', `the SIP server began with ${first.kind}`)
  return new ServerFace(worker, first)
}

function firstMessage(worker: Worker): Promise<FromWorker> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number): void => {
      reject(new SipServerError('failed', `the SIP server ended at its start with code ${code}`))
    }
    worker.once('error', reject)
    worker.once('exit', onExit)
    worker.once('message', (message: FromWorker) => {
      worker.off('error', reject)
      worker.off('exit', onExit)
      resolve(message)
    })
  })
}

const GONE = new SipServerError('gone', 'the SIP server is not running any more')

class ServerFace implements SipServer {
  readonly adminPort: number
  readonly adminTlsPort: number | undefined
  readonly hostports: readonly string[]
  readonly #worker: Worker
  readonly #traceListeners: ((batch: readonly SipTraceMessage[]) => void)[] = []
  readonly #exitListeners: ((error: Error | undefined) => void)[] = []
  readonly #counterWaiters = new Map<number, { resolve(counters: SipCounters): void; reject(error: Error): void }>()
  readonly #exited: Promise<void>
  #asked = 0
  #closing = false
  #gone = false
  #error: Error | undefined

  constructor(worker: Worker, ready: Pick<SipServer, 'adminPort' | 'adminTlsPort' | 'hostports'>) {
    this.#worker = worker
    this.adminPort = ready.adminPort
    this.adminTlsPort = ready.adminTlsPort
    this.hostports = ready.hostports
    worker.on('message', (message: FromWorker) => this.#onMessage(message))
    worker.on('error', (error: Error) => {
      this.#error = error
    })
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.on('exit', () => {
      this.#gone = true
      for (const waiter of this.#counterWaiters.values()) waiter.reject(GONE)
      if (!this.#closing) for (const listener of this.#exitListeners) listener(this.#error)
    })
  }

  setAccess(snapshot: AccessSnapshot): void {
    this.#post({ kind: 'access', snapshot })
  }

  judgeGuest(address: string, verdict: GuestVerdict): void {
    this.#post({ kind: 'guest', address, verdict })
  }

  setLine(state: LineState): void {
    this.#post({ kind: 'line', state })
  }

  renewTls(material: TlsMaterial): void {
    this.#post({ kind: 'tls', material })
  }

  onTrace(listener: (batch: readonly SipTraceMessage[]) => void): void {
    this.#traceListeners.push(listener)
  }

  counters(): Promise<SipCounters> {
    if (this.#gone) return Promise.reject(GONE)
    return new Promise((resolve, reject) => {
      this.#asked += 1
      this.#counterWaiters.set(this.#asked, { resolve, reject })
      this.#post({ kind: 'counters', id: this.#asked })
    })
  }

  onExit(listener: (error: Error | undefined) => void): void {
    this.#exitListeners.push(listener)
  }

  async crash(): Promise<void> {
    await this.#worker.terminate()
  }

  async close(): Promise<void> {
    if (!this.#closing) this.#post({ kind: 'close' })
    this.#closing = true
    await this.#exited
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'trace':
        for (const listener of this.#traceListeners) listener(message.batch)
        break
      case 'counters':
        this.#counterWaiters.get(message.id)?.resolve(message.counters)
        this.#counterWaiters.delete(message.id)
        break
      default:
    }
  }
}
