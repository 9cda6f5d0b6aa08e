import type { CallId, TenantId } from '../../lib/core/ids.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { namedUuid } from '../../lib/sip/session-id.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import { CallRecorder } from './call-recorder.ts'
import { CalleeHunt } from './callee-hunt.ts'
import { firstRow } from './first-row.ts'
import type { FollowingCall, FollowOrder } from './following-call.ts'
import { OutgoingCall } from './outgoing-call.ts'
import type { PlaceParts } from './place-call.ts'
import { SharedCall } from './shared-call.ts'

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
  const { node, media, metrics, journal, emit, load, desk } = parts
  const { before, callee, handOns, onProgress, onAnswered, onEnded } = order
  const { tenant, agents, recording } = context
  const { from, to } = callee
  const parties = { tenant, trunk: null, from, to }
  const row = firstRow({ node, direction: 'outbound', parties, raw: { from, to }, sipCallId: '' })
  const recorder = CallRecorder.begin(journal, emit, row)
  // Nobody is known again by an extension.
  const caller = to.startsWith('+') ? to : ''
  const variables = { caller: from, called: to }
  const session = parts.sessions.inherited({ recorder, from: order.session, caller, variables })
  const leaveTenant = load.hold(null, tenant)
  // At our end is who was there before (RFC 7989 §7).
  const hunt = new CalleeHunt(parts, order.context, { ...callee, sessionUuid: () => namedUuid(before.id) }, recorder)
  metrics.callStarted('outbound')
  const call = new OutgoingCall({
    ...{ media, metrics, recorder, desk, session, handOns },
    shared: new SharedCall(parts, recorder, session),
    recording: recording(recorder.id),
    callee: hunt,
    agent: () => session.open(agents),
    onMachine: null,
    onProgress,
    inherits: () => {
      onAnswered()
      return session.inherited()
    },
    onReleased: (end) => {
      hunt.end()
      leaveTenant()
      parts.onReleased(recorder, hunt.sipCallIds)
      onEnded(end)
    },
  })
  session.onInherited(() => call.catchUp())
  return { call, session, recorder }
}
