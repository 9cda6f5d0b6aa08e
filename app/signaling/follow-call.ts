import type { CallId, TenantId } from '../../lib/core/ids.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { namedUuid } from '../../lib/sip/session-id.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import { beginOutgoing, ringOut } from './begin-outgoing.ts'
import { CalleeHunt } from './callee-hunt.ts'
import type { FollowingCall, FollowOrder } from './following-call.ts'
import type { OutgoingCall } from './outgoing-call.ts'
import type { PlaceParts } from './place-call.ts'

/** What it needs of the config in force. */
export interface FollowContext {
  readonly tenant: TenantId
  /** The tenant's agents, by name. */
  readonly agents: ReadonlyMap<string, CallAgent>
  /** Where a call is recorded; null: nowhere. */
  readonly recording: (call: CallId) => NewRecording | null
}

/** Begins to ring somebody to whom an agent is handed on: a call of its own, with a record of its own. */
export function followCall(
  parts: PlaceParts,
  order: FollowOrder,
  context: FollowContext,
): FollowingCall & { readonly call: OutgoingCall } {
  const { before, callee, handOns, onProgress, onAnswered, onEnded } = order
  const { tenant, agents, recording } = context
  const { from, to } = callee
  const recorder = beginOutgoing(parts, { tenant, from, to })
  // Nobody is known again by an extension.
  const caller = to.startsWith('+') ? to : ''
  const variables = { caller: from, called: to }
  const session = parts.sessions.inherited({ recorder, from: order.session, caller, variables })
  const call = ringOut(parts, {
    ...{ recorder, tenant, session, handOns },
    recording: recording(recorder.id),
    // At our end is who was there before (RFC 7989 §7).
    callee: new CalleeHunt(parts, order.context, { ...callee, sessionUuid: () => namedUuid(before.id) }, recorder),
    agent: () => session.open(agents),
    onMachine: null,
    onProgress,
    inherits: () => {
      onAnswered()
      return session.inherited()
    },
    onEnded,
  })
  session.onInherited(() => call.catchUp())
  return { call, session, recorder }
}
