import type { TenantId, TrunkId } from '../../lib/core/ids.ts'
import type { CallAgent } from '../../lib/route/routes.ts'
import type { SrtpSpec } from '../../lib/sip/secure-audio.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import { AgentCall } from './agent-call.ts'
import { newAudio } from './agent-leg.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import type { PlaceParts } from './place-call.ts'
import { SharedCall } from './shared-call.ts'

/** Where a call goes that was let in. */
export interface BridgeTo {
  readonly trunk: TrunkId | null
  readonly tenant: TenantId
  /** The tenant's agents, by name. */
  readonly agents: ReadonlyMap<string, CallAgent>
  readonly agent: string
  readonly variables: Readonly<Record<string, string>>
  readonly onReleased: () => void
}

/** What is known of it. */
export interface Bridged {
  readonly invite: IncomingInvite
  readonly recorder: CallRecorder
  /** Of the caller's audio. */
  readonly srtp: SrtpSpec
  /** Where it is recorded; null: nowhere. */
  readonly recording: NewRecording | null
  /** Retry-After for a refusal of ours, in seconds. */
  readonly retryAfterS: () => number
}

/** Begins to connect a caller with an agent. */
export function bridgeCall(parts: PlaceParts, to: BridgeTo, bridged: Bridged): AgentCall {
  const { invite, recorder, srtp, recording, retryAfterS } = bridged
  const { tenant, agents, agent, onReleased } = to
  const { media, metrics, desk } = parts
  const { from, to: called } = recorder.row
  const caller = invite.knownCaller(from)
  const variables = { ...to.variables, caller: from, called }
  const session = parts.sessions.of({ recorder, tenant, caller, resumes: 'perhaps', agent, variables })
  return new AgentCall({
    ...{ invite, recorder, metrics, media, desk, retryAfterS, session, recording, onReleased },
    shared: new SharedCall(parts, recorder, session),
    audio: newAudio(srtp),
    agent: () => session.open(agents),
  })
}
