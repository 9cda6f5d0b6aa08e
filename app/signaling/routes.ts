import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { TenantId, TrunkId } from '../../lib/core/ids.ts'
import type { RouteSnapshot } from '../../lib/route/snapshot.ts'

/** What the config says about calls: replaced as a whole when it is reloaded, so that every call sees one version of it. */
export interface Routes extends Pick<RouteSnapshot, 'trunks' | 'tenants' | 'countries' | 'numbers'> {
  /** Agents by name, without the variables of a call. */
  readonly agents: ReadonlyMap<string, Omit<AgentSpec, 'variables'>>
  /** Calls per second; absent: no limit. */
  readonly trunkCps: ReadonlyMap<TrunkId, number>
  readonly tenantCps: ReadonlyMap<TenantId, number>
}
