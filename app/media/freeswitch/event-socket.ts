import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type EslMessage, takeEslMessage } from '../../../lib/media/event-socket.ts'

/** Connecting and being let in may take this long together. */
const CONNECT_MS = 2_000
/** A command is answered at once by a server that is well. */
const COMMAND_MS = 2_000

interface Waiting {
  readonly resolve: (message: EslMessage) => void
  readonly reject: (error: Error) => void
}

export interface EventSocketOptions {
  readonly host: string
  readonly port: number
  readonly secret: string
  /** The connection ended, for whatever reason; told once. */
  readonly onEnd: (reason: string) => void
}

/** A connection to FreeSWITCH's event socket for commands. Each is answered in its turn. */
export class EventSocket {
  readonly #socket: Socket
  readonly #onEnd: (reason: string) => void
  readonly #waiting: Waiting[] = []
  #received: Buffer = Buffer.alloc(0)
  #ended = false

  private constructor(socket: Socket, onEnd: (reason: string) => void) {
    this.#socket = socket
    this.#onEnd = onEnd
    socket.setNoDelay(true)
    socket.on('data', (data) => this.#onData(data))
    socket.on('error', (error) => this.#end(error.message))
    socket.on('close', () => this.#end('the event socket was closed'))
  }

  /** Resolves when the server has accepted the secret; rejects where nobody answers, or it does not. */
  static async connect({ host, port, secret, onEnd }: EventSocketOptions): Promise<EventSocket> {
    const socket = connect({ host, port })
    const signal = AbortSignal.timeout(CONNECT_MS)
    try {
      await once(socket, 'connect', { signal })
    } catch (cause) {
      socket.destroy()
      throw signal.aborted ? new Error(`no event socket answers within ${CONNECT_MS} ms`, { cause }) : cause
    }
    let entered = false
    const events = new EventSocket(socket, (reason) => entered && onEnd(reason))
    try {
      const hello = await events.#next()
      if (hello.type !== 'auth/request') throw new Error(`this is no event socket: ${hello.type.slice(0, 100)}`)
      const { reply } = await events.#ask(`auth ${secret}`)
      if (!reply.startsWith('+OK')) throw new Error('the secret is refused')
    } catch (cause) {
      events.close()
      throw cause
    }
    entered = true
    return events
  }

  /** The address of ours that this server can reach. */
  get localAddress(): string {
    return this.#socket.localAddress ?? '127.0.0.1'
  }

  /** The text that a command of FreeSWITCH's console answers. Rejects, and ends the connection, where it takes too long. */
  async api(command: string): Promise<string> {
    return (await this.#ask(`api ${command}`)).body
  }

  close(): void {
    this.#end('closed')
  }

  #ask(line: string): Promise<EslMessage> {
    if (this.#ended) return Promise.reject(new Error('the event socket is closed'))
    this.#socket.write(`${line.replaceAll(/[\r\n]/g, ' ')}\n\n`)
    return this.#next()
  }

  #next(): Promise<EslMessage> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(`no answer within ${COMMAND_MS} ms`), COMMAND_MS)
      this.#waiting.push({
        resolve: (message) => {
          clearTimeout(timer)
          resolve(message)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
    })
  }

  #onData(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data])
    for (;;) {
      const taken = takeEslMessage(this.#received)
      if (taken === 'bad') return this.#end('it speaks no event socket')
      if (taken === 'more') return
      this.#received = taken.rest
      // `text/disconnect-notice` and `text/rude-rejection` come unasked; the end of the connection follows.
      if (!taken.message.type.startsWith('text/')) this.#waiting.shift()?.resolve(taken.message)
    }
  }

  #end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason))
    this.#onEnd(reason)
  }
}
