import { randomBytes } from 'node:crypto'
import { type CarrierFault, judgeInvite, lineAt } from '../../lib/demo/carrier-fault.ts'
import { speak } from '../phone/speak.ts'
import type { IncomingInvite } from '../signaling/incoming-invite.ts'
import { SipLink } from '../signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../sip/server.ts'
import { VERSION } from '../version.ts'
import { CarrierMedia, type FaultNow } from './carrier-media.ts'
import type { CarrierProcessOptions, FromCarrier, ToCarrier } from './carrier-messages.ts'
import type { CarrierCall, CarrierEvent } from './carrier-port.ts'
import { placeOwnCall } from './own-call.ts'
import { TakenCall } from './taken-call.ts'

/** What everybody at a carrier says: enough for a call of a drill. After it they listen. */
const SPEECH = `Hello, I am calling about my appointment on Thursday. Could you move it to the morning, please?
  I could come at nine, or at half past ten. It is only a short visit. Thank you very much for your help.`

/** Nobody but this machine calls a simulated carrier. */
const LOOPBACK = ['127.0.0.0/8', '::1']

/** A parent that is gone hears nothing; this process then ends as well. */
const post = (message: FromCarrier): void => {
  if (process.connected) process.send?.(message)
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** A simulated carrier: its SIP server, its calls, and the fault that it has now. */
class SimulatedCarrier {
  readonly #options: CarrierProcessOptions
  readonly #sip: SipServer
  readonly #link: SipLink
  readonly #media: CarrierMedia
  readonly #closing = new AbortController()
  readonly #taken = new Set<TakenCall>()
  readonly #placed = new Set<Promise<unknown>>()
  #now: FaultNow = { fault: { kind: 'none' }, cut: false }
  #flap: NodeJS.Timeout | undefined

  static async start(options: CarrierProcessOptions): Promise<SimulatedCarrier> {
    const speech = await speak(SPEECH)
    const secret = randomBytes(16).toString('hex')
    const host = options.host.includes(':') ? `[${options.host}]` : options.host
    const sip = await startSipServer({
      listen: [`udp:${host}:${options.port}`, `tcp:${host}:${options.port}`],
      advertise: options.host,
      userAgent: `Tandem-carrier-${options.id}/${VERSION}`,
      secret,
    })
    sip.setAccess({ allowAll: false, sources: LOOPBACK, unknown: 'drop' })
    const link = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret }] })
    if (!link.ok) throw link.error
    return new SimulatedCarrier(options, sip, link.value, speech)
  }

  private constructor(options: CarrierProcessOptions, sip: SipServer, link: SipLink, speech: Int16Array) {
    this.#options = options
    this.#sip = sip
    this.#link = link
    this.#media = new CarrierMedia(options.host, speech, () => this.#now)
    link.onOptions(() => ({ status: 200, headers: {} }))
    link.onInvite((invite) => this.#take(invite))
  }

  onMessage(message: ToCarrier): void {
    switch (message.kind) {
      case 'fault':
        void this.#reply(message.request, () => this.#setFault(message.request, message.fault))
        break
      case 'place':
        void this.#reply(message.request, () => this.#place(message.request, message.call))
        break
      case 'close':
        void this.#close()
        break
      default:
        message satisfies never
    }
  }

  async #reply(request: number, work: () => Promise<FromCarrier>): Promise<void> {
    try {
      post(await work())
    } catch (cause) {
      post({ kind: 'failed', request, message: messageOf(cause) })
    }
  }

  async #setFault(request: number, fault: CarrierFault): Promise<FromCarrier> {
    clearTimeout(this.#flap)
    this.#apply(fault, performance.now())
    // Messages to the SIP server are taken in order: once it has answered this one, the line is as it shall be.
    await this.#sip.counters()
    return { kind: 'done', request }
  }

  #apply(fault: CarrierFault, sinceMs: number): void {
    const nowMs = performance.now()
    const { cut, delayMs, untilMs } = lineAt(fault, sinceMs, nowMs)
    this.#now = { fault, cut }
    this.#sip.setLine(cut ? { kind: 'cut' } : delayMs > 0 ? { kind: 'slow', delayMs } : { kind: 'up' })
    if (untilMs !== null) this.#flap = setTimeout(() => this.#apply(fault, sinceMs), Math.ceil(untilMs - nowMs))
  }

  #take(invite: IncomingInvite): void {
    const parts = {
      options: this.#options,
      media: this.#media,
      emit: (event: CarrierEvent) => post({ kind: 'event', event }),
      onOver: () => this.#taken.delete(call),
    }
    const call: TakenCall = new TakenCall(parts, invite)
    this.#taken.add(call)
    call.begin(judgeInvite(this.#now.fault, invite.facts.dialled))
  }

  async #place(request: number, call: CarrierCall): Promise<FromCarrier> {
    const parts = { link: this.#link, media: this.#media, host: this.#options.host, signal: this.#closing.signal }
    const { placed, ended } = await placeOwnCall(parts, call)
    const reported = ended
      .then((end) => post({ kind: 'callEnd', request, end }))
      .finally(() => this.#placed.delete(reported))
    this.#placed.add(reported)
    return { kind: 'placed', request, placed }
  }

  /** Hangs up and ends the process. */
  async #close(): Promise<void> {
    clearTimeout(this.#flap)
    this.#closing.abort()
    await Promise.all([...this.#placed, ...[...this.#taken].map((call) => call.close())])
    this.#link.close()
    await this.#sip.close()
    process.disconnect()
  }
}

async function run(): Promise<void> {
  // Ctrl-C reaches every process of the terminal; the parent closes its carriers in order, and they end with it in any case.
  process.on('SIGINT', () => undefined)
  process.on('disconnect', () => process.exit())
  const options: CarrierProcessOptions = JSON.parse(process.argv[2] ?? '')
  const carrier = await SimulatedCarrier.start(options)
  process.on('message', (message: ToCarrier) => carrier.onMessage(message))
  post({ kind: 'ready' })
}

run().catch((cause: unknown) => {
  post({ kind: 'broken', message: messageOf(cause) })
  process.exitCode = 1
  if (process.connected) process.disconnect()
})
