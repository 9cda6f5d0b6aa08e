import type { Answer } from 'dns-packet'
import { foldName, RCODE } from './codec.ts'

/** The zone by which carriers find the fleet: SRV records that list the nodes that would serve a call (RFC 2782, RFC 3263). */

/** A node as the zone tells of it. */
export interface ZoneNode {
  readonly id: string
  readonly region: string
  /** An IP address, or a host name that has its own records elsewhere. */
  readonly address: string
  readonly sockets: readonly ZoneSocket[]
  /** `hindered`: full, without agents or store, or not heard over SIP. `leaving`: it drains. */
  readonly state: 'serving' | 'hindered' | 'leaving'
  /** Calls that it has room for. */
  readonly freeCalls: number
  /** It answers for the zone too. */
  readonly servesDns: boolean
}

export interface ZoneSocket {
  readonly transport: 'udp' | 'tcp' | 'tls'
  readonly port: number
}

export interface ZoneView {
  /** Without a dot at its end. */
  readonly zone: string
  /** The node that answers, which is among the nodes. */
  readonly self: string
  /** Every node that lives. */
  readonly nodes: readonly ZoneNode[]
  /** Of the SOA: any figure that grows. */
  readonly serial: number
}

export interface ZoneAnswer {
  readonly rcode: number
  /** False: the name is none of ours. */
  readonly authoritative: boolean
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
}

/** Who may take calls changes from one heartbeat to the next; where a node is, hardly ever. */
export const TTL_S = { nodes: 5, fixed: 60 } as const
/** SRV priorities: the region of the node that answers comes first. */
const PRIORITY = { ownRegion: 10, otherRegion: 20 } as const
/** Nodes in one answer, the best of them: more than a carrier will try, and a datagram holds. */
const MAX_NODES = 16
const MAX_WEIGHT = 65_535

const SERVICES = [
  { transport: 'udp', prefix: '_sip._udp', naptr: 'SIP+D2U' },
  { transport: 'tcp', prefix: '_sip._tcp', naptr: 'SIP+D2T' },
  { transport: 'tls', prefix: '_sips._tcp', naptr: 'SIPS+D2T' },
] as const

/** Whether a name is the zone's, or one below it. */
export const isInZone = (name: string, zone: string): boolean =>
  foldName(name) === zone || foldName(name).endsWith(`.${zone}`)

/** What the zone says to a question of class IN. No nodes, no answer: but the one that answers is always one of them. */
export function answerQuestion(
  { name, type }: { readonly name: string; readonly type: string },
  view: ZoneView,
): ZoneAnswer {
  if (!isInZone(name, view.zone)) return { ...NOTHING, rcode: RCODE.refused, authoritative: false }
  const names = nodeNames(view)
  const below = foldName(name).slice(0, -view.zone.length - 1)
  if (below === '') return fromApex(type, view, names)
  const service = SERVICES.find(({ prefix }) => prefix === below)
  if (service !== undefined) return type === 'SRV' ? services(service, view, names) : noData(view, names)
  // Names between the zone and its services exist, and have no records (RFC 8020).
  if (SERVICES.some(({ prefix }) => prefix.endsWith(`.${below}`))) return noData(view, names)
  const node = view.nodes.find(({ id }) => names.get(id) === foldName(name))
  if (node === undefined) return { ...noData(view, names), rcode: RCODE.nxDomain }
  return found(addressRecords(node, names, type), view, names)
}

const NOTHING = { rcode: RCODE.noError, authoritative: true, answers: [], authorities: [], additionals: [] } as const

const found = (
  answers: readonly Answer[],
  view: ZoneView,
  names: Names,
  additionals: readonly Answer[] = [],
): ZoneAnswer => (answers.length === 0 ? noData(view, names) : { ...NOTHING, answers, additionals })

const noData = (view: ZoneView, names: Names): ZoneAnswer => ({ ...NOTHING, authorities: [soa(view, names)] })

function fromApex(type: string, view: ZoneView, names: Names): ZoneAnswer {
  switch (type) {
    case 'SOA':
      return { ...NOTHING, answers: [soa(view, names)] }
    case 'NS': {
      const servers = view.nodes.filter(({ id, servesDns }) => servesDns || id === view.self).slice(0, MAX_NODES)
      const answers = servers.map((node): Answer => ({ ...fixed(view.zone), type: 'NS', data: nameOf(node, names) }))
      return found(
        answers,
        view,
        names,
        servers.flatMap((node) => addressRecords(node, names)),
      )
    }
    case 'NAPTR':
      return found(naptrs(view), view, names)
    case 'A':
    case 'AAAA':
      return found(addressesOfZone(type, view, names), view, names)
    default:
      return noData(view, names)
  }
}

