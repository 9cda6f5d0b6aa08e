import { formatHostPort } from '../../lib/config/addresses.ts'
import type { Config } from '../../lib/config/resolve.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import type { TlsMaterial } from '../sip/server.ts'
import { VERSION } from '../version.ts'
import { EmbeddedSip } from './embedded-sip.ts'
import { SipAccess, type Trusted } from './sip-access.ts'
import { SipLink } from './sip-link.ts'
import { readTls, TlsWatch } from './tls-files.ts'

export interface SipOptions {
  readonly config: Config
  readonly log: Log
  readonly trusted: Trusted
}

/** The SIP side of a running node. */
export interface Sip {
  readonly server: EmbeddedSip
  readonly link: SipLink
  readonly access: SipAccess
}

/** Starts the SIP server and connects to it as its application. */
export async function startSip({ config, log, trusted }: SipOptions, parts: Parts): Promise<Sip> {
  const access = new SipAccess(config, trusted, (snapshot) => server.setAccess(snapshot))
  const tls = openTls(config)
  const server = await EmbeddedSip.start(
    {
      listen: config.sip.listen.map(({ protocol, ...address }) => `${protocol}:${formatHostPort(address)}`),
      tls,
      advertise: config.node.address,
      userAgent: `Tandem/${VERSION}`,
      onLost: (error) => log.log.error({ err: error }, 'the SIP server was lost and is started anew'),
    },
    access.snapshot,
  )
  parts.add('SIP server', () => server.close())
  if (tls !== null && config.sip.tls !== null) {
    const watch = new TlsWatch({
      config: config.sip.tls,
      material: tls,
      onRenewed: (material) => {
        server.renewTls(material)
        log.log.info('new certificates are shown on tls sockets')
      },
      onFault: (fault) => log.log.error({ fault }, 'the certificates on disk cannot be used; the old ones stay'),
    })
    parts.add('watch over certificates', () => watch.close())
  }

  const connected = await SipLink.connect({ host: '127.0.0.1', port: server.adminPort, secret: server.secret })
  if (!connected.ok) throw connected.error
  const link = connected.value
  parts.add('SIP link', () => link.close())
  return { server, link, access }
}

/** Null where no socket speaks TLS. */
function openTls({ sip }: Config): TlsMaterial | null {
  if (sip.tls === null || !sip.listen.some(({ protocol }) => protocol === 'tls')) return null
  const read = readTls(sip.tls)
  if (!read.ok) throw new Error(read.error)
  return read.value
}
