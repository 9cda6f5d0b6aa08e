import { once } from 'node:events'
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A TCP relay before a server, which a test shuts, opens, slows and freezes as if the server had died, come back, slowed down or stopped. */
export class TcpGate {
  readonly host: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #frozen = false
  #shut = false
  #answerMs = 0
  #lastWord: Buffer | null = null
  readonly #muted = new WeakSet<Socket>()

  private constructor(server: Server, host: string) {
    this.#server = server
    this.host = host
  }

  /** `target`: where the server is, also a unix socket. */
  static async open(listenHost: string, target: NetConnectOpts): Promise<TcpGate> {
    const server = createServer((near) => gate.#relay(near, connect(target)))
    const gate = new TcpGate(server, listenHost)
    server.listen(0, listenHost)
    await once(server, 'listening')
    return gate
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Cuts all connections; new ones are cut at once. */
  shut(): void {
    this.#shut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  /** What is sent from now on arrives nowhere, and nobody is told. */
  freeze(): void {
    this.#frozen = true
  }

  /** Every answer of the server comes so much later; requests go through at once. */
  slow(answerMs: number): void {
    this.#answerMs = answerMs
  }

  /** Of each connection made from now on the server answers until it has sent these bytes, and never again. */
  muteAfter(lastWord: Buffer): void {
    this.#lastWord = lastWord
  }

  reopen(): void {
    this.#shut = false
    this.#frozen = false
    this.#answerMs = 0
    this.#lastWord = null
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.shut()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #relay(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (data) => {
        if (this.#muted.has(from)) return
        void this.#pass(data, to, from === far ? this.#answerMs : 0)
        if (from === far && this.#lastWord !== null && data.includes(this.#lastWord)) this.#muted.add(far)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
    if (this.#shut) near.destroy()
  }

  /** In the order of arrival, as timers of the same length end in the order in which they were set. */
  async #pass(data: Buffer, to: Socket, afterMs: number): Promise<void> {
    if (afterMs > 0) await delay(afterMs, undefined, { ref: false })
    if (!this.#frozen) to.write(data)
  }
}
