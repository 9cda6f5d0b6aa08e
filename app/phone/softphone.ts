import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { uriHost } from '../../lib/sip/uri.ts'
import { startMedia } from '../media/embedded/engine.ts'
import type { MediaEngine } from '../media/port.ts'
import { Parts } from '../parts.ts'
import { hostOfUri } from '../signaling/outgoing-invite.ts'
import { SipLink } from '../signaling/sip-link.ts'
import { type SipServer, startSipServer } from '../sip/server.ts'
import { VERSION } from '../version.ts'
import { phoneAddress } from './phone-address.ts'
import { type CallLine, PhoneCall, type PhoneOptions, type PhoneReport } from './phone-call.ts'
import { LineTimings } from './timings.ts'

export type { PhoneOptions, PhoneReport } from './phone-call.ts'

/** Its own range, away from that of a node on the same machine. */
const RTP_PORTS = { from: 28_000, to: 28_999 }

/** Places one call on a line of its own, and gives it back. */
export async function placeCall(options: PhoneOptions): Promise<PhoneReport> {
  const line = await PhoneLine.open(options.uri, options.seconds)
  try {
    return await line.call(options)
  } finally {
    await line.close()
  }
}

/** A SIP server and a media engine of the phone's own, for one call or several at a time. */
export class PhoneLine {
  readonly #parts: Parts
  readonly #line: CallLine

  private constructor(parts: Parts, line: CallLine) {
    this.#parts = parts
    this.#line = line
  }

  /** @param towards a SIP URI: packets leave from the address that reaches it. @param seconds that calls may take */
  static async open(towards: string, seconds: number): Promise<PhoneLine> {
    const target = hostOfUri(towards)
    if (target === null) throw new Error(`"${towards}" is no SIP URI; sip:+15550100@127.0.0.1:5060 is one`)
    const address = await localAddressTowards(target.host, target.port)
    const parts = new Parts(() => undefined)
    try {
      return new PhoneLine(parts, await openLine(address, seconds, parts))
    } catch (error) {
      await parts.close()
      throw error
    }
  }

  /** Places one call; resolves when it is over. */
  call(options: PhoneOptions): Promise<PhoneReport> {
    return new PhoneCall(options, this.#line).run()
  }

  close(): Promise<void> {
    return this.#parts.close()
  }
}

async function openLine(address: string, seconds: number, parts: Parts): Promise<CallLine> {
  const media: MediaEngine = await startMedia({
    address,
    rtpPorts: RTP_PORTS,
    workers: 1,
    codecs: ['PCMU', 'PCMA'],
    agentTalkerModule: null,
    silenceTimeoutMs: seconds * 1_000 + 60_000,
  })
  parts.add('media', () => media.close())
  const secret = randomBytes(16).toString('hex')
  const host = uriHost(address)
  const sip: SipServer = await startSipServer({
    listen: [`udp:${host}:0`, `tcp:${host}:0`],
    advertise: address,
    userAgent: `Tandem-phone/${VERSION}`,
    secret,
    unknown: 'drop',
    trace: true,
  })
  parts.add('SIP server', () => sip.close())
  const link = await SipLink.connect({ servers: [{ host: '127.0.0.1', port: sip.adminPort, secret }] })
  if (!link.ok) throw link.error
  parts.add('SIP link', () => link.value.close())
  const timings = new LineTimings()
  sip.onTrace((batch) => {
    for (const message of batch) timings.onMessage(message)
  })
  return { media, link: link.value, host, timingsOf: (sipCallId) => timings.take(sipCallId) }
}

/** The address of this machine that packets to a host leave from: what Contact and SDP must name. */
async function localAddressTowards(host: string, port: number): Promise<string> {
  const name = host.replace(/^\[|\]$/g, '')
  const socket = createSocket(name.includes(':') ? 'udp6' : 'udp4')
  try {
    // Connecting a UDP socket sends nothing; it only asks the routing table.
    socket.connect(port, name)
    await once(socket, 'connect')
    const { address } = socket.address()
    return phoneAddress(address)
  } finally {
    socket.close()
  }
}
