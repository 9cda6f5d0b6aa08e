import type { CallId } from '../../lib/core/ids.ts'
import type { Placement, PlaceRequest } from '../../lib/route/place.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { hiddenNumber } from '../../lib/sip/caller-identity.ts'
import type { KeyWrap } from '../key-wrap.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSessionFacts } from '../session/call-session.ts'
import type { Sessions } from '../session/sessions.ts'
import { type BeginParts, beginOutgoing, ringOut } from './begin-outgoing.ts'
import type { CallRecorder } from './call-recorder.ts'
import { CalleeHunt, type CalleeHuntContext } from './callee-hunt.ts'
import type { FirstRowFacts } from './first-row.ts'
import type { OutgoingCall } from './outgoing-call.ts'

export interface PlaceParts extends BeginParts {
  readonly keyWrap: Pick<KeyWrap, 'wrap' | 'unwrap'>
  readonly sessions: Pick<Sessions, 'of' | 'ofTaken' | 'inherited'>
}

/** What a call needs of the config in force, and of the limits in it. */
export interface PlaceContext extends CalleeHuntContext {
  /** The tenant's agents, by name. */
  readonly agents: ReadonlyMap<string, CallAgent>
  /** Whether it goes on with what the callee was cut off from. */
  readonly resumes: CallSessionFacts['resumes']
  /** Where a call is recorded; null: nowhere. */
  readonly recording: (call: CallId) => NewRecording | null
  /** The errand that it is placed for. */
  readonly as: FirstRowFacts['as']
}

/** Begins to ring a callee for an agent. */
export function placeCall(
  parts: PlaceParts,
  request: PlaceRequest,
  placement: Placement,
  context: PlaceContext,
): { readonly call: OutgoingCall; readonly recorder: CallRecorder } {
  const { tenant, from, to, agent } = placement
  const { agents, resumes, recording, as } = context
  const raw = { from: request.from ?? from, to: request.to }
  const recorder = beginOutgoing(parts, placement, { raw, as })
  const variables = { ...request.variables, caller: from, called: to }
  const session = parts.sessions.of({ recorder, tenant, caller: to, resumes, agent, variables })
  const shown = request.anonymous === true ? { shown: hiddenNumber(from) } : {}
  const call = ringOut(parts, {
    ...{ recorder, tenant, session },
    recording: recording(recorder.id),
    callee: new CalleeHunt(parts, context, { ...placement, ...shown }, recorder),
    agent: () => session.open(agents),
    onMachine: request.amd?.onMachine ?? null,
  })
  session.ringing(() => call.hangUp('system', 'normal'))
  return { call, recorder }
}
