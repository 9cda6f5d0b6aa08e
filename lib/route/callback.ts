import type { CallRow } from '../observe/call-record.ts'
import type { TrunkState } from '../trunk/state.ts'
import type { PlaceRequest } from './place.ts'

/**
 * The call that a tenant who opted in has placed to a person whose leg a trunk dropped, over the group's other trunks, or null. Silence
 * counts where the trunk is known to be out of order; a callback that drops is not followed by another one. It shows the number that was
 * called, or another one of the tenant where the trunk that is left may not show that.
 */
export function callbackTo(call: CallRow, caller: string, agent: string, state: TrunkState): PlaceRequest | null {
  const { tenant, trunk, direction, end, session } = call
  if (tenant === null || trunk === null || end === null || caller === '') return null
  if (end.cause !== 'trunk-fault' && (end.cause !== 'media-timeout' || state === 'active')) return null
  if (direction === 'outbound' && session.resumedFrom !== null) return null
  return {
    to: caller,
    from: direction === 'inbound' ? call.to : call.from,
    isCallback: true,
    tenant,
    agent,
    avoiding: trunk,
  }
}
