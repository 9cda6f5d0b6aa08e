import type { CallEnd } from '../../lib/call/agent-call.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { Bequest, InheritedSession } from '../session/inherited-session.ts'
import type { CallRecorder } from './call-recorder.ts'
import type { Callee, CalleeHuntContext } from './callee-hunt.ts'

/** Somebody to whom the agent of a call is handed on, and who hears how that goes. */
export interface FollowOrder {
  /** The call that the agent is on. */
  readonly before: CallRecorder
  readonly session: Bequest
  readonly callee: Callee & { readonly to: string }
  readonly context: CalleeHuntContext
  /** How often the conversation has been handed on, with this time. */
  readonly handOns: number
  /** As a SIP caller would hear it: 180, or a failure. */
  readonly onProgress: (status: number) => void
  /** They have answered, and there is audio: the session is wanted now. */
  readonly onAnswered: () => void
  readonly onEnded: (end: CallEnd) => void
}

/** A call that goes on with the session of another one. */
export interface FollowingCall {
  readonly call: { hangUp(by: EndedBy, cause: EndCause): void }
  readonly session: InheritedSession
  readonly recorder: CallRecorder
}
