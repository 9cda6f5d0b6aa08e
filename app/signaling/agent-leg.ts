import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallEnd, Refusal } from '../../lib/call/agent-call.ts'
import { legId } from '../../lib/core/ids.ts'
import { withDeadline } from '../deadline.ts'
import type { LegEvent, LegSpec, LegSummary, MediaEngine, MediaLeg, SrtpSpec } from '../media/port.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { NewRecording } from '../recordings/recordings.ts'
import type { CallSession } from '../session/call-session.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { SharedCall } from './shared-call.ts'
import type { SipDialog } from './sip-dialog.ts'

/** What is known of the audio of a leg before it is opened: whether it is encrypted, and what it goes on with. */
export type LegAudio = Required<Pick<LegSpec, 'srtp' | 'previousSdp' | 'previousKeys'>>

export const newAudio = (srtp: SrtpSpec): LegAudio => ({ srtp, previousSdp: null, previousKeys: null })

interface LegParts {
  readonly recorder: CallRecorder
  readonly media: MediaEngine
  readonly agent: AgentSpec
  /** See `LegSpec`. */
  readonly audio: LegAudio
  /** Where the call is recorded; null: nowhere. */
  readonly recording: NewRecording | null
}

/** Takes RTP ports and begins to open the agent's socket, for the leg `name` of a call. */
export const openAgentLeg = (
  { recorder, media, agent, audio, recording }: LegParts,
  name: string,
  onEvent: (event: LegEvent) => void,
): Promise<MediaLeg> =>
  media.open({
    callId: recorder.id,
    legId: legId(`${recorder.id}.${name}`),
    talker: { kind: 'agent', agent: { ...agent, callId: recorder.id, recorded: recording !== null } },
    ...audio,
    recording: recording?.spec ?? null,
    onEvent,
  })

/** Waits until the agent could speak; null: it can. */
export async function untilReady(leg: MediaLeg): Promise<Refusal | null> {
  const ready = await leg.ready()
  if (ready.ok) return null
  return { ...OUT_OF_SERVICE, detail: `${ready.error.code}: ${ready.error.message}` }
}

/** Our own fault, never the caller's or the callee's: 503, so that the carrier tries elsewhere. */
const OUT_OF_SERVICE: Refusal = {
  status: 503,
  reason: 'Service Unavailable',
  temporary: true,
  cause: 'agent-fault',
  warning: null,
  detail: '',
}

/** Media or agent threw instead of answering. */
export const refusalOfError = (error: unknown): Refusal => ({
  ...OUT_OF_SERVICE,
  detail: error instanceof Error ? error.message : String(error),
})

/** How long a call that we hung up is waited for, so that a node that stops has sent its BYEs. */
const BYE_GRACE_MS = 2_000

/** Gives a call up that is another node's: not a word of it on the wire, nothing of it on record. Resolves when its media is given back. */
export async function dropCall(
  { session, shared }: { readonly session: { fenced(): void }; readonly shared: Pick<SharedCall, 'leave'> },
  leg: MediaLeg | null,
  dialog: SipDialog | null,
): Promise<void> {
  shared.leave()
  session.fenced()
  dialog?.forget()
  leg?.mute(true)
  await leg?.close()
}

/** Closes the record of a call with what its leg was, and waits a moment for the answer to our BYE. */
export async function closeRecord(
  { recorder, metrics, session }: { recorder: CallRecorder; metrics: Metrics; session: Pick<CallSession, 'ended'> },
  end: CallEnd,
  leg: Promise<LegSummary> | undefined,
  hungUp: Promise<void>,
): Promise<void> {
  const endedAt = new Date()
  const summary = await leg
  if (summary?.agent?.firstAudioMs != null) metrics.agentFirstAudio(summary.agent.firstAudioMs)
  recorder.update({
    state: 'ended',
    endedAt,
    end,
    media: summary?.media ?? null,
    agent: summary?.agent ?? null,
  })
  if (summary?.recording != null) {
    const { seconds, complete, pausedMs } = summary.recording
    recorder.event({ event: 'recording.saved', level: complete ? 'info' : 'error', seconds, complete, pausedMs })
  }
  recorder.event({ event: 'call.ended', by: end.by, sip: end.sip, cause: end.cause })
  session.ended(end, endedAt)
  await withDeadline(hungUp, BYE_GRACE_MS)
}
