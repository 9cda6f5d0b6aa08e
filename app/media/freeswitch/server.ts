import Mrf, { type Endpoint, type MediaServer } from 'drachtio-fsmrf'
import type Srf from 'drachtio-srf'
import { parseStatus, retryDelayMs, type ServerLoad, serverFault } from '../../../lib/media/freeswitch-facts.ts'
import { inTime } from '../../deadline.ts'
import { EventSocket } from './event-socket.ts'

/** How often a server is asked how it fares; an answer that takes longer than the event socket allows is its end. */
const PING_MS = 1_000
/** drachtio-fsmrf waits a second for its own connection. */
const ATTACH_MS = 3_000
/** A channel takes tens of milliseconds, 300 under load. After this the next server is asked, before the carrier loses patience. */
const CHANNEL_MS = 1_500

/** Our line to the SIP server, of which there is a new one after each loss. */
export interface SipCaller {
  readonly srf: Srf | null
}

export interface ServerAddress {
  readonly host: string
  readonly port: number
  readonly secret: string
}

export interface ServerWatch {
  readonly onUp: (server: FreeSwitchServer) => void
  /** Its channels are as good as gone. Told once for each time that it was up, and for the first attempt that fails. */
  readonly onDown: (server: FreeSwitchServer, reason: string) => void
}

/** What there is of a server while it is up. */
interface Attached {
  readonly socket: EventSocket
  readonly media: MediaServer
}

/** Why the server at the other end is of no use to us; null where it is. */
export const inspect = async (socket: EventSocket): Promise<string | null> =>
  serverFault(await socket.api('sofia status'), await socket.api('uuid_audio_fork'))

/** One FreeSWITCH: connected, watched, and connected anew when it was lost. */
export class FreeSwitchServer {
  readonly name: string
  readonly #address: ServerAddress
  readonly #sip: SipCaller
  readonly #watch: ServerWatch
  #attached: Attached | null = null
  #load: ServerLoad = { sessions: 0, maxSessions: 0 }
  /** Channels opened since the server told its load. */
  #opened = 0
  #reason = 'it was not connected yet'
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #closing = false

  constructor(address: ServerAddress, sip: SipCaller, watch: ServerWatch) {
    this.name = `${address.host}:${address.port}`
    this.#address = address
    this.#sip = sip
    this.#watch = watch
  }

  get up(): boolean {
    return this.#attached !== null
  }

  get load(): ServerLoad {
    return { ...this.#load, sessions: this.#load.sessions + this.#opened }
  }

  /** Why it is not up. */
  get reason(): string {
    return this.#reason
  }

  /** The address of ours that it reaches us by. */
  get localAddress(): string {
    return this.#expect().socket.localAddress
  }

  /** Connects for the first time; resolves also where that fails, as it is tried again. */
  async start(): Promise<void> {
    await this.#connect()
  }

  /** A command of FreeSWITCH's console. */
  api(command: string): Promise<string> {
    return this.#expect().socket.api(command)
  }

  /** A channel that speaks with what the SDP describes; rejects where it is not there soon, as the server may have died just now. */
  createEndpoint(remoteSdp: string): Promise<Endpoint> {
    this.#opened++
    const creating = this.#expect().media.createEndpoint({ remoteSdp })
    const why = `no channel within ${CHANNEL_MS} ms`
    return inTime(creating, CHANNEL_MS, why, (late) => late.dialog?.destroy({ headers: {} }, () => undefined))
  }

  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#timer)
    await this.#detach()
  }

  #expect(): Attached {
    if (this.#attached === null) throw new Error(`FreeSWITCH at ${this.name} is gone: ${this.#reason}`)
    return this.#attached
  }

  async #connect(): Promise<void> {
    try {
      await this.#attach()
    } catch (cause) {
      this.#lost(cause instanceof Error ? cause.message : String(cause))
    }
  }

  async #attach(): Promise<void> {
    const socket = await EventSocket.connect({ ...this.#address, onEnd: (reason) => this.#lost(reason) })
    try {
      const fault = await inspect(socket)
      if (fault !== null) throw new Error(fault)
      await this.#readLoad(socket)
      const media = await this.#attachMrf(socket.localAddress)
      if (this.#closing) throw new Error('closed')
      this.#attached = { socket, media }
    } catch (cause) {
      socket.close()
      throw cause
    }
    this.#failures = 0
    this.#watch.onUp(this)
    this.#ping(socket)
  }

  async #attachMrf(listenAddress: string): Promise<MediaServer> {
    const { host: address, port, secret } = this.#address
    const attaching = new Mrf({ createUAC: (uri, options) => this.#call(uri, options) }).connect({
      address,
      port,
      secret,
      listenAddress,
      listenPort: 0,
    })
    const why = `drachtio-fsmrf did not connect within ${ATTACH_MS} ms`
    const media = await inTime(attaching, ATTACH_MS, why, (late) => late.disconnect())
    // It would connect again by itself, beside us, and drop what it was asked meanwhile.
    media.conn.closing = true
    // It would write to the console that its connection is lost, which ours tells first.
    media.conn.removeAllListeners('esl::end')
    // drachtio-modesl writes a command in two pieces, which Nagle's algorithm keeps apart for 40 ms.
    media.conn.socket?.setNoDelay(true)
    media._server.server.on('connection', (socket) => socket.setNoDelay(true))
    return media
  }

  async #call(uri: string, options: Srf.CreateUACOptions): Promise<Srf.Dialog> {
    const { srf } = this.#sip
    if (srf === null) throw new Error('the SIP server is away')
    return endingQuietly(await srf.createUAC(uri, options))
  }

  #ping(socket: EventSocket): void {
    this.#timer = setTimeout(() => {
      // A ping that is not answered ends the socket, and that tells `#lost`.
      this.#readLoad(socket).then(
        () => this.#attached?.socket === socket && this.#ping(socket),
        () => undefined,
      )
    }, PING_MS)
  }

  async #readLoad(socket: EventSocket): Promise<void> {
    const load = parseStatus(await socket.api('status'))
    if (load === null) return
    this.#load = load
    this.#opened = 0
  }

  #lost(reason: string): void {
    if (this.#closing) return
    const wasUp = this.#attached !== null
    this.#reason = reason
    this.#failures++
    void this.#detach()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#connect(), retryDelayMs(this.#failures))
    if (wasUp || this.#failures === 1) this.#watch.onDown(this, reason)
  }

  async #detach(): Promise<void> {
    const attached = this.#attached
    this.#attached = null
    if (attached === null) return
    attached.socket.close()
    attached.media.disconnect()
  }
}

/** drachtio-fsmrf gives up a channel without looking back: a BYE that fails then, as there is no dialog any more, would end the process. */
function endingQuietly(dialog: Srf.Dialog): Srf.Dialog {
  const destroy = dialog.destroy.bind(dialog)
  dialog.destroy = (options = { headers: {} }, done = () => undefined) => destroy(options, done)
  return dialog
}
