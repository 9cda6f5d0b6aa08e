import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** A carrier on a real socket that answers OPTIONS, until it is told to be silent. */
export class OptionsCarrier {
  /** The request-URI of every OPTIONS that came. */
  readonly asked: string[] = []
  readonly #socket: Socket
  #silent = false
  #onProbe: (() => void) | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('message', (packet, peer) => {
      const request = packet.toString('latin1')
      if (request.startsWith('OPTIONS ')) this.asked.push(request.split(' ')[1] ?? '')
      if (this.#silent || !request.startsWith('OPTIONS ')) return
      const copied = request.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line))
      const answer = ['SIP/2.0 200 OK', ...copied, 'Content-Length: 0', '', ''].join('\r\n')
      socket.send(answer, peer.port, peer.address, () => this.#onProbe?.())
    })
  }

  static async start(): Promise<OptionsCarrier> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new OptionsCarrier(socket)
  }

  get port(): number {
    return this.#socket.address().port
  }

  get uri(): string {
    return `sip:127.0.0.1:${this.port}`
  }

  /** As the health of a trunk names it. */
  get target(): string {
    return `udp:127.0.0.1:${this.port}`
  }

  /** Resolves when it has answered again. */
  answered(): Promise<void> {
    return new Promise((resolve) => {
      this.#onProbe = resolve
    })
  }

  set silent(silent: boolean) {
    this.#silent = silent
  }

  close(): void {
    this.#socket.close()
  }
}
