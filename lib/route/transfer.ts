import { err, ok, type Result } from '../core/result.ts'
import type { CallRow } from '../observe/call-record.ts'
import { toE164 } from './number.ts'
import { openTrunks, type Placement, type TrunkFacts } from './place.ts'
import type { RouteSnapshot, TenantRoute } from './snapshot.ts'

export type TransferFacts = TrunkFacts & Pick<RouteSnapshot, 'tenants'>

export interface TransferRefusal {
  /** `request`: whom there is not, or no way to; `limit`: the trunks are full. */
  readonly code: 'request' | 'limit'
  readonly message: string
}

/** As long as extensions are in the config. */
const EXTENSION = /^\d{1,6}$/

/** Whom a person may hand a caller to. */
export interface ReferredTo {
  /** As the config writes it. */
  readonly to: string
  /** What the agent calls them; null: they stand with the tenant. */
  readonly name: string | null
  /** How long they may ring; null: as long as the trunk says. */
  readonly ringTimeoutMs: number | null
}

/**
 * Whom a REFER of a person may lead to: nobody but those whom the config names for this tenant, so that no stranger dials out at our expense.
 *
 * @param user the number or extension in Refer-To @param transfers of the call's agent
 */
export function judgeReferred(
  call: Transferred,
  user: string,
  transfers: readonly ReferredTo[],
  facts: Pick<RouteSnapshot, 'tenants'>,
): Result<ReferredTo, TransferRefusal> {
  const wanted = transferNumbers(call, user, facts)
  if (!wanted.ok) return wanted
  const { to, route } = wanted.value
  const known = [...transfers, ...route.referTo.map((each) => ({ to: each, name: null, ringTimeoutMs: null }))]
  const found = known.find((each) => each.to === to)
  if (found === undefined)
    return err({ code: 'request', message: `neither the agent nor tenant "${route.id}" may hand callers to ${to}` })
  return ok(found)
}

type Transferred = Pick<CallRow, 'tenant' | 'direction' | 'from' | 'to'>

/**
 * Whom a call may be handed to, and as whose: the tenant's own number is who hands it on.
 *
 * @param to E.164, as dialled in the country of the tenant, or an extension
 */
export function transferNumbers(
  { tenant, direction, from, to: called }: Transferred,
  to: string,
  { tenants }: Pick<RouteSnapshot, 'tenants'>,
): Result<{ readonly from: string; readonly to: string; readonly route: TenantRoute }, TransferRefusal> {
  const route = [...tenants.values()].find(({ id }) => id === tenant)
  if (route === undefined) return err({ code: 'request', message: 'the call is of no tenant' })
  const number = EXTENSION.test(to) ? to : toE164(to, route.country)
  if (number === null)
    return err({
      code: 'request',
      message: `to: "${to}" is no telephone number such as +12025550123, nor an extension`,
    })
  return ok({ from: direction === 'inbound' ? called : from, to: number, route })
}

/**
 * Whom a call may be handed to, and over what. It goes on as the call that it is: neither what impedes new calls nor the limits of its tenant
 * stand in its way. The person sees the tenant's number that was called, or, on a trunk that may not show it, the first one that it may.
 *
 * @param to E.164, as dialled in the country of the tenant, or an extension
 * @param facts `hops`: how often the call may still be sent on; null: as often as one likes
 */
export function decideTransfer(
  call: Transferred,
  to: string,
  facts: TransferFacts & { readonly hops: number | null },
): Result<Pick<Placement, 'from' | 'fromOn' | 'to' | 'trunks' | 'group'>, TransferRefusal> {
  const numbers = transferNumbers(call, to, facts)
  if (!numbers.ok) return numbers
  if (facts.hops === 0)
    return err({ code: 'request', message: 'the call was sent on too often, its Max-Forwards is 0' })
  const open = openTrunks(numbers.value.route, { from: numbers.value.from, orAnother: true }, facts)
  if (!open.ok) return err({ code: open.error.code === 'limit' ? 'limit' : 'request', message: open.error.message })
  return ok({ to: numbers.value.to, ...open.value })
}
