import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { HostPort, SipTransport } from '../../lib/config/addresses.ts'

/** Where to ask, and the name that the URI has for it. */
export interface PingTarget extends HostPort {
  readonly transport: SipTransport
  readonly uri: string
}

const TIMEOUT_MS = 2_000
/** Timer E of RFC 3261 §17.1.2.2 in its beginning: 500 ms, doubled. */
const RETRANSMIT_AT_MS = [500, 1_500]
const MAX_ANSWER_BYTES = 65_536

/** One OPTIONS to a target (RFC 3261 §11). The status line of the answer; rejects where none comes within two seconds. */
export function pingOptions(target: PingTarget): Promise<string> {
  return target.transport === 'udp' ? pingUdp(target) : pingStream(target)
}

function optionsRequest({ transport, uri }: PingTarget, local: string): string {
  const branch = `z9hG4bK${randomBytes(9).toString('hex')}`
  return [
    `OPTIONS ${uri} SIP/2.0`,
    `Via: SIP/2.0/${transport.toUpperCase()} ${local};branch=${branch};rport`,
    'Max-Forwards: 70',
    `From: <sip:check@${local}>;tag=${randomBytes(6).toString('hex')}`,
    `To: <${uri}>`,
    `Call-ID: ${randomBytes(12).toString('hex')}`,
    'CSeq: 1 OPTIONS',
    `Contact: <sip:check@${local};transport=${transport}>`,
    'Accept: application/sdp',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n')
}

/** The final status line in what has come back; undefined where there are only 1xx yet, or no answer at all. */
function finalStatus(text: string): string | undefined {
  return /^SIP\/2\.0 ([2-6]\d\d[^\r\n]*)\r?\n/m.exec(text)?.[1]
}

function formatLocal(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function pingUdp(target: PingTarget): Promise<string> {
  const socket = createSocket(target.host.includes(':') ? 'udp6' : 'udp4')
  const timers: NodeJS.Timeout[] = []
  const answer = new Promise<string>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data) => {
      const status = finalStatus(data.toString('latin1'))
      if (status !== undefined) resolve(status)
    })
    // A connected socket hears of a closed port by ICMP at once.
    socket.connect(target.port, target.host, () => {
      const { address, port } = socket.address()
      const request = optionsRequest(target, formatLocal(address, port))
      socket.send(request)
      timers.push(...RETRANSMIT_AT_MS.map((afterMs) => setTimeout(() => socket.send(request), afterMs)))
    })
    timers.push(setTimeout(() => reject(new Error(`no answer to OPTIONS within ${TIMEOUT_MS / 1_000} s`)), TIMEOUT_MS))
  })
  return answer.finally(() => {
    for (const timer of timers) clearTimeout(timer)
    socket.close()
  })
}

function pingStream(target: PingTarget): Promise<string> {
  const { host, port } = target
  const tls = target.transport === 'tls'
  // Whether its certificate is good is for the node to judge, with sip.tls.ca; here it only has to answer.
  const socket: Socket = tls ? connectTls({ host, port, rejectUnauthorized: false }) : connectTcp({ host, port })
  const answer = new Promise<string>((resolve, reject) => {
    let text = ''
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error(`no answer to OPTIONS within ${TIMEOUT_MS / 1_000} s`)))
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      socket.write(optionsRequest(target, formatLocal(socket.localAddress ?? '127.0.0.1', socket.localPort ?? 0)))
    })
    socket.on('data', (data) => {
      text += data.toString('latin1')
      const status = finalStatus(text)
      if (status !== undefined) resolve(status)
      else if (text.length > MAX_ANSWER_BYTES) reject(new Error('what answers there is no SIP server'))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed the connection without an answer')))
  })
  return answer.finally(() => socket.destroy())
}
