import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

const PORT = 5080

/**
 * The way to a carrier, on port 5080 of an address of its own: carries SIP over UDP to a carrier that listens on another
 * address, and answers OPTIONS for it. Packets of nodes that are cut off get lost here.
 */
export class Uplink {
  /** Addresses of nodes whose packets get lost. */
  readonly cut = new Set<string>()
  readonly #front: Socket
  readonly #carrier: string
  /** One socket a peer, so that answers find back. */
  readonly #back = new Map<string, Socket>()

  private constructor(front: Socket, carrier: string) {
    this.#front = front
    this.#carrier = carrier
    front.on('message', (packet, { address, port }) => this.#onPacket(packet, address, port))
  }

  static async start(address: string, carrier: string): Promise<Uplink> {
    const front = createSocket('udp4').bind(PORT, address)
    await once(front, 'listening')
    return new Uplink(front, carrier)
  }

  close(): void {
    this.#front.close()
    for (const socket of this.#back.values()) socket.close()
  }

  #onPacket(packet: Buffer, address: string, port: number): void {
    if (this.cut.has(address)) return
    const request = packet.toString('latin1')
    if (request.startsWith('OPTIONS ')) {
      const copied = request.split('\r\n').filter((line) => /^(via|from|to|call-id|cseq):/i.test(line))
      this.#front.send(['SIP/2.0 200 OK', ...copied, 'Content-Length: 0', '', ''].join('\r\n'), port, address)
      return
    }
    this.#backOf(address, port).send(packet, PORT, this.#carrier)
  }

  #backOf(address: string, port: number): Socket {
    const peer = `${address}:${port}`
    const known = this.#back.get(peer)
    if (known !== undefined) return known
    const socket = createSocket('udp4')
    socket.on('message', (packet) => {
      if (!this.cut.has(address)) this.#front.send(packet, port, address)
    })
    this.#back.set(peer, socket)
    return socket
  }
}
