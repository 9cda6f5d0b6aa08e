import { Peer } from '../integration/sip-server/peer.ts'
import { newSrf, type SrfApp, type SrfDialog, type SrfRequest } from '../integration/sip-server/srf.ts'

/** A running SIP server that takes applications by drachtio's wire protocol. */
export interface SipServerUnderTest {
  readonly host: string
  readonly port: number
  readonly secret: string
}

export const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n'

/** Applications on a server, and peers of it on the network; all of them go at the end of a test. */
export class Stage {
  readonly #server: SipServerUnderTest
  readonly #apps: SrfApp[] = []
  readonly #peers: Peer[] = []
  /** The server's sockets as `udp/host:port`, once an application is connected. */
  hostports: readonly string[] = []

  constructor(server: SipServerUnderTest) {
    this.#server = server
  }

  /** A published drachtio-srf that the server has accepted. */
  async app(secret = this.#server.secret): Promise<SrfApp> {
    const srf = newSrf()
    srf.on('error', () => undefined)
    const connected = new Promise<string>((resolve, reject) => {
      srf.once('connect', (error, hostports) => {
        if (error instanceof Error) reject(error)
        else resolve(String(hostports))
      })
    })
    const { host, port } = this.#server
    srf.connect(Object.assign({ host, port, secret }, { reconnect: { maxAttempts: 1 } }))
    this.hostports = (await connected).split(',')
    this.#apps.push(srf)
    return srf
  }

  /** An application whose wish for these requests the server knows: what it says afterwards is answered in order. */
  async appFor(install: (srf: SrfApp) => void): Promise<SrfApp> {
    const srf = await this.app()
    install(srf)
    const peer = await this.peer()
    const asked = srf.request(`sip:${peer.address}`, { method: 'OPTIONS' })
    peer.send(peer.response(await peer.nextRequest('OPTIONS'), 200, 'OK'))
    await asked
    return srf
  }

  /** Host and port of a socket of the server. */
  place(protocol: 'udp' | 'tcp'): string {
    const found = this.hostports.find((one) => one.startsWith(`${protocol}/`))
    if (found === undefined) throw new Error(`no ${protocol} in ${this.hostports.join()}`)
    return found.slice(protocol.length + 1)
  }

  /** A SIP peer by hand, by UDP. */
  async peer(): Promise<Peer> {
    const peer = await Peer.open(this.place('udp'))
    this.#peers.push(peer)
    return peer
  }

  /** Takes an application away; resolves when its connection is closed. */
  async leave(srf: SrfApp): Promise<void> {
    const closed = new Promise<void>((resolve) => srf.once('close', () => resolve()))
    this.#apps.splice(this.#apps.indexOf(srf), 1)
    srf.disconnect()
    await closed
  }

  async clear(): Promise<void> {
    for (const srf of [...this.#apps]) await this.leave(srf)
    for (const peer of this.#peers.splice(0)) peer.close()
  }
}

/** Calls that come in are answered; each dialog in the order of the calls. */
export function answering(dialogs: SrfDialog[]): (srf: SrfApp) => void {
  return (srf) =>
    srf.invite((req, res) => {
      void srf.createUAS(req, res, { localSdp: SDP }).then((dialog) => dialogs.push(dialog))
    })
}

/** Calls from the peer, which acknowledges the 200: the INVITE and the 200. */
export async function call(peer: Peer, headers: Readonly<Record<string, string>> = {}) {
  const invite = peer.request('INVITE', headers, SDP)
  peer.send(invite)
  const answer = await peer.nextResponse(200, 'INVITE')
  peer.send(peer.ack(invite, answer))
  return { invite, answer }
}

export const heard = (dialog: SrfDialog, event: string): Promise<SrfRequest> =>
  new Promise((resolve) => dialog.once(event, (req) => resolve(req)))
