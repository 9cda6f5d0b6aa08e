import type { AgentSpec, BackendSpec } from '../agent/spec.ts'
import type { SipAddress, SourceAddress } from '../config/addresses.ts'
import type { AgentConfig, BackendConfig, Config, TenantConfig } from '../config/resolve.ts'
import { addressSet } from '../core/cidr.ts'
import type { TenantId, TrunkId } from '../core/ids.ts'
import { type SbcAccount, sbcAccount } from '../guard/sbc-access.ts'
import { callingHours } from '../outbound/calling-hours.ts'
import type { SrtpSpec } from '../sip/secure-audio.ts'
import { uriHost } from '../sip/uri.ts'
import { type DirectRules, directRules } from './direct.ts'
import { type OutboundTrunk, outboundTrunk, type TrunkGroup, trunkGroup } from './outbound.ts'
import type { NumberRoute, RouteSnapshot, SipPlace, SourceRule, TenantRoute } from './snapshot.ts'

/** What the config says about calls: replaced as a whole when it is reloaded, so that every call sees one version of it. */
export interface Routes
  extends Pick<RouteSnapshot, 'trunks' | 'tenants' | 'sbcSources' | 'countries' | 'numbers' | 'retryAfterS'> {
  /** The agents of each tenant by name, without the variables of a call. */
  readonly agents: ReadonlyMap<TenantId, ReadonlyMap<string, CallAgent>>
  /** Calls per second; absent: no limit. */
  readonly trunkCps: ReadonlyMap<TrunkId, number>
  readonly tenantCps: ReadonlyMap<TenantId, number>
  /** Each trunk as calls go out on it. */
  readonly outbound: ReadonlyMap<TrunkId, OutboundTrunk>
  /** Encryption of the audio of calls that come in, by trunk; those of an SBC of a tenant, which has none, are under null. */
  readonly srtp: ReadonlyMap<TrunkId | null, SrtpSpec>
  /** The group that each tenant's calls go out on. */
  readonly groups: ReadonlyMap<TenantId, TrunkGroup>
  /** Every group, and its trunks in the order of priority, by name. */
  readonly groupsByName: ReadonlyMap<string, { readonly group: TrunkGroup; readonly trunks: readonly TrunkId[] }>
  /** How SIP addresses are called that are no trunk's. */
  readonly direct: DirectRules
  /** Who knows credentials, by the host in the request-URI. */
  readonly sbcAccounts: ReadonlyMap<string, readonly SbcAccount[]>
  /** Every address and network that a trunk or an SBC of a tenant sends from. */
  readonly sources: readonly string[]
}

export type CallAgent = Omit<AgentSpec, 'variables'>

/** `local` is the backend of the local agent, whose address is known only while it runs. */
export function routesOf(config: Config, local: BackendSpec): Routes {
  // Most tenants have no order of their own: they share one map, however many there are.
  const common = agentsOf({}, config.agents, local)
  const agentsOfTenant = ({ backends }: TenantConfig) =>
    Object.keys(backends).length === 0 ? common : agentsOf(backends, config.agents, local)
  return {
    trunks: config.trunks.map((trunk) => ({
      id: trunk.id,
      sources: trunk.sources.map(ruleOf),
      channels: trunk.limits.channels,
      onDegraded: trunk.onDegraded,
      follows3xx: trunk.follows3xx,
      trustsIdentity: trunk.trustsIdentity,
      ingress: placeOf(trunk.ingress),
      redirectTo: trunk.redirectTo === null ? null : placeOf(trunk.redirectTo),
    })),
    tenants: new Map(
      config.tenants.map((tenant) => [tenant.id, tenantRoute(tenant, config.groups[tenant.group]?.trunks ?? [])]),
    ),
    sbcSources: config.tenants.flatMap(({ id, sources }) =>
      sources.map((source) => ({ tenant: id, rule: ruleOf(source) })),
    ),
    sbcAccounts: accountsOf(config.tenants),
    countries: [...new Set(config.tenants.map((tenant) => tenant.country))],
    numbers: numbersOf(config.tenants),
    agents: new Map(config.tenants.map((tenant) => [tenant.id, agentsOfTenant(tenant)])),
    retryAfterS: {
      min: Math.ceil(config.sip.retryAfter.minMs / 1_000),
      max: Math.ceil(config.sip.retryAfter.maxMs / 1_000),
    },
    trunkCps: limitsOf(config.trunks),
    tenantCps: limitsOf(config.tenants),
    groups: new Map(config.tenants.map(({ id, group }) => [id, trunkGroup(group, config)])),
    groupsByName: new Map(
      Object.entries(config.groups).map(([name, { trunks }]) => [name, { group: trunkGroup(name, config), trunks }]),
    ),
    direct: directRules(config),
    outbound: new Map(
      config.trunks.map((trunk) => [trunk.id, outboundTrunk(trunk, config.sip.engine.kind === 'embedded')]),
    ),
    srtp: new Map([[null, config.media.srtp], ...config.trunks.map(({ id, srtp }) => [id, srtp] as const)]),
    sources: [...config.trunks, ...config.tenants].flatMap(({ sources }) => sources.map(networkOf)),
  }
}

