import { lookup, resolveSrv } from 'node:dns/promises'
import { type HostPort, isIp, type SipAddress, type SipTransport } from '../../lib/config/addresses.ts'
import type { Config, TrunkConfig } from '../../lib/config/resolve.ts'
import { explainNetworkError, type Finding } from './finding.ts'
import { pingOptions } from './options-ping.ts'

const DEFAULT_PORT = { udp: 5060, tcp: 5060, tls: 5061 } as const

/** Each target of each trunk: resolved, and asked by OPTIONS. A name that leads nowhere is an error, silence a warning. */
export async function checkTrunks({ trunks }: Config): Promise<readonly Finding[]> {
  const checks = trunks.flatMap((trunk) =>
    trunk.targets.length === 0 ? [noTargets(trunk)] : trunk.targets.map(({ uri }) => checkTarget(trunk, uri)),
  )
  return Promise.all(checks)
}

async function noTargets({ id }: TrunkConfig): Promise<Finding> {
  return { subject: 'trunk', name: id, status: 'ok', detail: 'has no targets: calls only come in on it' }
}

async function checkTarget(trunk: TrunkConfig, uri: SipAddress): Promise<Finding> {
  const base = { subject: 'trunk', name: `${trunk.id}: ${uri.text}` } as const
  const transport = uri.transport ?? trunk.transport ?? 'udp'
  let places: readonly HostPort[]
  try {
    places = await resolveTarget(uri, transport)
  } catch (cause) {
    return { ...base, status: 'error', detail: `${uri.host}: ${explainNetworkError(cause)}` }
  }
  const [first] = places
  if (first === undefined) return { ...base, status: 'error', detail: `${uri.host} resolves to no address` }
  const where = uri.host === first.host ? '' : `${first.host}:${first.port} `
  if (!trunk.probe.enabled) return { ...base, status: 'ok', detail: `${where}not asked, as its probe is off`.trim() }
  try {
    return {
      ...base,
      status: 'ok',
      detail: `${where}answers ${await pingOptions({ ...first, transport, uri: uri.text })}`,
    }
  } catch (cause) {
    return { ...base, status: 'warning', detail: `${where}${explainNetworkError(cause)}` }
  }
}

/** Where a target is, best first: SRV where the URI has neither address nor port, else A or AAAA (RFC 3263 §4.2). */
async function resolveTarget({ host, port }: SipAddress, transport: SipTransport): Promise<readonly HostPort[]> {
  if (isIp(host)) return [{ host, port: port ?? DEFAULT_PORT[transport] }]
  const named = port === null ? await resolveService(host, transport) : []
  const names = named.length > 0 ? named : [{ host, port: port ?? DEFAULT_PORT[transport] }]
  const found = await Promise.all(
    names.map(async (place) =>
      (await lookup(place.host, { all: true })).map(({ address }) => ({ host: address, port: place.port })),
    ),
  )
  return found.flat()
}

async function resolveService(host: string, transport: SipTransport): Promise<readonly HostPort[]> {
  const service = transport === 'tls' ? `_sips._tcp.${host}` : `_sip._${transport}.${host}`
  // No SRV record is no fault: then the name itself has the address.
  const records = await resolveSrv(service).catch(() => [])
  return records
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    .map(({ name, port }) => ({ host: name, port }))
}
