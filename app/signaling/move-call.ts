import type { LiveCall } from '../../lib/call/live-call.ts'
import type { TenantId } from '../../lib/core/ids.ts'
import type { CallRow } from '../../lib/observe/call-record.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { SrtpSpec } from '../../lib/sip/secure-audio.ts'
import type { KeyWrap } from '../key-wrap.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { LegAudio } from './agent-leg.ts'
import { CallRecorder } from './call-recorder.ts'
import type { PlaceParts } from './place-call.ts'
import { SharedCall } from './shared-call.ts'
import { type MoveOutcome, TakenCall } from './taken-call.ts'

export type MoveParts = Pick<
  PlaceParts,
  | 'link'
  | 'media'
  | 'metrics'
  | 'journal'
  | 'emit'
  | 'trace'
  | 'load'
  | 'desk'
  | 'liveCalls'
  | 'keyWrap'
  | 'sessions'
  | 'onReleased'
>

/** What a call that is taken over needs of the config in force. */
export interface MoveContext {
  readonly routes: Routes
  /** Where a call of a tenant is recorded; null: nowhere. */
  readonly recording: (tenant: TenantId) => NewRecording | null
}

/** A call that is taken over: what its owner shared, and its record as PostgreSQL has given it to this node, in a term of its own. */
export interface Move {
  readonly entry: LiveCall
  readonly row: CallRow
}

/** Begins to take a live call over; null where this node's config has no such tenant. */
export function moveCall(
  parts: MoveParts,
  { entry, row }: Move,
  { routes, recording }: MoveContext,
): { readonly call: TakenCall; readonly outcome: Promise<MoveOutcome> } | null {
  const { link, media, metrics, journal, emit, trace, load, desk, keyWrap, sessions } = parts
  const { tenant, trunk } = row
  const agents = tenant === null ? undefined : routes.agents.get(tenant)
  if (tenant === null || agents === undefined) return null
  const { agent, caller, variables } = entry
  const generation = entry.generation + 1
  const recorder = CallRecorder.takenOver(journal, emit, row, generation)
  const sipCallId = entry.dialog.callId
  trace.follow(sipCallId, recorder)
  const session = sessions.ofTaken({ recorder, tenant, caller, agent, variables, generation })
  const giveBack = load.hold(trunk, tenant)
  let decide: (outcome: MoveOutcome) => void = () => undefined
  const outcome = new Promise<MoveOutcome>((resolve) => {
    decide = resolve
  })
  const call = new TakenCall({
    entry,
    audio: audioOf(entry, routes.srtp.get(trunk) ?? 'off', keyWrap),
    link,
    media,
    metrics,
    recorder,
    desk,
    shared: new SharedCall(parts, recorder, session, generation),
    session,
    agent: () => session.open(agents),
    recording: recording(tenant),
    credentials: (trunk === null ? null : routes.outbound.get(trunk)?.credentials) ?? undefined,
    onOutcome: (what, why) => {
      if (what === 'refused')
        recorder.event({
          event: 'call.moveRefused',
          level: 'warn',
          from: entry.row.node,
          epoch: row.epoch,
          reason: why,
        })
      decide(what)
    },
    onReleased: () => {
      giveBack()
      parts.onReleased(recorder, [sipCallId])
    },
  })
  return { call, outcome }
}

/**
 * What was encrypted stays so, with the keys that the far end knows, or with others where these cannot be read: then it was wrapped with
 * another `store.keyWrap`. What was in clear is offered so.
 */
function audioOf({ row, sdp, srtp }: LiveCall, policy: SrtpSpec, keyWrap: Pick<KeyWrap, 'unwrap'>): LegAudio {
  if (srtp === null) return { srtp: policy === 'off' ? 'off' : 'optional', previousSdp: sdp, previousKeys: null }
  return { srtp: 'required', previousSdp: sdp, previousKeys: keyWrap.unwrap(row.id, srtp) }
}
