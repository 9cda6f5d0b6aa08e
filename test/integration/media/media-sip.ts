import { EmbeddedSip } from '../../../app/signaling/embedded-sip.ts'
import { SipLink } from '../../../app/signaling/sip-link.ts'
import { HOST } from './media-fixture.ts'

/** A SIP server and our line to it, through which a media engine calls FreeSWITCH. */
export interface MediaSip {
  readonly link: SipLink
  close(): Promise<void>
}

export async function startMediaSip(): Promise<MediaSip> {
  const sip = await EmbeddedSip.start(
    { listen: [`udp:${HOST}:0`], tls: null, advertise: HOST, userAgent: 'Tandem/test', onLost: () => {} },
    { allowAll: false, sources: [], hosts: [], unknown: 'drop' },
  )
  const connected = await SipLink.connect({ servers: [{ host: HOST, port: sip.adminPort, secret: sip.secret }] })
  if (!connected.ok) throw connected.error
  const link = connected.value
  return {
    link,
    close: async () => {
      link.close()
      await sip.close()
    },
  }
}
