import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { SipMessage, SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'

const PATIENCE_MS = 5000

/** A port is given out again: what tells a peer's transactions and calls from those of one before must not be its port. */
let peers = 0

/** A SIP peer by hand: a UDP socket that says exactly what a test wants, and nothing by itself. */
export class Peer {
  readonly #socket: Socket
  readonly #host: string
  readonly #target: { readonly host: string; readonly port: number }
  readonly received: SipMessage[] = []
  readonly startLines: string[] = []
  /** Hears of each request, beside who waits for it. */
  onRequest: (request: SipRequest) => void = () => undefined
  /** Messages that `next` has given out already. */
  #taken = 0
  readonly #waiting = new Set<() => void>()
  #closed = false
  readonly #id = ++peers
  #branch = 0

  static async open(target: string, host = '127.0.0.1'): Promise<Peer> {
    const socket = createSocket('udp4')
    socket.bind(0, host)
    await once(socket, 'listening')
    const [targetHost = '', port = ''] = target.split(':')
    return new Peer(socket, host, { host: targetHost, port: Number(port) })
  }

  private constructor(socket: Socket, host: string, target: { readonly host: string; readonly port: number }) {
    this.#socket = socket
    this.#host = host
    this.#target = target
    socket.on('message', (bytes) => {
      this.startLines.push(bytes.toString().split('\r\n', 1).join())
      // The answer to a malformed request gives its headers back as they came, malformed.
      const parsed = parseMessage(bytes)
      if (parsed.ok) this.received.push(parsed.value)
      if (parsed.ok && parsed.value.kind === 'request') this.onRequest(parsed.value)
      for (const wake of [...this.#waiting]) wake()
    })
  }

  get address(): string {
    return `${this.#host}:${this.#socket.address().port}`
  }

  /** A request of this peer; header lines given replace the usual ones of their name. */
  request(method: string, overrides: Readonly<Record<string, string>> = {}, body = ''): string {
    this.#branch += 1
    const headers: Record<string, string> = {
      Via: `SIP/2.0/UDP ${this.address};branch=z9hG4bK-${process.pid}-${this.#id}-${this.#branch};rport`,
      'Max-Forwards': '70',
      From: `<sip:alice@${this.address}>;tag=alice-${this.#branch}`,
      To: '<sip:bob@127.0.0.1>',
      'Call-ID': `call-${this.#id}-${this.#branch}@${this.address}`,
      CSeq: `${this.#branch} ${method}`,
      Contact: `<sip:alice@${this.address}>`,
      ...(body === '' ? {} : { 'Content-Type': 'application/sdp' }),
      ...overrides,
      'Content-Length': String(Buffer.byteLength(body)),
    }
    const lines = Object.entries(headers).filter(([, value]) => value !== '')
    return `${method} sip:bob@${this.#target.host}:${this.#target.port} SIP/2.0\r\n${lines
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n${body}`
  }

  /** The ACK of a 2xx, or of a failure with the INVITE's own branch. */
  ack(invite: string, response: SipResponse, branch: 'new' | 'same' = 'new'): string {
    return this.#following(invite, response, 'ACK', undefined, branch)
  }

  /** A later request in the dialog that the response opened. */
  inDialog(invite: string, response: SipResponse, method: string, seq: number, body = ''): string {
    return this.#following(invite, response, method, seq, 'new', body)
  }

  /** The CANCEL of an INVITE. */
  cancel(invite: string): string {
    return invite
      .replace(/^INVITE /, 'CANCEL ')
      .replace(/CSeq: (\d+) INVITE/, 'CSeq: $1 CANCEL')
      .replace(/Content-Type: .*\r\n/, '')
      .replace(/Content-Length: \d+\r\n\r\n[\s\S]*$/, 'Content-Length: 0\r\n\r\n')
  }

  /** A response to a request that this peer received. */
  response(request: SipRequest, status: number, reason: string, toTag = 'bob', headers = '', body = ''): string {
    const to = request.header('To') ?? ''
    return [
      `SIP/2.0 ${status} ${reason}`,
      ...request.headers('Via').map((via) => `Via: ${via}`),
      `From: ${request.header('From') ?? ''}`,
      `To: ${to}${/;tag=/.test(to) ? '' : `;tag=${toTag}`}`,
      `Call-ID: ${request.callId}`,
      `CSeq: ${request.header('CSeq') ?? ''}`,
      `Contact: <sip:bob@${this.address}>`,
      ...(headers === '' ? [] : [headers]),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n')
  }

  /** @param to `host:port`, where it is not the usual target */
  send(text: string, to = `${this.#target.host}:${this.#target.port}`): void {
    const [host = '', port = ''] = to.split(':')
    this.#socket.send(text, Number(port), host)
  }

  /** The next message that fits, in the order of arrival; earlier ones that do not fit are passed over. */
  async next<M extends SipMessage>(what: string, fits: (message: SipMessage) => M | undefined): Promise<M> {
    for (const deadlineMs = Date.now() + PATIENCE_MS; ; ) {
      while (this.#taken < this.received.length) {
        const message = this.received[this.#taken]
        this.#taken += 1
        const found = message === undefined ? undefined : fits(message)
        if (found !== undefined) return found
      }
      const leftMs = deadlineMs - Date.now()
      if (leftMs <= 0 || this.#closed) {
        const seen = this.received.map((message) => message.startLine).join('\n')
        throw new Error(`no ${what} came; received:\n${seen}`)
      }
      await this.#arrival(leftMs)
    }
  }

  nextRequest(method: string): Promise<SipRequest> {
    return this.next(method, (message) =>
      message.kind === 'request' && message.method === method ? message : undefined,
    )
  }

  nextResponse(status: number, method?: string): Promise<SipResponse> {
    return this.next(`${status}`, (message) => {
      if (message.kind !== 'response' || message.status !== status) return undefined
      return method === undefined || message.cseq().method === method ? message : undefined
    })
  }

  /** How many messages have come with this start of their first line. */
  count(start: string): number {
    return this.startLines.filter((line) => line.startsWith(start)).length
  }

  /** Who still waits for a message waits no longer. */
  close(): void {
    this.#closed = true
    this.#socket.close()
    for (const wake of [...this.#waiting]) wake()
  }

  #arrival(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, withinMs)
      this.#waiting.add(wake)
    })
  }

  #following(
    invite: string,
    response: SipResponse,
    method: string,
    seq: number | undefined,
    branch: 'new' | 'same',
    body = '',
  ): string {
    const line = (name: string): string => new RegExp(`^${name}: (.*)\\r$`, 'm').exec(invite)?.[1] ?? ''
    const inviteSeq = /^\d+/.exec(line('CSeq'))?.[0] ?? '0'
    return this.request(
      method,
      {
        ...(branch === 'same' ? { Via: line('Via') } : {}),
        From: line('From'),
        To: response.header('To') ?? '',
        'Call-ID': line('Call-ID'),
        CSeq: `${seq ?? inviteSeq} ${method}`,
      },
      body,
    )
  }
}
