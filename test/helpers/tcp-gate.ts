import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP relay before a server, which a test shuts, opens and freezes as if the server had died, come back or stopped. */
export class TcpGate {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #frozen = false
  #shut = false

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(listenHost: string, target: { readonly host: string; readonly port: number }): Promise<TcpGate> {
    const server = createServer((near) => gate.#relay(near, connect(target)))
    const gate = new TcpGate(server)
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

  reopen(): void {
    this.#shut = false
    this.#frozen = false
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
      from.on('data', (data) => !this.#frozen && to.write(data))
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
    if (this.#shut) near.destroy()
  }
}
