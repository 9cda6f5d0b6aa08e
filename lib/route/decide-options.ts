import { drawRetryAfterS, isAtChannels } from './decide.ts'
import type { RequestFacts, RouteSnapshot, TrunkRoute } from './snapshot.ts'
import { judgeSender } from './source.ts'
import { standbyLegs } from './standby-legs.ts'

/** What OPTIONS outside of a dialog get (RFC 3261 §11): whether a call of the same sender would be served. */
export type OptionsDecision =
  | { readonly kind: 'serve' }
  | { readonly kind: 'refuse'; readonly retryAfterS: number }
  | { readonly kind: 'challenge'; readonly stale: boolean }
  | { readonly kind: 'forbid' }

/**
 * 503 while the node can serve nobody, and to a trunk whose calls would get 503 now. The rate of a trunk is not asked: it is over in a
 * second. Other nodes, which are no trunks, hear of the node alone. `random` from 0 up to 1.
 */
export function decideOptions(request: RequestFacts, snapshot: RouteSnapshot, random: number): OptionsDecision {
  const sender = judgeSender(request, snapshot)
  if (sender.kind === 'unproven') return { kind: 'challenge', stale: sender.stale }
  if (sender.kind === 'wrong') return { kind: 'forbid' }
  const isRefused = sender.kind === 'trunk' && wouldRefuse(sender.trunk, snapshot)
  if (snapshot.impediments.size === 0 && !isRefused) return { kind: 'serve' }
  return { kind: 'refuse', retryAfterS: drawRetryAfterS(snapshot.retryAfterS, random) }
}

function wouldRefuse(trunk: TrunkRoute, snapshot: RouteSnapshot): boolean {
  if (isAtChannels(trunk, snapshot)) return true
  const isDegraded = (snapshot.trunkStates.get(trunk.id) ?? 'active') !== 'active'
  if (!isDegraded || trunk.onDegraded !== 'refuse') return false
  // Whose number will be called is not known: it is refused where that would be so for each tenant that uses the trunk.
  const tenants = [...snapshot.tenants.values()].filter(({ group }) => group.includes(trunk.id))
  return tenants.length > 0 && tenants.every((tenant) => standbyLegs(trunk, tenant, snapshot).length > 0)
}
