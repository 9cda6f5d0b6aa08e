import type { Arrival } from '../../../app/sip/transport/transport.ts'
import type { SipMessage, SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import { parseMessage } from '../../../lib/sip/parser.ts'
import type { Protocol } from '../../../lib/sip/targets.ts'
import type { Sent } from '../../helpers/virtual-machine.ts'
import type { Prng } from '../prng.ts'

export const SERVER = '192.0.2.1'

const SDP = 'v=0\r\no=- 1 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n'

const NEW = [
  'INVITE',
  'INVITE',
  'INVITE',
  'INVITE',
  'OPTIONS',
  'REGISTER',
  'MESSAGE',
  'SUBSCRIBE',
  'NOTIFY',
  'REFER',
  'BYE',
  'UPDATE',
  'PRACK',
  'ACK',
  'CANCEL',
  'FOO',
]
const LATER = [
  'ACK',
  'ACK',
  'ACK',
  'PRACK',
  'PRACK',
  'BYE',
  'INVITE',
  'UPDATE',
  'INFO',
  'REFER',
  'NOTIFY',
  'MESSAGE',
  'CANCEL',
  'CANCEL',
  'OPTIONS',
]
const STATUSES = [
  100, 180, 180, 183, 183, 200, 200, 200, 202, 204, 301, 302, 302, 401, 407, 408, 422, 481, 486, 487, 491, 500, 503,
  600, 603, 699,
]

/** Headers that make a difference, each at times. */
const EXTRAS = [
  'Supported: 100rel, timer', 'Require: 100rel', 'Require: timer', 'Session-Expires: 90', 'Session-Expires: 1800;refresher=uas', 'Session-Expires: 10',
  'Min-SE: 120', 'Max-Breadth: 1', 'Max-Breadth: 0', 'Record-Route: <sip:198.51.100.3;lr>', 'Record-Route: <sip:strict.example.com>', 'Proxy-Require: foo',
  'Route: <sip:192.0.2.1;lr>', 'Route: <sip:198.51.100.2;lr>', 'Expires: 0', 'Event: dialog', 'Refer-To: <sip:c@198.51.100.3>', 'Replaces: a;to-tag=b;from-tag=c',
  'Authorization: Digest username="a", realm="b", nonce="c", uri="sip:x", response="0"', 'Path: <sip:198.51.100.3;lr>', 'Allow: UPDATE', 'Timestamp: 5',
] // biome-ignore format: a table

/** What a peer knows of a request of its own. */
interface Asked {
  readonly request: SipRequest
  readonly arrival: Arrival
}

/** Everybody out there: they know what the server has sent them, and say what fits it, more or less. */
export class Peers {
  readonly #prng: Prng
  readonly #asked: Asked[] = []
  readonly #requests: { readonly request: SipRequest; readonly sent: Sent }[] = []
  readonly #responses: { readonly response: SipResponse; readonly asked: Asked }[] = []
  #count = 0

  constructor(prng: Prng) {
    this.#prng = prng
  }

  /** Reads what the server has sent. */
  take(sent: readonly Sent[]): void {
    for (const one of sent) {
      const parsed = parseMessage(one.bytes)
      if (!parsed.ok) continue
      const message: SipMessage = parsed.value
      if (message.kind === 'request') this.#requests.push({ request: message, sent: one })
      else {
        const branch = message.topVia().params.get('branch')
        const asked = this.#asked.find(({ request }) => request.topVia().params.get('branch') === branch)
        if (asked !== undefined) this.#responses.push({ response: message, asked })
      }
    }
  }

  /** Something to say, and the way it takes. */
  speak(): { readonly bytes: Buffer; readonly arrival: Arrival } {
    const prng = this.#prng
    const request = this.#recent(this.#requests)
    const heard = this.#recent(this.#responses)
    const what = prng.below(10)
    if (request !== undefined && what < 4) return this.#answer(request.request, request.sent)
    if (heard !== undefined && what < 7) return this.#followUp(heard.response, heard.asked)
    const asked = this.#recent(this.#asked)
    if (asked !== undefined && what === 7) return { bytes: asked.request.serialize(), arrival: asked.arrival }
    if (request !== undefined && what === 8) return this.#callBack(request.request)
    return this.#ask()
  }

  #recent<T>(list: readonly T[]): T | undefined {
    return this.#prng.oneIn(5)
      ? list[this.#prng.below(list.length)]
      : (list.at(-1 - this.#prng.below(4)) ?? list.at(-1))
  }

  #arrival(
    number = 1 + this.#prng.below(4),
    protocol = this.#prng.pick<Protocol>(['udp', 'udp', 'udp', 'tcp', 'tls']),
  ): Arrival {
    return {
      protocol,
      localHost: SERVER,
      localPort: protocol === 'tls' ? 5061 : 5060,
      remoteHost: `198.51.100.${number}`,
      remotePort: 5060,
      flow: protocol === 'udp' ? undefined : 100 + number,
    }
  }

  #lines(wanted: readonly (string | false)[], body: string): Buffer {
    const prng = this.#prng
    const extras = Array.from({ length: prng.oneIn(2) ? prng.below(4) : 0 }, () => prng.pick(EXTRAS))
    const lines = [...wanted.filter((line) => line !== false), ...extras]
    if (body !== '') lines.push('Content-Type: application/sdp')
    return Buffer.from(`${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  }

  #via({ protocol, remoteHost }: Arrival, branch: string): string {
    return `Via: SIP/2.0/${protocol.toUpperCase()} ${remoteHost}:5060;branch=${branch}${this.#prng.oneIn(2) ? ';rport' : ''}`
  }

  #keep(bytes: Buffer, arrival: Arrival): { readonly bytes: Buffer; readonly arrival: Arrival } {
    const parsed = parseMessage(bytes)
    if (parsed.ok && parsed.value.kind === 'request') this.#asked.push({ request: parsed.value, arrival })
    return { bytes, arrival }
  }

  #branch(): string {
    this.#count += 1
    return this.#prng.oneIn(30) ? 'old' : `z9hG4bKp${this.#count}`
  }

  /** A request out of the blue. */
  #ask(): { readonly bytes: Buffer; readonly arrival: Arrival } {
    const prng = this.#prng
    const method = prng.pick(NEW)
    const arrival = this.#arrival()
    const host = prng.pick([`${SERVER}:5060`, SERVER, '198.51.100.2', 'example.com', `${SERVER};transport=tcp`])
    const callId = prng.oneIn(8) ? 'same' : `c${this.#count}@p`
    const bytes = this.#lines(
      [
        `${method} ${prng.oneIn(12) ? 'sips' : 'sip'}:bob@${host} SIP/2.0`,
        this.#via(arrival, this.#branch()),
        prng.oneIn(6) && 'Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKfar',
        `Max-Forwards: ${prng.pick([70, 70, 70, 1, 0])}`,
        `From: <sip:a@${arrival.remoteHost}>${prng.oneIn(12) ? '' : `;tag=${prng.pick(['f1', 'f2', `f${this.#count}`, '"x y"', 'a|b'])}`}`,
        `To: <sip:bob@${SERVER}>${prng.oneIn(12) ? ';tag=unknown' : ''}`,
        `Call-ID: ${callId}`,
        `CSeq: ${1 + prng.below(9)} ${method}`,
        method === 'INVITE' && prng.oneIn(2) && 'Supported: 100rel, timer',
        !prng.oneIn(12) && `Contact: <sip:a@${prng.pick([arrival.remoteHost, 'example.com', 'nowhere.invalid'])}:5060>`,
      ],
      prng.oneIn(2) ? SDP : '',
    )
    return this.#keep(bytes, arrival)
  }

  /** A response to what the server has sent. */
  #answer(request: SipRequest, { remote }: Sent): { readonly bytes: Buffer; readonly arrival: Arrival } {
    const prng = this.#prng
    const status = request.method === 'INVITE' || prng.oneIn(5) ? prng.pick(STATUSES) : 200
    const to = request.header('To') ?? ''
    const tag =
      to.includes(';tag=') || prng.oneIn(10) ? '' : `;tag=${prng.pick(['t1', 't1', 't1', 't2', 't3', '"t 4"'])}`
    const reliable = status > 100 && status < 200 && prng.oneIn(2)
    const number = 1 + prng.below(4)
    const bytes = this.#lines(
      [
        `SIP/2.0 ${status} Fuzz`,
        ...request.headers('Via').map((via) => `Via: ${via}`),
        ...request.headers('Record-Route').map((route) => `Record-Route: ${route}`),
        `From: ${request.header('From') ?? ''}`,
        `To: ${to}${tag}`,
        `Call-ID: ${request.callId}`,
        `CSeq: ${request.header('CSeq') ?? ''}`,
        !prng.oneIn(8) &&
          `Contact: <sip:b@198.51.100.${number}>${status >= 300 && status < 400 ? ', <sip:c@198.51.100.4>;q=0.1' : ''}`,
        reliable && `Require: 100rel\r\nRSeq: ${prng.pick([1, 2, 3, 4, 100])}`,
        status === 401 && 'WWW-Authenticate: Digest realm="r", nonce="n"',
        status === 407 && 'Proxy-Authenticate: Digest realm="r", nonce="n"',
      ],
      prng.oneIn(2) ? SDP : '',
    )
    return { bytes, arrival: this.#arrival(number, remote.protocol) }
  }

  /** A request after a response: in its dialog, or about the same transaction. */
  #followUp(response: SipResponse, { request, arrival }: Asked): { readonly bytes: Buffer; readonly arrival: Arrival } {
    const prng = this.#prng
    const reliable = response.header('RSeq')
    const method = reliable !== undefined && prng.oneIn(2) ? 'PRACK' : prng.pick(LATER)
    const same = method === 'CANCEL' || (method === 'ACK' && response.status >= 300)
    const seq = same || method === 'ACK' ? request.cseq().seq : request.cseq().seq + 1 + prng.below(6)
    const routes = response.headers('Record-Route').toReversed()
    const bytes = this.#lines(
      [
        `${method} ${prng.oneIn(2) ? request.uri : `sip:${SERVER}`} SIP/2.0`,
        same ? `Via: ${request.header('Via') ?? ''}` : this.#via(arrival, this.#branch()),
        'Max-Forwards: 70',
        ...(prng.oneIn(8) || same ? [] : routes.map((route) => `Route: ${route}`)),
        `From: ${request.header('From') ?? ''}`,
        `To: ${(method === 'CANCEL' ? request : response).header('To') ?? ''}`,
        `Call-ID: ${request.callId}`,
        `CSeq: ${seq} ${method}`,
        `Contact: <sip:a@${arrival.remoteHost}>`,
        method === 'PRACK' && `RAck: ${reliable ?? '1'} ${request.cseq().seq} INVITE`,
      ],
      prng.oneIn(3) ? SDP : '',
    )
    return this.#keep(bytes, prng.oneIn(10) ? this.#arrival() : arrival)
  }

  /** A request of the callee's in the dialog that the server's request may have opened. */
  #callBack(request: SipRequest): { readonly bytes: Buffer; readonly arrival: Arrival } {
    const prng = this.#prng
    const arrival = this.#arrival()
    const method = prng.pick(LATER)
    const to = request.header('To') ?? ''
    const bytes = this.#lines(
      [
        `${method} sip:${SERVER} SIP/2.0`,
        this.#via(arrival, this.#branch()),
        'Max-Forwards: 70',
        ...request.headers('Record-Route').map((route) => `Route: ${route}`),
        `From: ${to}${to.includes(';tag=') ? '' : `;tag=${prng.pick(['t1', 't1', 't2'])}`}`,
        `To: ${request.header('From') ?? ''}`,
        `Call-ID: ${request.callId}`,
        `CSeq: ${1 + prng.below(20)} ${method}`,
        `Contact: <sip:b@${arrival.remoteHost}>`,
      ],
      prng.oneIn(3) ? SDP : '',
    )
    return this.#keep(bytes, arrival)
  }
}
