import type { OnMachine } from '../agent/spec.ts'
import type { TenantId, TrunkId } from '../core/ids.ts'
import { err, ok, type Result } from '../core/result.ts'
import { numbersShown, tellShown } from '../outbound/caller-id.ts'
import { formatOnClock, nextOpening } from '../outbound/calling-hours.ts'
import { toE164 } from './number.ts'
import type { TrunkGroup } from './outbound.ts'
import type { Routes } from './routes.ts'
import type { RouteSnapshot, TenantRoute } from './snapshot.ts'

/** A call that a client of the API asks for. */
export interface PlaceRequest {
  readonly to: string
  /** Absent: the first number of the tenant; where a trunk may not show that, the first that it may. */
  readonly from?: string | undefined
  /** Whether somebody is called back who was cut off: at any hour, and by another number of the tenant on trunks that may not show `from`. */
  readonly isCallback?: boolean | undefined
  readonly tenant: string
  /** Absent: the tenant's own agent. */
  readonly agent?: string | undefined
  /** Whether the callee is not to be shown `from` (RFC 3323). */
  readonly anonymous?: boolean | undefined
  /** Facts about the call that its agent is told. */
  readonly variables?: Readonly<Record<string, string>> | undefined
  /** What is done where a machine answers; absent: nobody listens for one. */
  readonly amd?: { readonly onMachine: OnMachine } | undefined
  /** A trunk that the call is not to go out on. */
  readonly avoiding?: TrunkId | undefined
}

export interface Placement {
  readonly tenant: TenantId
  /** E.164: the number that the first of the trunks shows. */
  readonly from: string
  /** The number that each of the trunks shows. */
  readonly fromOn: ReadonlyMap<TrunkId, string>
  readonly to: string
  readonly agent: string
  /** Trunks of the tenant's group that may take the call, in the order of the group. */
  readonly trunks: readonly TrunkId[]
  readonly group: TrunkGroup
}

export interface PlaceRefusal {
  /** `request`: asked for what there is not; `hours`: not now; `limit`: the tenant's; `service`: this node serves no call now. */
  readonly code: 'request' | 'hours' | 'limit' | 'service'
  readonly message: string
  /** Before then the same is refused too; absent: nobody knows. */
  readonly notBefore?: Date | undefined
}

/** What is known of the trunks that calls go out on. */
export type TrunkFacts = Pick<RouteSnapshot, 'trunkCalls' | 'trunks' | 'numbers'> & Pick<Routes, 'outbound' | 'groups'>

type Facts = TrunkFacts &
  Pick<RouteSnapshot, 'tenants' | 'impediments' | 'agentsAway' | 'tenantCalls' | 'admitTenant'> &
  Pick<Routes, 'agents'>

/** Whether a call may be placed, and how. Its limits are those of calls that come in, and the calling hours of its tenant. */
export function decidePlacement(request: PlaceRequest, facts: Facts, now: Date): Result<Placement, PlaceRefusal> {
  const tenant = [...facts.tenants.values()].find(({ id }) => id === request.tenant)
  if (tenant === undefined) return refuse('request', `there is no tenant "${request.tenant}"`)
  const agent = request.agent ?? tenant.agent
  if (!facts.agents.get(tenant.id)?.has(agent)) return refuse('request', `there is no agent "${agent}"`)
  const to = toE164(request.to, tenant.country)
  if (to === null) return refuse('request', `to: "${request.to}" is no telephone number such as +12025550123`)
  const [firstNumber] = numbersOf(tenant.id, facts)
  const caller = request.from ?? firstNumber
  if (caller === undefined)
    return refuse('request', `from: tenant "${tenant.id}" has no number of its own to call from`)
  const from = toE164(caller, tenant.country)
  if (from === null) return refuse('request', `from: "${caller}" is no telephone number such as +12025550123`)
  const isCallback = request.isCallback === true
  const closed = isCallback ? null : closedUntil(tenant, now)
  if (closed !== null) return err(closed)
  const [impediment] = facts.impediments
  if (impediment !== undefined) return refuse('service', `this node places no calls now: ${impediment}`)
  if (facts.agentsAway.has(agent)) return refuse('service', `no server of agent "${agent}" can be reached now`)
  const orAnother = request.from === undefined || isCallback
  const found = openTrunks(tenant, { from, orAnother }, facts, request.avoiding)
  if (!found.ok) return found
  const full = tenant.channels !== null && (facts.tenantCalls.get(tenant.id) ?? 0) >= tenant.channels
  if (full || !facts.admitTenant(tenant.id)) return refuse('limit', `tenant "${tenant.id}" is at its limit of calls`)
  return ok({ tenant: tenant.id, to, agent, ...found.value })
}

/** Null: the tenant's calls may be placed now. */
function closedUntil({ id, callingHours }: TenantRoute, now: Date): PlaceRefusal | null {
  const opens = callingHours === null ? now : nextOpening(callingHours, now)
  if (callingHours === null || opens?.getTime() === now.getTime()) return null
  const hours = `tenant "${id}" calls nobody at this hour`
  if (opens === null) return { code: 'hours', message: `${hours}, nor in the next three weeks: see its callingHours` }
  const words = `${hours}: its calling hours begin at ${formatOnClock(callingHours, opens)} (${callingHours.zone})`
  return { code: 'hours', message: words, notBefore: opens }
}

/**
 * The trunks of a tenant's group that may take a call now and show who calls, in the order of the group, or why there is none.
 *
 * @param shown `orAnother`: whether another number of the tenant will do on trunks that may not show `from`
 */
export function openTrunks(
  tenant: Pick<TenantRoute, 'id' | 'group'>,
  shown: { readonly from: string; readonly orAnother: boolean },
  facts: TrunkFacts,
  avoiding?: TrunkId,
): Result<Pick<Placement, 'trunks' | 'group' | 'from' | 'fromOn'>, PlaceRefusal> {
  const group = facts.groups.get(tenant.id)
  const usable = tenant.group.filter((id) => id !== avoiding && (facts.outbound.get(id)?.targets.length ?? 0) > 0)
  if (group === undefined || usable.length === 0)
    return refuse('request', `no trunk of tenant "${tenant.id}" has targets to call`)
  const showing = usable.flatMap((id) => facts.outbound.get(id) ?? [])
  const fromOn = numbersShown(showing, shown.from, () => (shown.orAnother ? numbersOf(tenant.id, facts) : []))
  if (fromOn.size === 0) {
    const what = shown.orAnother ? 'a number of its own' : shown.from
    return refuse('request', `from: no trunk of tenant "${tenant.id}" may show ${what}: ${tellShown(showing)}`)
  }
  const trunks = [...fromOn.keys()].filter((id) => hasRoom(id, facts))
  const [first] = trunks
  if (first === undefined) return refuse('limit', `every trunk of tenant "${tenant.id}" is at its limit of calls`)
  return ok({ trunks, group, from: fromOn.get(first) ?? shown.from, fromOn })
}

function hasRoom(id: TrunkId, { trunks, trunkCalls }: TrunkFacts): boolean {
  const channels = trunks.find((trunk) => trunk.id === id)?.channels ?? null
  return channels === null || (trunkCalls.get(id) ?? 0) < channels
}

function* numbersOf(tenant: TenantId, { numbers }: Pick<Facts, 'numbers'>): Iterable<string> {
  for (const [number, route] of numbers) if (route.tenant === tenant) yield number
}

const refuse = (code: PlaceRefusal['code'], message: string): Result<Placement, PlaceRefusal> => err({ code, message })