function tenantRoute(tenant: TenantConfig, group: readonly TrunkId[]): TenantRoute {
  const { id, country, agent, limits, recording, resumeWindowMs, resumeOn, referTo, callback, retry } = tenant
  const { callingHours: hours } = tenant
  return {
    ...{ id, country, agent, group, referTo, callback, retry },
    channels: limits.channels,
    recorded: recording.enabled,
    resume: { windowMs: resumeWindowMs, resumeOn },
    callingHours: hours === null ? null : callingHours(hours.zone, hours.windows),
  }
}

const ruleOf = (source: SourceAddress): SourceRule => ({
  addresses: addressSet([networkOf(source)]),
  port: source.port,
  protocol: source.transport,
  host: source.host,
})

function accountsOf(tenants: Config['tenants']): ReadonlyMap<string, readonly SbcAccount[]> {
  const accounts = new Map<string, SbcAccount[]>()
  for (const { id, host, credentials } of tenants) {
    if (host === null || credentials === null) continue
    const account = sbcAccount(id, host, credentials.username, credentials.password)
    accounts.set(host, [...(accounts.get(host) ?? []), account])
  }
  return accounts
}

const networkOf = (source: { readonly address: string; readonly prefixBits: number }): string =>
  `${source.address}/${source.prefixBits}`

/** A SIP URI of the config as a place to send to. */
export function placeOf({ host, port, transport }: SipAddress): SipPlace {
  const name = uriHost(host)
  return { hostPort: port === null ? name : `${name}:${port}`, transport }
}

/** A number that stands in the config several times lives on several trunks; one entry without a trunk opens it to all. */
function numbersOf(tenants: readonly TenantConfig[]): ReadonlyMap<string, NumberRoute> {
  const routes = new Map<string, NumberRoute>()
  for (const { id, numbers } of tenants) {
    for (const { number, trunk } of numbers) {
      const known = routes.get(number)
      const trunks = trunk === null || known?.trunks === null ? null : new Set([...(known?.trunks ?? []), trunk])
      routes.set(number, { tenant: id, trunks })
    }
  }
  return routes
}

function limitsOf<Id>(all: readonly { readonly id: Id; readonly limits: { readonly cps: number | null } }[]) {
  return new Map(all.flatMap(({ id, limits }) => (limits.cps === null ? [] : [[id, limits.cps] as const])))
}

function agentsOf(
  orders: TenantConfig['backends'],
  agents: Config['agents'],
  local: BackendSpec,
): ReadonlyMap<string, CallAgent> {
  return new Map(
    Object.entries(agents).map(([name, agent]) => [name, callAgent(name, agent, orders[name] ?? null, local)]),
  )
}

function callAgent(name: string, agent: AgentConfig, order: readonly string[] | null, local: BackendSpec): CallAgent {
  const { voice, instructions, greeting, tools, connectTimeoutMs, reconnectForMs, comfortAfterMs, batchMs } = agent
  const transfers = Object.entries(agent.transfers).map(([name, target]) => ({ name, ...target }))
  const [first, ...rest] = inOrder(backendsOf(name, agent, local), order)
  return {
    backends: [first, ...rest],
    voice,
    instructions,
    greeting,
    tools: tools.map(({ name, description, url, parameters, result, timeoutMs, retries, secret }) => ({
      ...{ name, description, url, parameters, timeoutMs, retries },
      ...(result !== null && { result }),
      ...(secret !== null && { secret }),
    })),
    ...(agent.mcp.length > 0 && {
      mcp: agent.mcp.map(({ label, url, description, authorization, allowedTools }) => ({
        ...{ label, url, description, allowedTools },
        ...(authorization !== null && { authorization }),
      })),
    }),
    ...(transfers.length > 0 && { transfers }),
    connectTimeoutMs,
    reconnectForMs,
    comfortAfterMs,
    batchMs,
  }
}

/** A tenant's order of backends puts the kinds it names first; those it does not name stay behind, as a last resort. */
function inOrder(backends: AgentSpec['backends'], order: readonly string[] | null): AgentSpec['backends'] {
  if (order === null) return backends
  const rank = (backend: BackendSpec): number => {
    const index = order.indexOf(backend.kind)
    return index === -1 ? order.length : index
  }
  const [first, ...rest] = [...backends].sort((a, b) => rank(a) - rank(b))
  return first === undefined ? backends : [first, ...rest]
}

/** The backends of an agent as a call uses them, in the agent's own order. */
export function backendsOf(name: string, agent: AgentConfig, local: BackendSpec): AgentSpec['backends'] {
  const [first, ...rest] = agent.backends
  return [
    backendSpec(`${name}/0`, first, local),
    ...rest.map((next, i) => backendSpec(`${name}/${i + 1}`, next, local)),
  ]
}

function backendSpec(id: string, backend: BackendConfig, local: BackendSpec): BackendSpec {
  if (backend.kind === 'local') return { ...local, id, renewBeforeMs: backend.renewBeforeMs }
  const { kind, baseUrl, model, apiKey, renewBeforeMs } = backend
  return { id, kind, baseUrl, model, apiKey, renewBeforeMs }
}
