import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodeFrame, FrameDecoder } from '../../../app/sip/wire/framing.ts'
import type { Prng } from '../prng.ts'

const SECRET = 'cymru'

export { SECRET as APP_SECRET }

const VERBS = [
  'INVITE',
  'MESSAGE',
  'REGISTER',
  'OPTIONS',
  'SUBSCRIBE',
  'NOTIFY',
  'REFER',
  'INFO',
  'UPDATE',
  'BYE',
  'PRACK',
  'CANCEL',
  'ACK',
]

/** A request or response that an application was shown, by its ids. */
export interface Shown {
  readonly txnId: string
  readonly dialogId: string
  readonly startLine: string
  /** CSeq as it stands. */
  readonly cseq: string
}

/** An application at the admin port that knows the wire protocol and does whatever it is told, sensible or not. */
export class FuzzApp {
  /** Requests it owes an answer, and responses it was given. */
  readonly requests: Shown[] = []
  readonly responses: Shown[] = []
  /** What it has sent. */
  readonly outgoing: Shown[] = []
  readonly dialogIds: string[] = []
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder()
  #closed = false
  #msgId = 0
  #onPong: (() => void) | undefined

  /** Connected, authenticated and wanting every verb. @param before one that has gone, whose dialogs it goes on with */
  static async connect(port: number, before?: FuzzApp): Promise<FuzzApp> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const app = new FuzzApp(socket)
    app.dialogIds.push(...(before?.dialogIds ?? []))
    app.requests.push(...(before?.requests ?? []))
    app.command(`authenticate|${SECRET}`)
    for (const verb of VERBS) app.command(`route|${verb}`)
    await app.quiet()
    return app
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      const fault = this.#decoder.push(chunk, (payload) => this.#onFrame(payload))
      if (fault !== undefined) throw new Error(`the server sends no frames: ${fault.message}`)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#closed = true
      this.#onPong?.()
    })
  }

  get closed(): boolean {
    return this.#closed || this.#socket.destroyed
  }

  command(fields: string, message?: Buffer): void {
    this.#msgId += 1
    this.write(encodeFrame(`m${this.#msgId}|${fields}`, message))
  }

  write(bytes: Buffer): void {
    if (!this.closed) this.#socket.write(bytes)
  }

  /** Resolves when the server has done all that was asked of it, and all that it said has been read; or the connection is over. */
  async quiet(): Promise<void> {
    if (this.closed) return
    await new Promise<void>((resolve) => {
      this.#onPong = resolve
      this.write(encodeFrame('pinging|ping'))
    })
    this.#onPong = undefined
  }

  async leave(): Promise<void> {
    if (this.closed) return
    const closed = once(this.#socket, 'close')
    this.#socket.destroy()
    await closed
  }

  /** One of the last few, for what is fresh leads deeper. */
  recent<T>(list: readonly T[], prng: Prng): T | undefined {
    return prng.oneIn(6) ? list[prng.below(list.length)] : (list.at(-1 - prng.below(3)) ?? list.at(-1))
  }

  #onFrame(payload: Buffer): void {
    const text = payload.toString('utf8')
    const end = text.indexOf('\r\n')
    const fields = (end < 0 ? text : text.slice(0, end)).split('|')
    const message = end < 0 ? '' : text.slice(end + 2)
    const [, kind, about] = fields
    if (kind === 'response' && about === 'pinging') this.#onPong?.()
    const startLine = message.slice(0, message.indexOf('\r\n'))
    const cseq = /^CSeq: *(.*)\r$/im.exec(message)?.[1] ?? ''
    if (kind === 'sip') {
      const shown = { txnId: fields[8] ?? '', dialogId: fields[9] ?? '', startLine, cseq }
      if (startLine.startsWith('SIP/2.0')) this.responses.push(shown)
      else if (!startLine.startsWith('ACK')) this.requests.push(shown)
      if (shown.dialogId !== '') this.dialogIds.push(shown.dialogId)
    } else if (kind === 'response' && fields[3] === 'OK' && fields[10] !== undefined) {
      const shown = { txnId: fields[10], dialogId: fields[11] ?? '', startLine, cseq }
      if (startLine.startsWith('SIP/2.0')) this.dialogIds.push(shown.dialogId)
      else this.outgoing.push(shown)
    }
  }
}
