import type { Config } from '../../lib/config/resolve.ts'
import { respond } from '../../lib/dns/respond.ts'
import type { ZoneNode, ZoneSocket } from '../../lib/dns/zone.ts'
import type { Peer } from '../../lib/route/snapshot.ts'
import type { NodeEntry } from '../fleet/node-registry.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { DnsServer } from './dns-server.ts'

export interface ServeZoneOptions {
  readonly config: Config
  /** This node, as it is now. */
  readonly own: () => NodeEntry
  /** All nodes of the fleet that heartbeat. */
  readonly nodes: () => readonly NodeEntry[]
  /** Those of the others that answer SIP and would serve a call. */
  readonly serving: () => readonly Peer[]
  readonly log: Log
}

/** Starts to answer DNS for the fleet, where the config asks for it; null where it does not. Rejects where the address is taken. */
export async function serveZone(options: ServeZoneOptions, parts: Parts): Promise<DnsServer | null> {
  const { dns } = options.config
  if (dns === null) return null
  const server = await DnsServer.start({
    ...dns.listen,
    respond: (bytes, overTcp) =>
      respond(bytes, overTcp, {
        zone: dns.zone,
        self: options.own().id,
        nodes: zoneNodes(options),
        serial: Math.floor(Date.now() / 1_000),
      }),
    onError: (error) => options.log.log.warn({ err: error }, 'the DNS server could not answer'),
  })
  parts.add('DNS server', () => server.close())
  return server
}

/** This node and the others, each in the state that carriers are told. */
function zoneNodes({ own, nodes, serving }: Pick<ServeZoneOptions, 'own' | 'nodes' | 'serving'>): readonly ZoneNode[] {
  const self = own()
  const heard = new Set(serving().map(({ id }) => id))
  return [self, ...nodes().filter(({ id }) => id !== self.id)].map((entry) => ({
    id: entry.id,
    region: entry.region,
    address: entry.address,
    sockets: socketsOf(entry),
    state: stateOf(entry, entry === self || heard.has(entry.id)),
    freeCalls: entry.maxCalls - entry.calls,
    servesDns: entry.dns ?? false,
  }))
}

function stateOf({ state, impediments }: NodeEntry, answersSip: boolean): ZoneNode['state'] {
  if (state === 'draining') return 'leaving'
  return state === 'ready' && impediments.length === 0 && answersSip ? 'serving' : 'hindered'
}

/** A node of a version that does not tell its sockets tells one place. */
function socketsOf({ sockets, sip }: NodeEntry): readonly ZoneSocket[] {
  const texts = sockets ?? [`${sip.transport ?? 'udp'}/${sip.hostPort}`]
  return texts.flatMap((text) => {
    const [, transport, port] = /^(udp|tcp|tls)\/.*?(?::(\d+))?$/.exec(text) ?? []
    if (transport !== 'udp' && transport !== 'tcp' && transport !== 'tls') return []
    return [{ transport, port: Number(port ?? 5060) }]
  })
}
