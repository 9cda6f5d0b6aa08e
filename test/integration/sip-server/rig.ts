import { type SipServer, type SipServerOptions, startSipServer } from '../../../app/sip/server.ts'
import { newSrf, type SrfApp } from './srf.ts'

/** Fast enough for tests, slow enough for a busy machine: 64*T1 is 3.2 s. */
export const FAST_TIMERS = { t1Ms: 50, t2Ms: 200, t4Ms: 250 } as const

const SECRET = 'cymru'

/** An SDP that nobody plays. */
export const sdp = (port: number): string =>
  `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\na=sendrecv\r\n`

/** A SIP server with one published drachtio-srf on it. */
export interface Station {
  readonly server: SipServer
  readonly srf: SrfApp
  /** `127.0.0.1:port` of its socket. */
  address(protocol?: 'udp' | 'tcp' | 'tls'): string
  close(): Promise<void>
}

export async function station(options: Partial<SipServerOptions> = {}): Promise<Station> {
  const server = await startSipServer({
    listen: ['udp:127.0.0.1:0', 'tcp:127.0.0.1:0'],
    secret: SECRET,
    allowAll: true,
    timers: FAST_TIMERS,
    ...options,
  })
  const srf = await connect(server)
  return {
    server,
    srf,
    address: (protocol = 'udp') => addressOf(server, protocol),
    close: async () => {
      srf.disconnect()
      await server.close()
    },
  }
}

/** Another application on a server. */
export async function connect(server: SipServer): Promise<SrfApp> {
  const srf = newSrf()
  srf.on('error', () => {})
  const connected = new Promise<void>((resolve) => srf.once('connect', () => resolve()))
  srf.connect({ host: '127.0.0.1', port: server.adminPort, secret: SECRET })
  await connected
  return srf
}

export function addressOf(server: SipServer, protocol: 'udp' | 'tcp' | 'tls'): string {
  const hostport = server.hostports.find((one) => one.startsWith(`${protocol}/`))
  if (hostport === undefined) throw new Error(`the server has no ${protocol} socket: ${server.hostports.join()}`)
  return hostport.slice(protocol.length + 1)
}

/** Waits until a condition holds that no event announces; fails after five seconds. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const deadlineMs = Date.now() + 5000; Date.now() < deadlineMs; ) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`never happened: ${what}`)
}

/** Waits until nothing of any call is left in the server's tables. */
export async function emptied(server: SipServer): Promise<void> {
  let last = ''
  await eventually('all tables empty', async () => {
    const { serverTransactions, clientTransactions, dialogs, pendingRequests, ...others } = await server.counters()
    const { outgoingRequests, proxiedRequests, timers } = others
    const ofCalls = { dialogs, pendingRequests, outgoingRequests, proxiedRequests }
    const left = { serverTransactions, clientTransactions, ...ofCalls, timers }
    last = JSON.stringify(left)
    return Object.values(left).every((count) => count === 0) ? true : undefined
  }).catch((cause: unknown) => {
    throw new Error(`left over: ${last}`, { cause })
  })
}
