import type { TrunkId } from '../core/ids.ts'
import type { TrunkState } from '../trunk/state.ts'
import type { Peer, RouteSnapshot, SipPlace, TenantRoute, TrunkRoute } from './snapshot.ts'

/** An address of ours at which a caller is told to retry. */
export interface StandbyLeg extends SipPlace {
  readonly via: 'redirectTo' | 'ingress' | 'node'
}

/** Contacts of one 302: more than a carrier will try. */
const MAX_LEGS = 5

const RANK: Readonly<Record<TrunkState, number>> = { active: 0, standby: 1, failed: 2 }

/**
 * The standby legs for a caller on a degraded trunk, the best first: what the trunk is told to redirect to, our ingress on the
 * trunks of the tenant's group that are in a better state, the healthy other nodes. Empty: there is no better leg.
 */
export function standbyLegs(trunk: TrunkRoute, tenant: TenantRoute, snapshot: RouteSnapshot): readonly StandbyLeg[] {
  const legs: StandbyLeg[] = []
  if (trunk.redirectTo !== null) legs.push({ ...trunk.redirectTo, via: 'redirectTo' })
  legs.push(...ingressLegs(trunk, tenant, snapshot), ...nodeLegs(snapshot))
  return distinct(legs, trunk.ingress)
}

/** Where a caller finds a node that would serve it, while this one cannot: own region first, then the least loaded. */
export function nodeLegs({ peers, region }: RouteSnapshot): readonly StandbyLeg[] {
  const away = (peer: Peer): number => (peer.region === region ? 0 : 1)
  return [...peers]
    .sort((a, b) => away(a) - away(b) || a.load - b.load || (a.id < b.id ? -1 : 1))
    .slice(0, MAX_LEGS)
    .map(({ hostPort, transport }) => ({ hostPort, transport, via: 'node' }))
}

function ingressLegs(trunk: TrunkRoute, tenant: TenantRoute, { trunks, trunkStates }: RouteSnapshot): StandbyLeg[] {
  const rank = (id: TrunkId): number => RANK[trunkStates.get(id) ?? 'active']
  return tenant.group
    .flatMap((id) => trunks.filter((other) => other.id === id && rank(id) < rank(trunk.id)))
    .sort((a, b) => rank(a.id) - rank(b.id))
    .map(({ ingress }) => ({ ...ingress, via: 'ingress' }))
}

/** Each address once, and never the one that the caller has just used. */
function distinct(legs: readonly StandbyLeg[], used: SipPlace): readonly StandbyLeg[] {
  const key = ({ hostPort, transport }: SipPlace): string => `${transport ?? ''} ${hostPort}`
  const seen = new Set([key(used)])
  return legs.filter((leg) => !seen.has(key(leg)) && seen.add(key(leg))).slice(0, MAX_LEGS)
}

/** A call that arrives with this parameter on its request-URI has been redirected by one of us, and is never redirected again. */
export const HOP_PARAMETER = 'tandem-hop'

/** The same SIP or tel URI with that parameter, which stands before the headers of a SIP URI (RFC 3261 §19.1.1). */
export function markHop(uri: string): string {
  const [address = '', ...headers] = uri.split('?')
  return [address.replace(HOP_IN_URI, ''), `;${HOP_PARAMETER}=1`, ...headers.map((each) => `?${each}`)].join('')
}

/** The parameter in a URI, with its value. */
export const HOP_IN_URI = new RegExp(`;${HOP_PARAMETER}(?:=[^;?>]*)?(?=[;?>]|$)`, 'i')

/**
 * The Contact header of a 302 (RFC 3261 §20.10): the dialled number at each leg, ordered by q, with a short life.
 * @param dialled user part of the request-URI, escapes as they came
 */
export function formatContacts(legs: readonly StandbyLeg[], dialled: string, expiresS: number): string {
  return legs
    .map(({ hostPort, transport }, i) => {
      const uri = `sip:${dialled}@${hostPort}${transport === null ? '' : `;transport=${transport}`}`
      return `<${markHop(uri)}>;q=${(1 - i / 10).toFixed(1)};expires=${expiresS}`
    })
    .join(', ')
}
