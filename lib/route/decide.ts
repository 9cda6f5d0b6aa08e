import type { TenantId, TrunkId } from '../core/ids.ts'
import type { EndCause } from '../observe/call-record.ts'
import { toE164 } from './number.ts'
import type { InviteFacts, NumberRoute, RouteSnapshot, SourceRule, TenantRoute, TrunkRoute } from './snapshot.ts'
import { nodeLegs, type StandbyLeg, standbyLegs } from './standby-legs.ts'

/** Whose call it is, as far as that is known when the decision falls. */
export interface CallParties {
  readonly trunk: TrunkId | null
  readonly tenant: TenantId | null
  /** E.164 where it can be read as such, else as it came. */
  readonly from: string
  readonly to: string
}

export type Decision = CallParties &
  (
    | { readonly kind: 'ignore' }
    | { readonly kind: 'bridge'; readonly agent: string }
    | {
        /** 302: the caller is told to retry at the standby legs. */
        readonly kind: 'redirect'
        readonly legs: readonly StandbyLeg[]
        readonly why: 'node' | 'trunk'
      }
    | {
        readonly kind: 'reject'
        readonly status: number
        readonly reason: string
        /** RFC 3261 §20.33, in seconds; null: no Retry-After. */
        readonly retryAfterS: number | null
        readonly cause: EndCause
      }
  )

/** Retry-After for one 503 of ours, in seconds, spread so that callers do not come back together. `random` from 0 up to 1. */
export const drawRetryAfterS = ({ min, max }: RouteSnapshot['retryAfterS'], random: number): number =>
  min + Math.floor(random * (max - min + 1))

const DEFAULT_COUNTRY = 'US'

/** docs/behaviour.md, “What an INVITE from a carrier gets”: the first row that applies decides. */
export function decideInvite(invite: InviteFacts, snapshot: RouteSnapshot, random: number): Decision {
  const trunk = matchTrunk(invite, snapshot)
  const found = trunk === null ? null : findNumber(invite, trunk, snapshot)
  const tenant = found === null ? null : (snapshot.tenants.get(found.route.tenant) ?? null)
  const country = tenant?.country ?? DEFAULT_COUNTRY
  const parties: CallParties = {
    trunk: trunk?.id ?? null,
    tenant: tenant?.id ?? null,
    from: toE164(invite.caller, country) ?? invite.caller,
    to: found?.number ?? toE164(invite.dialled, country) ?? invite.dialled,
  }
  if (trunk === null) return { ...parties, kind: 'ignore' }
  return { ...parties, ...judge(trunk, tenant, invite.redirected, snapshot, random) }
}

type Judgement = { kind: 'bridge'; agent: string } | Redirection | Rejection

interface Redirection {
  kind: 'redirect'
  legs: readonly StandbyLeg[]
  why: 'node' | 'trunk'
}

interface Rejection {
  kind: 'reject'
  status: number
  reason: string
  retryAfterS: number | null
  cause: EndCause
}

function judge(
  trunk: TrunkRoute,
  tenant: TenantRoute | null,
  redirected: boolean,
  snapshot: RouteSnapshot,
  random: number,
): Judgement {
  const retryAfterS = drawRetryAfterS(snapshot.retryAfterS, random)
  const overTrunk = isFull(trunk.channels, snapshot.trunkCalls.get(trunk.id)) || !snapshot.admitTrunk(trunk.id)
  if (overTrunk) return refuse(503, 'Trunk Limit Reached', 'limit', retryAfterS)
  if (snapshot.impediments.has('store') && tenant === null) {
    // A number that we cannot look up is not a number that does not exist: 404 would end the hunt of the carrier.
    return refuse(503, 'Service Unavailable', 'rejected', retryAfterS)
  }
  if (tenant === null) return refuse(404, 'Not Found', 'rejected', null)
  const overTenant = isFull(tenant.channels, snapshot.tenantCalls.get(tenant.id)) || !snapshot.admitTenant(tenant.id)
  if (overTenant) return refuse(486, 'Busy Here', 'limit', null)
  if (snapshot.impediments.size > 0) {
    const legs = trunk.follows3xx && !redirected ? nodeLegs(snapshot) : []
    if (legs.length > 0) return { kind: 'redirect', legs, why: 'node' }
    return refuse(503, 'Service Unavailable', 'rejected', retryAfterS)
  }
  const degraded = (snapshot.trunkStates.get(trunk.id) ?? 'active') !== 'active'
  const legs = degraded && !redirected && trunk.onDegraded !== 'accept' ? standbyLegs(trunk, tenant, snapshot) : []
  if (legs.length > 0) {
    if (trunk.onDegraded === 'redirect') return { kind: 'redirect', legs, why: 'trunk' }
    return refuse(503, 'Service Unavailable', 'rejected', retryAfterS)
  }
  return { kind: 'bridge', agent: tenant.agent }
}

const refuse = (status: number, reason: string, cause: EndCause, retryAfterS: number | null): Rejection => ({
  kind: 'reject',
  status,
  reason,
  retryAfterS,
  cause,
})

const isFull = (limit: number | null, calls = 0): boolean => limit !== null && calls >= limit

/** The trunk that an INVITE came over: the first whose sources and whatever else tells it apart all match. */
function matchTrunk(invite: InviteFacts, snapshot: RouteSnapshot): TrunkRoute | null {
  const matching = snapshot.trunks.filter((trunk) => trunk.sources.some((rule) => isFrom(invite, rule)))
  if (matching.length < 2) return matching[0] ?? null
  const byNumber = matching.find((trunk) => findNumber(invite, trunk, snapshot)?.route.trunk === trunk.id)
  return byNumber ?? matching[0] ?? null
}

const isFrom = ({ source, uriHost }: InviteFacts, rule: SourceRule): boolean =>
  rule.addresses.has(source.address) &&
  (rule.port === null || rule.port === source.port) &&
  (rule.protocol === null || rule.protocol === source.protocol) &&
  (rule.host === null || rule.host === uriHost)

/** The tenant's number that was dialled: read in every country that a tenant dials in, or as the extension it may be. */
function findNumber(
  invite: InviteFacts,
  trunk: TrunkRoute,
  snapshot: RouteSnapshot,
): { readonly number: string; readonly route: NumberRoute } | null {
  const find = (number: string | null) => {
    const route = number === null ? undefined : snapshot.numbers.get(number)
    const here = route !== undefined && (route.trunk === null || route.trunk === trunk.id)
    return number !== null && here ? { number, route } : null
  }
  for (const country of snapshot.countries) {
    const found = find(toE164(invite.dialled, country))
    if (found !== null) return found
  }
  return find(invite.dialled)
}
