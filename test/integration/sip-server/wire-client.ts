import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const PATIENCE_MS = 5000

/** A client of the wire protocol by hand, to say what drachtio-srf never would. */
export class WireClient {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  readonly payloads: string[] = []
  #taken = 0
  #onData: (() => void) | undefined
  #closed = false

  static async open(port: number): Promise<WireClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new WireClient(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#closed = true
      this.#onData?.()
    })
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#cut()
      this.#onData?.()
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Writes bytes as they are. */
  raw(text: string | Buffer): void {
    this.#socket.write(text)
  }

  send(payload: string): void {
    this.raw(`${Buffer.byteLength(payload)}#${payload}`)
  }

  /** Sends a command and returns the fields of its answer after the message id. */
  async ask(command: string): Promise<string[]> {
    const id = `id-${this.payloads.length}-${Math.random()}`
    this.send(`${id}|${command}`)
    const answer = await this.next((payload) => payload.includes(`|response|${id}|`))
    return (answer.split('\r\n')[0] ?? '').split('|').slice(3)
  }

  /** The next payload that fits; fails when the connection closes. */
  async next(fits: (payload: string) => boolean): Promise<string> {
    for (const deadlineMs = Date.now() + PATIENCE_MS; Date.now() < deadlineMs; ) {
      while (this.#taken < this.payloads.length) {
        const payload = this.payloads[this.#taken] ?? ''
        this.#taken += 1
        if (fits(payload)) return payload
      }
      if (this.#closed) throw new Error('the server closed the connection')
      await this.#arrival()
    }
    throw new Error(`nothing that fits came:\n${this.payloads.join('\n---\n')}`)
  }

  /** Resolves when the server has closed the connection. */
  async end(): Promise<void> {
    while (!this.#closed) await this.#arrival()
  }

  close(): void {
    this.#socket.destroy()
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS)
      this.#onData = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #cut(): void {
    for (;;) {
      const hash = this.#received.indexOf('#')
      const length = Number(this.#received.toString('latin1', 0, Math.max(hash, 0)))
      if (hash < 0 || this.#received.length < hash + 1 + length) return
      this.payloads.push(this.#received.toString('utf8', hash + 1, hash + 1 + length))
      this.#received = this.#received.subarray(hash + 1 + length)
    }
  }
}
