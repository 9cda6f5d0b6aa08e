import type { CallId, NodeId } from '../../lib/core/ids.ts'
import type { CallLoad } from '../../lib/guard/call-load.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { Placement, PlaceRequest } from '../../lib/route/place.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import { hiddenNumber } from '../../lib/sip/caller-identity.ts'
import type { KeyWrap } from '../key-wrap.ts'
import type { MediaEngine } from '../media/port.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSessionFacts } from '../session/call-session.ts'
import type { Sessions } from '../session/sessions.ts'
import type { Journal } from '../store/port.ts'
import { CallRecorder } from './call-recorder.ts'
import { CalleeHunt, type CalleeHuntContext, type CalleeHuntParts } from './callee-hunt.ts'
import { type FirstRowFacts, firstRow } from './first-row.ts'
import { OutgoingCall } from './outgoing-call.ts'
import { SharedCall, type SharedCallParts } from './shared-call.ts'
import type { TransferDesk } from './transfer-desk.ts'

export interface PlaceParts extends CalleeHuntParts {
  readonly node: NodeId
  readonly media: MediaEngine
  readonly journal: Journal
  readonly emit: EmitEvent
  readonly load: CallLoad
  readonly desk: TransferDesk
  readonly liveCalls: SharedCallParts['liveCalls']
  readonly keyWrap: Pick<KeyWrap, 'wrap' | 'unwrap'>
  readonly sessions: Pick<Sessions, 'of' | 'ofTaken' | 'inherited'>
  /** Called once, with the Call-ID of every INVITE that left. */
  readonly onReleased: (recorder: CallRecorder, sipCallIds: readonly string[]) => void
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
  const { node, media, metrics, journal, emit, load, desk } = parts
  const { tenant, from, to, agent } = placement
  const { agents, resumes, recording, as } = context
  const raw = { from: request.from ?? from, to: request.to }
  const row = firstRow({
    node,
    direction: 'outbound',
    parties: { tenant, trunk: null, from, to },
    raw,
    sipCallId: '',
    as,
  })
  const recorder = CallRecorder.begin(journal, emit, row)
  const variables = { ...request.variables, caller: from, called: to }
  const session = parts.sessions.of({ recorder, tenant, caller: to, resumes, agent, variables })
  const leaveTenant = load.hold(null, tenant)
  const shown = request.anonymous === true ? { shown: hiddenNumber(from) } : {}
  const callee = new CalleeHunt(parts, context, { ...placement, ...shown }, recorder)
  metrics.callStarted('outbound')
  const call = new OutgoingCall({
    media,
    metrics,
    recorder,
    desk,
    shared: new SharedCall(parts, recorder, session),
    recording: recording(recorder.id),
    callee,
    session,
    agent: () => session.open(agents),
    onMachine: request.amd?.onMachine ?? null,
    onReleased: () => {
      callee.end()
      leaveTenant()
      parts.onReleased(recorder, callee.sipCallIds)
    },
  })
  session.ringing(() => call.hangUp('system', 'normal'))
  return { call, recorder }
}
