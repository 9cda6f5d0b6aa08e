import type { TrunkId } from '../../lib/core/ids.ts'
import type { DialPlan, DialTarget } from '../../lib/route/dial.ts'
import type { CallAudio } from '../../lib/trunk/media-channel.ts'
import type { LegEvent, MediaLeg } from '../media/port.ts'
import type { Scheduler } from '../sip/scheduler.ts'
import type { LegAudio } from './agent-leg.ts'
import type { CalleeHunt } from './callee-hunt.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import type { LineParts } from './line-call.ts'
import type { SipDialog } from './sip-dialog.ts'

/** What a caller is put through to a person with. */
export interface DialledCallParts extends Pick<LineParts, 'recorder' | 'metrics' | 'media' | 'recording' | 'desk'> {
  readonly invite: IncomingInvite
  readonly scheduler: Scheduler
  readonly plan: DialPlan
  /** Hunts for one of the persons in the plan. */
  readonly huntFor: (target: DialTarget) => CalleeHunt
  /** The caller's. */
  readonly audio: LegAudio
  /** Retry-After for a refusal of ours, in seconds. */
  readonly retryAfterS: () => number
  /** How the audio of who answered was, on the trunk that they were reached over. */
  readonly onAudio: (trunk: TrunkId, audio: CallAudio) => void
  /** Gives the caller to an agent, who goes on with leg, dialog and record; whoever it is hears of the leg from now on. */
  readonly handOver: (caller: StrandedCaller) => (event: LegEvent) => void
  /** Called once, when the record is closed and media given back, with the Call-ID of every INVITE that left. */
  readonly onReleased: (sipCallIds: readonly string[]) => void
}

/** A caller who was put through to a person, and has lost them. */
export interface StrandedCaller {
  readonly leg: MediaLeg
  readonly dialog: SipDialog
  /** Whether they hold us. */
  readonly held: boolean
  /** The Call-ID of every INVITE that left. */
  readonly sipCallIds: readonly string[]
}
