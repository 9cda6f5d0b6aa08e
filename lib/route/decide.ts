import type { TenantId, TrunkId } from '../core/ids.ts'
import type { EndCause } from '../observe/call-record.ts'
import { toE164 } from './number.ts'
import type { InviteFacts, NumberRoute, RouteSnapshot, TenantRoute, TrunkRoute } from './snapshot.ts'
import { judgeSender } from './source.ts'
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
  /** A stranger, or one whose credentials are wrong. */
  (
    | { readonly kind: 'ignore'; readonly why: 'stranger' | 'credentials' }
    /** 401: a tenant has credentials for the host in the request-URI. */
    | { readonly kind: 'challenge'; readonly stale: boolean }
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
  const isHome = (trunk: TrunkRoute) => (route: NumberRoute) => route.trunks === null || route.trunks.has(trunk.id)
  const isOf = (trunk: TrunkRoute) => (findNumber(invite, snapshot, isHome(trunk))?.route.trunks ?? null) !== null
  const sender = judgeSender(invite, snapshot, isOf)
  const trunk = sender.kind === 'trunk' ? sender.trunk : null
  const owner = sender.kind === 'sbc' ? sender.tenant : null
  // A tenant's own SBC may call that tenant's numbers, and no others.
  const isOpen = trunk === null ? (route: NumberRoute) => route.tenant === owner : isHome(trunk)
  const found = findNumber(invite, snapshot, isOpen)
  const tenant = found === null ? null : (snapshot.tenants.get(found.route.tenant) ?? null)
  const country = tenant?.country ?? DEFAULT_COUNTRY
  const caller = (trunk?.trustsIdentity ?? true) ? (invite.asserted ?? invite.caller) : invite.caller
  const parties: CallParties = {
    trunk: trunk?.id ?? null,
    tenant: tenant?.id ?? owner,
    from: toE164(caller, country) ?? caller,
    to: found?.number ?? toE164(invite.dialled, country) ?? invite.dialled,
  }
  if (sender.kind === 'stranger') return { ...parties, kind: 'ignore', why: 'stranger' }
  if (sender.kind === 'wrong') return { ...parties, kind: 'ignore', why: 'credentials' }
  if (sender.kind === 'unproven') return { ...parties, kind: 'challenge', stale: sender.stale }
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

/** @param trunk null: the call came from the SBC of a tenant */
function judge(
  trunk: TrunkRoute | null,
  tenant: TenantRoute | null,
  redirected: boolean,
  snapshot: RouteSnapshot,
  random: number,
): Judgement {
  const retryAfterS = drawRetryAfterS(snapshot.retryAfterS, random)
  if (trunk !== null && isOverTrunk(trunk, snapshot)) return refuse(503, 'Trunk Limit Reached', 'limit', retryAfterS)
  if (snapshot.impediments.has('store') && tenant === null) {
    // A number that we cannot look up is not a number that does not exist: 404 would end the hunt of the carrier.
    return refuse(503, 'Service Unavailable', 'rejected', retryAfterS)
  }
  if (tenant === null) return refuse(404, 'Not Found', 'rejected', null)
  const overTenant = isFull(tenant.channels, snapshot.tenantCalls.get(tenant.id)) || !snapshot.admitTenant(tenant.id)
  if (overTenant) return refuse(486, 'Busy Here', 'limit', null)
  const agentless = snapshot.agentsAway.has(tenant.agent)
  if (snapshot.impediments.size > 0 || agentless) {
    // Another node would be called by its own address, which an SBC has no credentials for: it is told to try elsewhere.
    const legs = trunk?.follows3xx && !redirected ? nodeLegs(snapshot) : []
    if (legs.length > 0) return { kind: 'redirect', legs, why: 'node' }
    return refuse(503, 'Service Unavailable', agentless ? 'agent-fault' : 'rejected', retryAfterS)
  }
  const degraded = trunk !== null && (snapshot.trunkStates.get(trunk.id) ?? 'active') !== 'active'
  const legs = degraded && !redirected && trunk.onDegraded !== 'accept' ? standbyLegs(trunk, tenant, snapshot) : []
  if (legs.length > 0) {
    if (trunk?.onDegraded === 'redirect') return { kind: 'redirect', legs, why: 'trunk' }
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

/** Whether the trunk has as many calls as it may. */
export const isAtChannels = (
  { id, channels }: TrunkRoute,
  { trunkCalls }: Pick<RouteSnapshot, 'trunkCalls'>,
): boolean => isFull(channels, trunkCalls.get(id))

const isOverTrunk = (trunk: TrunkRoute, snapshot: RouteSnapshot): boolean =>
  isAtChannels(trunk, snapshot) || !snapshot.admitTrunk(trunk.id)

const isFull = (limit: number | null, calls = 0): boolean => limit !== null && calls >= limit

/** The tenant's number that was dialled: read in every country that a tenant dials in, or as the extension it may be. */
function findNumber(
  invite: InviteFacts,
  snapshot: RouteSnapshot,
  isOpen: (route: NumberRoute) => boolean,
): { readonly number: string; readonly route: NumberRoute } | null {
  const find = (number: string | null) => {
    const route = number === null ? undefined : snapshot.numbers.get(number)
    return number !== null && route !== undefined && isOpen(route) ? { number, route } : null
  }
  for (const country of snapshot.countries) {
    const found = find(toE164(invite.dialled, country))
    if (found !== null) return found
  }
  return find(invite.dialled)
}
