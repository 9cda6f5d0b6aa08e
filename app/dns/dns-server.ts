import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { formatHostPort, type HostPort } from '../../lib/config/addresses.ts'
import { askForTcp, type DnsOutcome, type DnsResponse } from '../../lib/dns/respond.ts'
import { ResponseRate } from '../../lib/dns/response-rate.ts'

export interface DnsServerOptions extends HostPort {
  /** `udp` serves TCP on the same port too (RFC 7766 §5). Port 0: any free one. */
  readonly protocol: 'udp' | 'tcp'
  /** The answer to a message; null: silence. */
  readonly respond: (bytes: Buffer, overTcp: boolean) => DnsResponse | null
  readonly onError: (error: unknown) => void
}

/** Questions by what became of them. `limited`: their source asked too often. */
export type DnsCounters = Readonly<Record<DnsOutcome | 'ignored' | 'limited', number>>

/** Over TCP: connections at a time, questions on one, and how long one may be idle (RFC 7766 §6.2). */
const MAX_CONNECTIONS = 64
const MAX_PER_SOURCE = 8
const MAX_QUESTIONS = 100
const IDLE_MS = 5_000
/** A question has no use for more; longer ones are cut off unread. */
const MAX_QUESTION_BYTES = 1_024

/** The sockets of a DNS server: datagrams and connections in, bounded answers out. Nothing that comes ends it. */
export class DnsServer {
  readonly #options: DnsServerOptions
  readonly #rate = new ResponseRate()
  readonly #connections = new Map<Socket, string>()
  readonly #counters = { answered: 0, nothing: 0, refused: 0, malformed: 0, truncated: 0, ignored: 0, limited: 0 }
  readonly #tcp: Server
  #udp: UdpSocket | null = null

  private constructor(options: DnsServerOptions) {
    this.#options = options
    this.#tcp = createServer((connection) => this.#onConnection(connection))
  }

  /** Rejects where the address cannot be bound. */
  static async start(options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options)
    const { host, port, protocol, onError } = options
    try {
      server.#tcp.listen({ host, port })
      await once(server.#tcp, 'listening')
      server.#tcp.on('error', onError)
      if (protocol === 'udp') await server.#bindUdp(host)
      return server
    } catch (error) {
      await server.close()
      throw new Error(`dns.listen: cannot listen at ${formatHostPort(options)}`, { cause: error })
    }
  }

  /** Where it listens. */
  get address(): HostPort {
    const address = this.#tcp.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    return { host: this.#options.host, port }
  }

  get counters(): DnsCounters {
    return this.#counters
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.keys()) connection.destroy()
    const udp = this.#udp
    this.#udp = null
    if (udp !== null) await new Promise<void>((resolve) => udp.close(() => resolve()))
    if (this.#tcp.listening) await new Promise<void>((resolve) => this.#tcp.close(() => resolve()))
  }

  async #bindUdp(host: string): Promise<void> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.bind({ address: host, port: this.address.port, exclusive: true })
    await once(socket, 'listening').catch((error: unknown) => {
      socket.close()
      throw error
    })
    socket.on('error', this.#options.onError)
    socket.on('message', (bytes, peer) => this.#onDatagram(socket, bytes, peer))
    this.#udp = socket
  }

  #onDatagram(socket: UdpSocket, bytes: Buffer, { address, port }: RemoteInfo): void {
    const verdict = this.#rate.judge(address, performance.now())
    if (verdict !== 'answer') this.#counters.limited += 1
    if (verdict === 'drop' || port === 0) return
    const answer = verdict === 'answer' ? this.#answer(bytes, false) : askForTcp(bytes)
    // What the kernel cannot send is lost like any datagram; whoever asked asks again.
    if (answer !== null) socket.send(answer, port, address, () => undefined)
  }

  #onConnection(connection: Socket): void {
    const source = connection.remoteAddress ?? ''
    const ofSource = [...this.#connections.values()].filter((each) => each === source).length
    if (this.#connections.size >= MAX_CONNECTIONS || ofSource >= MAX_PER_SOURCE) {
      this.#counters.limited += 1
      return void connection.destroy()
    }
    this.#connections.set(connection, source)
    connection.on('close', () => this.#connections.delete(connection))
    connection.on('error', () => connection.destroy())
    connection.setTimeout(IDLE_MS, () => connection.destroy())
    let received = Buffer.alloc(0)
    let questions = 0
    connection.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
      while (received.length >= 2) {
        const length = received.readUInt16BE(0)
        if (length > MAX_QUESTION_BYTES || questions >= MAX_QUESTIONS) return void connection.destroy()
        if (received.length < 2 + length) return
        const answer = this.#answer(received.subarray(2, 2 + length), true)
        if (answer === null) return void connection.destroy()
        questions += 1
        received = received.subarray(2 + length)
        const head = Buffer.alloc(2)
        head.writeUInt16BE(answer.length, 0)
        connection.write(Buffer.concat([head, answer]))
      }
    })
  }

  #answer(bytes: Buffer, overTcp: boolean): Buffer | null {
    try {
      const response = this.#options.respond(bytes, overTcp)
      this.#counters[response?.outcome ?? 'ignored'] += 1
      return response?.bytes ?? null
    } catch (error) {
      this.#counters.ignored += 1
      this.#options.onError(error)
      return null
    }
  }
}
