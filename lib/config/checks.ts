import { isLoopback } from './addresses.ts'
import { checkAgents } from './agent-checks.ts'
import { type Complaint, conflict, dangling, formatPath } from './problem.ts'
import { addressOf, type Environment } from './resolve.ts'
import { checkSbcs } from './sbc-checks.ts'
import type { ParsedConfig } from './schema.ts'
import { checkSrtp } from './srtp-checks.ts'
import { checkSources, checkTransports, checkTrunks } from './trunk-checks.ts'

/** What one key alone cannot show: references, duplicates, and keys that contradict each other. */
export function checkConfig(config: ParsedConfig, env: Environment): readonly Complaint[] {
  return [
    ...checkSockets(config),
    ...checkWorkers(config),
    ...checkNode(config),
    ...duplicates(
      config.http.keys.map(({ name }) => name),
      (i) => ['http', 'keys', i, 'name'],
      'key name',
    ),
    ...duplicates(
      config.http.keys.map(({ key }) => key),
      (i) => ['http', 'keys', i, 'key'],
      'secret',
      true,
    ),
    ...checkAgents(config, env),
    ...duplicates(
      config.trunks.map(({ id }) => id),
      (i) => ['trunks', i, 'id'],
      'trunk id',
    ),
    ...config.trunks.flatMap((trunk, i) => checkTrunks(trunk, i)),
    ...checkSources(config),
    ...checkTransports(config),
    ...checkSbcs(config),
    ...checkSrtp(config),
    ...checkGroups(config),
    ...duplicates(
      config.tenants.map(({ id }) => id),
      (i) => ['tenants', i, 'id'],
      'tenant id',
    ),
    ...checkTenants(config),
    ...checkNumbers(config),
  ]
}

type PathOf = (index: number) => readonly PropertyKey[]

function duplicates(values: readonly string[], path: PathOf, kind: string, hidden = false): Complaint[] {
  const first = new Map<string, number>()
  return values.flatMap((value, i) => {
    const before = first.get(value)
    if (before === undefined) first.set(value, i)
    if (before === undefined) return []
    return [
      conflict(path(i), `the same ${kind}${hidden ? '' : ` "${value}"`} stands at ${formatPath(path(before))} already`),
    ]
  })
}

function checkSockets({ sip, http, dns }: ParsedConfig): Complaint[] {
  const fixed = sip.listen.map(({ protocol, host, port }) => `${protocol === 'udp' ? 'udp' : 'tcp'}:${host}:${port}`)
  // Port 0 is any free port, so several sockets may ask for it.
  const shared = fixed.flatMap((address, i) => {
    const before = address.endsWith(':0') ? i : fixed.indexOf(address)
    return before < i ? [conflict(['sip', 'listen', i], `the same port as sip.listen[${before}]`)] : []
  })
  const withoutTls = sip.listen.flatMap(({ protocol }, i) =>
    protocol === 'tls' && sip.tls === null
      ? [conflict(['sip', 'listen', i], 'a tls socket needs sip.tls with cert and key')]
      : [],
  )
  const unverifiable = sip.tls?.verifyClient === true && sip.tls.ca === null
  const web = `tcp:${http.listen.host}:${http.listen.port}`
  const taken = http.listen.port !== 0 && fixed.includes(web)
  return [
    ...shared,
    ...withoutTls,
    ...(unverifiable
      ? [conflict(['sip', 'tls', 'verifyClient'], 'needs sip.tls.ca: whose certificates are good?')]
      : []),
    ...(taken ? [conflict(['http', 'listen'], 'the same port as a socket of sip.listen')] : []),
    ...(dns === null ? [] : checkDns(dns.listen, [...fixed, web])),
  ]
}

/** Each further process has an HTTP port above the node's, and a part of the RTP ports, which come in pairs. */
function checkWorkers({ sip, http, media, dns }: ParsedConfig): Complaint[] {
  const { workers } = sip
  const pairs = (media.rtpPorts.to + 1 - media.rtpPorts.from) / 2
  if (pairs < workers) {
    return [
      conflict(['sip', 'workers'], `more than the ${pairs} pairs of ports of media.rtpPorts, of which each needs one`),
    ]
  }
  const { host, port } = http.listen
  if (workers === 1 || port === 0) return []
  const taken = [...sip.listen.filter(({ protocol }) => protocol !== 'udp'), ...(dns === null ? [] : [dns.listen])]
  const above = taken.find((each) => each.host === host && each.port > port && each.port < port + workers)
  const last = port + workers - 1
  if (above === undefined && last <= 65_535) return []
  const why = above === undefined ? `and ${last} is none` : `and ${above.port} is taken`
  return [conflict(['sip', 'workers'], `the further processes need the ports above that of http.listen, ${why}`)]
}