/** For callers that know no SRV: the nodes that take calls where such callers send them, udp port 5060 (RFC 3263 §4.2). */
function addressesOfZone(type: 'A' | 'AAAA', view: ZoneView, names: Names): readonly Answer[] {
  return rank(view, ({ transport, port }) => transport === 'udp' && port === 5060)
    .flatMap(({ node }) => addressRecords(node, names, type))
    .map((record) => ({ ...record, name: view.zone, ttl: TTL_S.nodes }))
}

function services({ transport, prefix }: (typeof SERVICES)[number], view: ZoneView, names: Names): ZoneAnswer {
  const ranked = rank(view, (socket) => socket.transport === transport)
  const answers = ranked.map(({ node, port, priority, weight }): Answer => {
    const data = { priority, weight, port, target: nameOf(node, names) }
    return { type: 'SRV', name: `${prefix}.${view.zone}`, ttl: TTL_S.nodes, data }
  })
  return found(
    answers,
    view,
    names,
    ranked.flatMap(({ node }) => addressRecords(node, names)),
  )
}

interface Ranked {
  readonly node: ZoneNode
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/**
 * The nodes that are told, the best first. Only where none would serve a call, those that are hindered; only where there are none of
 * these either, those that leave: a carrier that finds nobody has nobody to try, and one that finds a full node gets a 302.
 */
function rank({ nodes, self }: ZoneView, fits: (socket: ZoneSocket) => boolean): readonly Ranked[] {
  const region = nodes.find(({ id }) => id === self)?.region
  const reachable = nodes.flatMap((node) => {
    const socket = node.sockets.find(fits)
    return socket === undefined ? [] : [{ node, port: socket.port }]
  })
  const best = (['serving', 'hindered', 'leaving'] as const)
    .map((state) => reachable.filter(({ node }) => node.state === state))
    .find((some) => some.length > 0)
  return (best ?? [])
    .map(({ node, port }) => ({
      node,
      port,
      priority: node.region === region ? PRIORITY.ownRegion : PRIORITY.otherRegion,
      weight: Math.min(Math.max(Math.floor(node.freeCalls), 1), MAX_WEIGHT),
    }))
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight || (a.node.id < b.node.id ? -1 : 1))
    .slice(0, MAX_NODES)
}

/** UDP before TCP: what every carrier speaks. Transports that no node has are not offered. */
function naptrs(view: ZoneView): readonly Answer[] {
  return SERVICES.flatMap(({ transport, prefix, naptr }, i): readonly Answer[] => {
    if (rank(view, (socket) => socket.transport === transport).length === 0) return []
    const rule = { order: 10, preference: 10 * (i + 1), flags: 's', services: naptr, regexp: '' }
    return [{ ...fixed(view.zone), type: 'NAPTR', data: { ...rule, replacement: `${prefix}.${view.zone}` } }]
  })
}

function soa(view: ZoneView, names: Names): Answer {
  const own = view.nodes.find(({ id }) => id === view.self)
  const data = {
    mname: own === undefined ? view.zone : nameOf(own, names),
    rname: `hostmaster.${view.zone}`,
    serial: view.serial,
    ...{ refresh: 60, retry: 60, expire: 3_600, minimum: TTL_S.nodes },
  }
  return { type: 'SOA', name: view.zone, ttl: TTL_S.nodes, data }
}

const fixed = (name: string): { readonly name: string; readonly ttl: number } => ({ name, ttl: TTL_S.fixed })

/** Of one type, or of whichever the address is. A node that is known by a host name has none here. */
function addressRecords({ id, address }: ZoneNode, names: Names, only?: string): readonly Answer[] {
  const name = names.get(id)
  const type = address.includes(':') ? 'AAAA' : 'A'
  if (name === undefined || (only !== undefined && only !== type)) return []
  return [{ ...fixed(name), type, data: address }]
}

/** The name of each node that has an IP address, by its id. */
type Names = ReadonlyMap<string, string>

const nameOf = ({ id, address }: ZoneNode, names: Names): string => names.get(id) ?? address

const isIpAddress = (address: string): boolean => address.includes(':') || /^\d+(?:\.\d+){3}$/.test(address)

/** A node's id as a label; where two ids make the same one, they are numbered in the order of the ids. */
function nodeNames({ nodes, zone }: ZoneView): Names {
  const names = new Map<string, string>()
  const taken = new Set<string>()
  for (const { id, address } of nodes.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (!isIpAddress(address)) continue
    const label =
      id
        .toLowerCase()
        .replace(/[^a-z0-9-]/g, '-')
        .replace(/^-+|-+$/g, '') || 'node'
    let free = label
    for (let i = 2; taken.has(free); i += 1) free = `${label.slice(0, 58)}-${i}`
    taken.add(free)
    names.set(id, `${free}.${zone}`)
  }
  return names
}
