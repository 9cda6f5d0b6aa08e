/** A SIP message that passed the wire, as far as drachtio's frames tell. Addresses are `host:port`. */
export interface WireTraceMessage {
  readonly direction: 'in' | 'out'
  readonly protocol: 'udp' | 'tcp' | 'tls'
  readonly local: string
  readonly remote: string
  readonly callId: string
  readonly message: string
}

/** Requests on their way whose next hop is remembered, and peers of calls; beyond it the oldest is forgotten. */
const MAX_REMEMBERED = 4_096

/**
 * Reads SIP messages out of the frames that an application and drachtio-server exchange: what came from the network, and what the
 * server says it has really sent. A 100, the ACK of a refusal, what answers a CANCEL and retransmissions stay inside the server.
 */
export class WireTrace {
  readonly #hostports: readonly string[]
  /** Next hops of requests that were handed over, by the id of their frame. */
  readonly #hops = new Map<string, string>()
  /** Where messages of a Call-ID came from last: the frame of a sent request says where it left from, not where it went. */
  readonly #peers = new Map<string, string>()

  /** @param hostports the server's sockets as `udp/192.0.2.1:5060` */
  constructor(hostports: readonly string[]) {
    this.#hostports = hostports
  }

  /** A payload that the application sends: `ID|sip|TXN|DIALOG|NEXT HOP`, CRLF and a message. */
  sending(payload: string): void {
    const [id, command, , , nextHop] = headOf(payload).split('|')
    const hop = command === 'sip' && nextHop !== undefined ? placeOfUri(nextHop) : null
    if (id !== undefined && hop !== null) remember(this.#hops, id, hop)
  }

  /** A payload that the server sends; null where it tells of no message on the network. */
  received(payload: string): WireTraceMessage | null {
    const head = headOf(payload)
    const fields = head.split('|')
    const message = payload.slice(head.length + 2)
    const callId = callIdOf(message)
    if (callId === undefined) return null
    if (fields[1] === 'sip') return this.#passed(fields, message, callId)
    if (fields[1] !== 'response') return null
    const hop = this.#hops.get(fields[2] ?? '')
    this.#hops.delete(fields[2] ?? '')
    return fields[3] === 'OK' && fields[4] === 'application' ? this.#sent(fields.slice(4), message, callId, hop) : null
  }

  /** `sip|SOURCE|BYTES|PROTOCOL|HOST|PORT|TIME|TXN|DIALOG|LOCAL HOST|LOCAL PORT|` */
  #passed(fields: readonly string[], message: string, callId: string): WireTraceMessage | null {
    const [, , source, , , host = '', port = '', , , , localHost, localPort] = fields
    // What the server made itself, for want of an answer, has no peer.
    if (host === '' || port === '0') return null
    const protocol = protocolOf(fields[4], message)
    const remote = hostPort(host, port)
    if (source === 'application')
      return { direction: 'out', protocol, local: this.#local(protocol), remote, callId, message }
    remember(this.#peers, callId, remote)
    const local = localHost && localPort ? hostPort(localHost, localPort) : this.#local(protocol)
    return { direction: 'in', protocol, local, remote, callId, message }
  }

  /** `SOURCE|BYTES|PROTOCOL|HOST|PORT|…`: of a response the peer's address, of a request the server's own. */
  #sent(
    [, , protocolField, host = '', port = '']: readonly string[],
    message: string,
    callId: string,
    hop: string | undefined,
  ): WireTraceMessage {
    const protocol = protocolOf(protocolField, message)
    const base = { direction: 'out', protocol, callId, message } as const
    if (message.startsWith('SIP/2.0 ')) return { ...base, local: this.#local(protocol), remote: hostPort(host, port) }
    const local = host === '' ? this.#local(protocol) : hostPort(host, port)
    const remote = hop ?? this.#peers.get(callId) ?? placeOfUri(message.split(' ', 2)[1] ?? '') ?? ''
    return { ...base, local, remote }
  }

  #local(protocol: string): string {
    return this.#hostports.find((each) => each.startsWith(`${protocol}/`))?.slice(protocol.length + 1) ?? ''
  }
}

function headOf(payload: string): string {
  const end = payload.indexOf('\r')
  return end < 0 ? payload : payload.slice(0, end)
}

const callIdOf = (message: string): string | undefined => /^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)/im.exec(message)?.[1]

const hostPort = (host: string, port: string): string =>
  `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`

/** A field may be empty; then the topmost Via says it. */
function protocolOf(field: string | undefined, message: string): WireTraceMessage['protocol'] {
  const word = field || /^(?:Via|v)[ \t]*:[ \t]*SIP[ \t]*\/[ \t]*2\.0[ \t]*\/[ \t]*(\w+)/im.exec(message)?.[1] || 'udp'
  const found = (['udp', 'tcp', 'tls'] as const).find((one) => one === word.toLowerCase())
  return found ?? 'udp'
}

/** `host:port` of a SIP URI; null where it is none. */
function placeOfUri(uri: string): string | null {
  const match = /^<?(sips?):(?:[^@>]*@)?(\[[^\]]*\]|[^:;?>]+)(?::(\d+))?/i.exec(uri)
  if (match === null) return null
  const [, scheme = '', host = '', port] = match
  return `${host}:${port ?? (scheme.toLowerCase() === 'sips' ? '5061' : '5060')}`
}

function remember(map: Map<string, string>, key: string, value: string): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.size > MAX_REMEMBERED ? map.keys() : []
  if (oldest !== undefined) map.delete(oldest)
}