/** @param taken `udp:HOST:PORT` or `tcp:HOST:PORT` of every other socket */
function checkDns(
  { protocol, host, port }: NonNullable<ParsedConfig['dns']>['listen'],
  taken: readonly string[],
): Complaint[] {
  const wanted = (protocol === 'udp' ? ['udp', 'tcp'] : ['tcp']).map((each) => `${each}:${host}:${port}`)
  const held = port === 0 ? undefined : wanted.find((each) => taken.includes(each))
  if (held === undefined) return []
  const words = `${held} is a socket of sip.listen or http.listen already (udp serves TCP on the same port too)`
  return [conflict(['dns', 'listen'], words)]
}

function checkNode({ node, sip, fleet }: ParsedConfig): Complaint[] {
  const complaints: Complaint[] = []
  if (fleet.leaseMs <= fleet.heartbeatMs) {
    complaints.push(
      conflict(['fleet', 'lease'], 'must be longer than fleet.heartbeat, or every node looks dead between two beats'),
    )
  }
  if (sip.retryAfter.minMs > sip.retryAfter.maxMs) {
    complaints.push(conflict(['sip', 'retryAfter', 'min'], 'is greater than sip.retryAfter.max'))
  }
  const address = addressOf({ node, sip })
  const open = sip.listen.some(({ host }) => !isLoopback(host))
  if (open && isLoopback(address) && sip.listen.every(({ host }) => !isLoopback(host))) {
    const message = `others are told ${address}, which only this machine can reach, while sip.listen is open to others`
    complaints.push(conflict(['node', 'address'], message))
  }
  return complaints
}

function checkGroups({ groups, trunks }: ParsedConfig): Complaint[] {
  const ids: string[] = trunks.map(({ id }) => id)
  return Object.entries(groups).flatMap(([name, group]) => {
    const unknown = group.trunks.flatMap((id, i) =>
      ids.includes(id) ? [] : [dangling(['groups', name, 'trunks', i], 'trunk', id, ids)],
    )
    const members: string[] = group.trunks
    const stray = Object.keys(group.weights).flatMap((id) =>
      members.includes(id) ? [] : [dangling(['groups', name, 'weights', id], 'trunk of this group', id, members)],
    )
    return [...unknown, ...stray, ...duplicates(members, (i) => ['groups', name, 'trunks', i], 'trunk')]
  })
}

function checkTenants({ tenants, groups, agents }: ParsedConfig): Complaint[] {
  const [groupNames, agentNames] = [Object.keys(groups), Object.keys(agents)]
  return tenants.flatMap((tenant, i) => {
    const complaints: Complaint[] = []
    if (!groupNames.includes(tenant.group))
      complaints.push(dangling(['tenants', i, 'group'], 'group', tenant.group, groupNames))
    if (!agentNames.includes(tenant.agent))
      complaints.push(dangling(['tenants', i, 'agent'], 'agent', tenant.agent, agentNames))
    for (const name of Object.keys(tenant.backends)) {
      if (!agentNames.includes(name))
        complaints.push(dangling(['tenants', i, 'backends', name], 'agent', name, agentNames))
    }
    const members: string[] = groups[tenant.group]?.trunks ?? []
    tenant.numbers.forEach(({ trunk }, j) => {
      if (trunk === null || members.includes(trunk) || members.length === 0) return
      complaints.push(dangling(['tenants', i, 'numbers', j, 'trunk'], `trunk of group ${tenant.group}`, trunk, members))
    })
    if ((tenant.host === null) !== (tenant.credentials === null)) {
      const missing = tenant.host === null ? 'host' : 'credentials'
      complaints.push(
        conflict(['tenants', i], `the tenant's own SBC needs both host and credentials; ${missing} is missing`),
      )
    }
    return complaints
  })
}

/** A number has one owner; the same one may own it on several trunks. */
function checkNumbers({ tenants }: ParsedConfig): Complaint[] {
  const owners = new Map<string, string>()
  const seen = new Set<string>()
  return tenants.flatMap((tenant, i) =>
    tenant.numbers.flatMap(({ number, trunk }, j) => {
      const owner = owners.get(number)
      const entry = `${number} ${trunk ?? ''}`
      const again = seen.has(entry)
      owners.set(number, owner ?? tenant.id)
      seen.add(entry)
      if (owner !== undefined && owner !== tenant.id) {
        return [conflict(['tenants', i, 'numbers', j], `${number} is a number of tenant "${owner}" already`)]
      }
      return again ? [conflict(['tenants', i, 'numbers', j], `${number} stands in this list already`)] : []
    }),
  )
}
