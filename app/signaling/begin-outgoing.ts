import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { NodeId, TenantId } from '../../lib/core/ids.ts'
import type { CallLoad } from '../../lib/guard/call-load.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { MediaEngine } from '../media/port.ts'
import type { Journal } from '../store/port.ts'
import { CallRecorder } from './call-recorder.ts'
import type { CalleeHuntParts } from './callee-hunt.ts'
import { type FirstRowFacts, firstRow } from './first-row.ts'
import { OutgoingCall, type OutgoingCallParts } from './outgoing-call.ts'
import { SharedCall, type SharedCallParts, type SharedSession } from './shared-call.ts'
import type { TransferDesk } from './transfer-desk.ts'

export interface BeginParts extends CalleeHuntParts, SharedCallParts {
  readonly node: NodeId
  readonly media: MediaEngine
  readonly journal: Journal
  readonly emit: EmitEvent
  readonly load: CallLoad
  readonly desk: TransferDesk
  /** Called once, with the Call-ID of every INVITE that left. */
  readonly onReleased: (recorder: CallRecorder, sipCallIds: readonly string[]) => void
}

/** Who calls whom, for which tenant. */
export type OutgoingParties = Omit<FirstRowFacts['parties'], 'trunk' | 'tenant'> & { readonly tenant: TenantId }

/** The record of a call of ours, before anybody is rung. */
export function beginOutgoing(
  { node, journal, emit }: Pick<BeginParts, 'node' | 'journal' | 'emit'>,
  { tenant, from, to }: OutgoingParties,
  { raw = { from, to }, as }: Partial<Pick<FirstRowFacts, 'raw' | 'as'>> = {},
): CallRecorder {
  const parties = { tenant, trunk: null, from, to }
  return CallRecorder.begin(journal, emit, firstRow({ node, direction: 'outbound', parties, raw, sipCallId: '', as }))
}

/** What is this call's alone. */
export interface OutgoingFacts
  extends Omit<OutgoingCallParts, 'media' | 'metrics' | 'desk' | 'shared' | 'onReleased' | 'session'> {
  readonly tenant: TenantId
  readonly session: OutgoingCallParts['session'] & SharedSession
  /** Called last, when everything is given back. */
  readonly onEnded?: (end: CallEnd) => void
}

/** Begins to ring a callee: the call counts as its tenant's until it is released. */
export function ringOut(parts: BeginParts, { tenant, onEnded, ...facts }: OutgoingFacts): OutgoingCall {
  const { media, metrics, desk, load } = parts
  const { recorder, session, callee } = facts
  const leaveTenant = load.hold(null, tenant)
  metrics.callStarted('outbound')
  return new OutgoingCall({
    ...facts,
    ...{ media, metrics, desk, shared: new SharedCall(parts, recorder, session) },
    onReleased: (end) => {
      callee.end()
      leaveTenant()
      parts.onReleased(recorder, callee.sipCallIds)
      onEnded?.(end)
    },
  })
}
