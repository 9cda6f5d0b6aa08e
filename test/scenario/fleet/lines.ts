import { callId, type NodeId, sessionId, tenantId } from '../../../lib/core/ids.ts'
import type { CallLine, SessionLine } from './stores.ts'

const tenant = tenantId('clinic')

/** A call that a node meets first, and the session that begins with it. */
export function firstLines(
  id: string,
  node: NodeId,
  caller: string,
): { readonly row: CallLine; readonly own: SessionLine } {
  const common = { revision: 0, epoch: 0, node }
  return {
    row: { ...common, id: callId(id), state: 'active', end: null, session: id },
    own: { ...common, id: sessionId(id), tenant, caller, state: 'live', callId: callId(id) },
  }
}

/** In place of a session that is another call's by now. */
export const nobodysSession = { id: sessionId('nobody'), revision: 0, tenant, caller: '', state: 'live' } as const
