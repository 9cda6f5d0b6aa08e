import type { BackendReport } from '../../lib/agent/backend-outcome.ts'
import type { BackendStanding } from '../../lib/agent/backend-place.ts'
import type { PastItem } from '../../lib/agent/past.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { CallId, LegId } from '../../lib/core/ids.ts'
import type { Result } from '../../lib/core/result.ts'
import type { AnsweredBy } from '../../lib/media/answering-machine.ts'
import type { AgentRecord, MediaRecord, Speaker } from '../../lib/observe/call-record.ts'
import type { SdpRefusal } from '../../lib/sip/sdp.ts'
import type { SrtpSpec } from '../../lib/sip/secure-audio.ts'
import type { RecordingSpec, RecordingSummary } from '../recordings/writer.ts'

/**
 * The port between signaling (main thread) and media: embedded RTP workers today, FreeSWITCH by the same words.
 * One `MediaLeg` is one SIP dialog's audio together with whoever talks on it.
 */
export interface MediaEngine {
  /** Takes an RTP port pair and, for an agent, begins to open its realtime socket. Rejects where no port is free. */
  open(spec: LegSpec): Promise<MediaLeg>
  /**
   * Makes two legs one conversation, from one frame to the next: each far end hears what the other one says, and gets its keys. Whoever
   * talked on them is ended. Where one of the two is closed, the other one is silent. Rejects where they are not `beside` each other.
   */
  join(first: MediaLeg, second: MediaLeg): Promise<void>
  /** Whether legs can be joined. */
  readonly joins: boolean
  /** Has another one talk on a leg that is open; when that one could, `MediaLeg.ready` says. Whoever talked is ended. */
  talk(leg: MediaLeg, talker: TalkerSpec): Promise<void>
  /** How backends stand from now on, by id: what an agent goes by that loses its server. One that is not named is active. */
  setStandings(standings: Standings): void
  /** Legs open now. */
  readonly legs: number
  /** Closes every leg and gives every port back. */
  close(): Promise<void>
}

export type Standings = ReadonlyMap<string, BackendStanding>

export interface LegSpec {
  readonly callId: CallId
  readonly legId: LegId
  readonly talker: TalkerSpec
  /**
   * What another leg has said of this session's media last, which ours continues (RFC 3264 §8); absent or null: it begins one. With FreeSWITCH,
   * which describes its media itself, it always does.
   */
  readonly previousSdp?: string | null
  /** Whether audio is encrypted (RFC 4568); absent: never. With FreeSWITCH it is not, whatever stands here. */
  readonly srtp?: SrtpSpec
  /**
   * Keys (`a=crypto` lines) that the leg of `previousSdp` had: ours go on with them, as the far end knows them already. Absent or null:
   * this leg has keys of its own.
   */
  readonly previousKeys?: string | null
  /** A leg that this one may be joined with later; absent: none. */
  readonly beside?: MediaLeg
  /** Where the call is recorded, from `start` on; absent or null: nowhere. */
  readonly recording?: RecordingSpec | null
  /** Every event of the leg, in order; never called after `close` has resolved. */
  readonly onEvent: (event: LegEvent) => void
}

/** Who talks on our side of the leg. `none`: nobody, the far end hears silence; `comfort`: nobody, it hears a soft sound until somebody does. */
export type TalkerSpec =
  | { readonly kind: 'agent'; readonly agent: AgentSpec }
  | PhoneSpec
  | { readonly kind: 'none' }
  | { readonly kind: 'comfort' }

/** The softphone: plays a WAV file or nothing, and records what comes back. */
export interface PhoneSpec {
  readonly kind: 'phone'
  /** A WAV file to play once, from the moment the dialog is confirmed. */
  readonly playFile?: string
  /** 16-bit samples of 8000 Hz to play in place of a file. */
  readonly playSamples?: Int16Array
  /** A WAV file that receives the far end's audio after the jitter buffer, 16-bit mono. */
  readonly recordFile?: string
  /** 8000 Hz, that of the line, unless told otherwise. */
  readonly recordRateHz?: 8000 | 16000
  /** Keys to press from the moment the dialog is confirmed, as RFC 4733 events: `0-9*#A-D`. */
  readonly digits?: string
}

/**
 * `other` is for a far end that refused the usual offer (488): where SRTP is optional, in clear what was encrypted and the other way
 * round; else without the codec that we prefer, if there is another one.
 */
export type OfferKind = 'usual' | 'other'

