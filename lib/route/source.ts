import type { TenantId } from '../core/ids.ts'
import type { RequestFacts, RouteSnapshot, SourceRule, TrunkRoute } from './snapshot.ts'

/**
 * Who sent a request: a trunk, a tenant's own SBC, or nobody we know. `unproven`: whoever knows the credentials for the host in the
 * request-URI may go on, with `stale` ones at once; `wrong`: these were none.
 */
export type Sender =
  | { readonly kind: 'trunk'; readonly trunk: TrunkRoute }
  | { readonly kind: 'sbc'; readonly tenant: TenantId }
  | { readonly kind: 'unproven'; readonly stale: boolean }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'stranger' }

/**
 * @param trunks those that the request may have come over; where several match, `isOf` finds the one that the number lives on
 */
export function judgeSender(
  request: RequestFacts,
  { trunks, sbcSources, authenticate }: Pick<RouteSnapshot, 'trunks' | 'sbcSources' | 'authenticate'>,
  isOf: (trunk: TrunkRoute) => boolean = () => false,
): Sender {
  const matching = trunks.filter((trunk) => trunk.sources.some((rule) => isFrom(request, rule)))
  const trunk = matching.length < 2 ? matching[0] : (matching.find(isOf) ?? matching[0])
  if (trunk !== undefined) return { kind: 'trunk', trunk }
  const sbc = sbcSources.find(({ rule }) => isFrom(request, rule))
  if (sbc !== undefined) return { kind: 'sbc', tenant: sbc.tenant }
  const verdict = authenticate(request)
  if (verdict === null) return { kind: 'stranger' }
  return verdict.kind === 'proven' ? { kind: 'sbc', tenant: verdict.tenant } : verdict
}

const isFrom = ({ source, uriHost }: RequestFacts, rule: SourceRule): boolean =>
  rule.addresses.has(source.address) &&
  (rule.port === null || rule.port === source.port) &&
  (rule.protocol === null || rule.protocol === source.protocol) &&
  (rule.host === null || rule.host === uriHost)
