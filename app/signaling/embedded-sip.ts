import { randomBytes } from 'node:crypto'
import type {
  AccessSnapshot,
  GuestVerdict,
  SipCounters,
  SipServer,
  SipTraceMessage,
  TlsMaterial,
} from '../sip/server.ts'
import { startSipServer } from '../sip/server.ts'
import { Supervised } from '../supervised.ts'

export interface EmbeddedSipOptions {
  /** `udp:HOST:PORT`, `tcp:HOST:PORT`, `tls:HOST:PORT`. */
  readonly listen: readonly string[]
  /** For `tls:HOST:PORT`. */
  readonly tls: TlsMaterial | null
  /** The address in Via and Contact. */
  readonly advertise: string
  /** Server and User-Agent of every message. */
  readonly userAgent: string
  /** The server's thread died; it is started anew by itself. Its dialogs are gone. */
  readonly onLost: (error: Error | undefined) => void
}

const RETRY_MS = 1_000
const COUNTERS_MS = 1_000

/** The embedded SIP server of a node. Should its thread die, it comes back at the same addresses, and applications reconnect. */
export class EmbeddedSip {
  readonly secret = randomBytes(32).toString('base64url')
  readonly #options: EmbeddedSipOptions
  readonly #timer: NodeJS.Timeout
  #supervised: Supervised<SipServer> | null = null
  #access: AccessSnapshot
  #tls: TlsMaterial | null
  #adminPort = 0
  #hostports: readonly string[] = []
  #counters: SipCounters | null = null
  #traced: (batch: readonly SipTraceMessage[]) => void = () => undefined

  private constructor(options: EmbeddedSipOptions, access: AccessSnapshot) {
    this.#options = options
    this.#access = access
    this.#tls = options.tls
    this.#timer = setInterval(() => void this.#count(), COUNTERS_MS)
  }

  /** Rejects where an address cannot be bound. */
  static async start(options: EmbeddedSipOptions, access: AccessSnapshot): Promise<EmbeddedSip> {
    const sip = new EmbeddedSip(options, access)
    try {
      sip.#supervised = await Supervised.start({
        start: (onLost) => sip.#start(onLost),
        onLost: options.onLost,
        retryMs: RETRY_MS,
      })
      return sip
    } catch (error) {
      clearInterval(sip.#timer)
      throw error
    }
  }

  /** Where drachtio-srf connects, on 127.0.0.1. */
  get adminPort(): number {
    return this.#adminPort
  }

  /** Its sockets as `udp/192.0.2.1:5060`. */
  get hostports(): readonly string[] {
    return this.#hostports
  }

  /** What the server counted, a second ago at most; empty before its first second. */
  get counters(): Readonly<Record<string, number>> {
    return this.#counters === null ? {} : { ...this.#counters }
  }

  /** Who hears SIP messages as they pass the wire; before somebody does they are told to nobody. */
  onTrace(listener: (batch: readonly SipTraceMessage[]) => void): void {
    this.#traced = listener
  }

  setAccess(access: AccessSnapshot): void {
    this.#access = access
    this.#supervised?.part?.setAccess(access)
  }

  /** What an application found out about a source that was let in for the host it named. */
  judgeGuest(address: string, verdict: GuestVerdict): void {
    this.#supervised?.part?.judgeGuest(address, verdict)
  }

  /** Shows these certificates from the next handshake on. */
  renewTls(material: TlsMaterial): void {
    this.#tls = material
    this.#supervised?.part?.renewTls(material)
  }

  /** Ends the server's thread at once, as a crash would: for tests and drills. */
  async crash(): Promise<void> {
    await this.#supervised?.part?.crash()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#supervised?.close()
  }

  async #start(onLost: (error: Error | undefined) => void): Promise<SipServer> {
    const { listen, advertise, userAgent } = this.#options
    const server = await startSipServer({
      listen: this.#hostports.length > 0 ? this.#hostports.map((each) => each.replace('/', ':')) : listen,
      tls: this.#tls ?? undefined,
      advertise,
      userAgent,
      secret: this.secret,
      adminPort: this.#adminPort,
      unknown: this.#access.unknown,
      trace: true,
    })
    this.#adminPort = server.adminPort
    this.#hostports = server.hostports
    server.setAccess(this.#access)
    server.onTrace((batch) => this.#traced(batch))
    server.onExit(onLost)
    return server
  }

  async #count(): Promise<void> {
    try {
      this.#counters = (await this.#supervised?.part?.counters()) ?? this.#counters
    } catch {
      // The server went while it was asked; `onLost` tells of that.
    }
  }
}
