import { formatHostPort } from '../../lib/config/addresses.ts'
import type { Config } from '../../lib/config/resolve.ts'
import type { Parts } from '../parts.ts'
import type { TlsMaterial } from '../sip/server.ts'
import { VERSION } from '../version.ts'
import { certificateEnds } from './certificate-ends.ts'
import { EmbeddedSip } from './embedded-sip.ts'
import { SipAccess } from './sip-access.ts'
import { SipLink } from './sip-link.ts'
import type { Sip, SipOptions } from './sip-side.ts'
import { startDrachtio } from './start-drachtio.ts'
import { embeddedStrangers } from './strangers.ts'
import { readTls, TlsWatch } from './tls-files.ts'

/** Starts the SIP server of the config, or finds it, and connects to it as its application. The one place that asks which it is. */
export async function startSip(options: SipOptions, parts: Parts): Promise<Sip> {
  const { engine } = options.config.sip
  const sip = await (engine.kind === 'embedded' ? startEmbedded(options, parts) : startDrachtio(engine, options, parts))
  sip.link.onState((state) => {
    if (state.up) options.emit({ event: 'sip.recovered', server: state.server })
    else options.emit({ event: 'sip.degraded', level: 'error', reason: state.reason })
  })
  return sip
}

async function startEmbedded({ config, log, trusted }: SipOptions, parts: Parts): Promise<Sip> {
  const access = new SipAccess(config, trusted, (snapshot) => server.setAccess(snapshot))
  const tls = openTls(config)
  let certificates = tls === null ? [] : certificateEnds(tls)
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
        certificates = certificateEnds(material)
        log.log.info('new certificates are shown on tls sockets')
      },
      onFault: (fault) => log.log.error({ fault }, 'the certificates on disk cannot be used; the old ones stay'),
    })
    parts.add('watch over certificates', () => watch.close())
  }

  const { adminPort: port, secret } = server
  const connected = await SipLink.connect({ servers: [{ host: '127.0.0.1', port, secret }] })
  if (!connected.ok) throw connected.error
  const link = connected.value
  parts.add('SIP link', () => link.close())
  return {
    link,
    access,
    strangers: embeddedStrangers(server),
    embedded: {
      place: { kind: 'drachtio', servers: [{ host: '127.0.0.1', port }], secret, tls: false, ca: null },
      judgeGuest: (address, verdict) => server.judgeGuest(address, verdict),
    },
    counters: () => server.counters,
    certificates: () => certificates,
    onTrace: (listener) => server.onTrace(listener),
  }
}

/** Null where no socket speaks TLS. */
function openTls({ sip }: Config): TlsMaterial | null {
  if (sip.tls === null || !sip.listen.some(({ protocol }) => protocol === 'tls')) return null
  const read = readTls(sip.tls)
  if (!read.ok) throw new Error(read.error)
  return read.value
}