export interface MediaLeg {
  /** Answers an offer (RFC 3264 §6), the first one and each later one (re-INVITE, UPDATE): hold, codec, new address. */
  answer(offerSdp: string): Promise<Result<string, SdpRefusal>>
  /**
   * Our own offer (RFC 3264 §5): a delayed offer in the 200 OK, or a call that we place.
   * @param srtp from now on, in place of that of `LegSpec`: a leg may be opened before it is known where it is to lead
   */
  offer(kind?: OfferKind, srtp?: SrtpSpec): Promise<string>
  /** The far end's answer to our last offer. */
  accept(answerSdp: string): Promise<Result<void, SdpRefusal>>
  /** Resolves when the talker could speak at once: for an agent, its socket is open and its session configured. */
  ready(): Promise<Result<void, AgentRefusal>>
  /**
   * For how long no RTP has come from the far end, in milliseconds; null: before `start`, or on hold. May be less than it really is, as
   * FreeSWITCH is asked every few seconds, never more.
   */
  silentMs(): Promise<number | null>
  /** The dialog is confirmed (ACK): the talker may begin. */
  start(): void
  /** Whether anything may be sent to the far end: RTP and RTCP of ours; with FreeSWITCH, which keeps its stream going, silence in it. */
  mute(muted: boolean): void
  /**
   * The answer to an `agent.transfer` event.
   * @param problem why the far end is still with the agent; null: it is put through to somebody else, and the agent has no more to say
   */
  transferred(callId: string, problem: string | null): void
  /** A key of the far end that came by signaling (SIP INFO): it reaches the talker and `onEvent` as one in RTP does. */
  dtmf(digit: string, durationMs: number): void
  /** Stops everything of this leg, gives its ports back, and says what it was. Safe to call twice. */
  close(): Promise<LegSummary>
}

export type { SdpRefusal, SrtpSpec }

/** Why the agent cannot take the call. */
export interface AgentRefusal {
  readonly code: 'agent-unreachable' | 'agent-refused' | 'agent-timeout' | 'media-lost'
  readonly message: string
}

export type LegEvent =
  | { readonly kind: 'dtmf'; readonly digit: string; readonly durationMs: number }
  /** RTP and RTCP have been silent for the configured time (30 s); a leg on hold is excepted. */
  | { readonly kind: 'mediaTimeout'; readonly silentMs: number }
  /** RTP that somebody else sends to the leg's port is dropped; told once, with one of its sources. */
  | { readonly kind: 'stranger'; readonly address: string; readonly port: number }
  /** RTP or RTCP that the far end's key did not make is dropped; told once, with the source of the first. */
  | { readonly kind: 'forged'; readonly address: string; readonly port: number }
  /** The first RTP packet of the far end, `afterMs` after `start()`. */
  | { readonly kind: 'firstPacket'; readonly afterMs: number }
  /** The first audible audio, not silence, that came from the far end, `afterMs` after `start()`. */
  | { readonly kind: 'firstAudio'; readonly afterMs: number }
  /** RTP of the far end comes again, after a second or more without any. */
  | { readonly kind: 'rtpResumed'; readonly silentMs: number }
  /** Who has answered a call of ours, as far as that can be heard; `leaves`: nobody wants to talk to them. */
  | { readonly kind: 'answeredBy'; readonly by: AnsweredBy; readonly afterMs: number; readonly leaves: boolean }
  | { readonly kind: 'agent.connected'; readonly backend: string; readonly setupMs: number }
  /** The agent's server is gone; another one is being looked for. */
  | { readonly kind: 'agent.lost'; readonly code: string; readonly message: string }
  /** The conversation goes on, after `gapMs` without an agent. */
  | { readonly kind: 'agent.reconnected'; readonly backend: string; readonly gapMs: number }
  /** No server of the agent could be had again. */
  | { readonly kind: 'agent.gone'; readonly code: string; readonly message: string }
  | { readonly kind: 'agent.bargeIn'; readonly heardMs: number; readonly silenceAfterMs: number }
  | {
      readonly kind: 'agent.tool'
      readonly name: string
      readonly ok: boolean
      readonly tookMs: number
      readonly message?: string
    }
  /** The agent wants the far end put through to the person of this name; `MediaLeg.transferred` answers. */
  | { readonly kind: 'agent.transfer'; readonly callId: string; readonly to: string }
  /** Whether the person on this leg takes the call that the agent has told them of. */
  | { readonly kind: 'agent.briefed'; readonly accepts: boolean; readonly reason: string }
  /** A fact about the call that is kept with its session (`set_variable`). */
  | { readonly kind: 'agent.variable'; readonly name: string; readonly value: string }
  | { readonly kind: 'turn'; readonly at: Date; readonly who: Speaker; readonly text: string }
  /** What a session of the agent says of the server that it was on. */
  | { readonly kind: 'agent.backend'; readonly report: BackendReport }
  /** Something has entered the agent's history: said, heard, looked up. What a further call goes on with, in this order. */
  | { readonly kind: 'item'; readonly item: PastItem }
  /** The agent's `hang_up` tool was called and what it was saying has been played out. */
  | { readonly kind: 'hangUp'; readonly reason: string }
  /** A phone has played its file to the end. */
  | { readonly kind: 'played' }
  /** The worker that carried this leg is gone: nothing more will come of it. */
  | { readonly kind: 'failed'; readonly message: string }

export interface LegSummary {
  /** Null where no SDP was ever agreed. */
  readonly media: MediaRecord | null
  readonly agent: AgentRecord | null
  /** Null where nothing was recorded. */
  readonly recording: RecordingSummary | null
}
