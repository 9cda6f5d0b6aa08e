import type { Result } from '../../../lib/core/result.ts'
import type { G711Law } from '../../../lib/media/g711.ts'
import type { SdpRefusal } from '../../../lib/sip/sdp.ts'
import type { AgentFault } from '../../agent/meter.ts'
import type { RecordingSpec } from '../../recordings/writer.ts'
import type { AgentRefusal, LegEvent, LegSummary, OfferKind, SrtpSpec, Standings, TalkerSpec } from '../port.ts'

/** What the main thread and a media worker say to each other: a few messages a call, none a packet. */

/** What every worker is started with. */
export interface WorkerOptions {
  /** Null where another engine carries RTP. */
  readonly rtp: RtpOptions | null
  /** URL of another module that makes agent talkers; null where only phones are carried. */
  readonly agentTalkerModule: string | null | undefined
}

export interface RtpOptions {
  /** Bound by the RTP sockets. */
  readonly bindAddress: string
  /** Written into SDP. */
  readonly address: string
  readonly codecs: readonly string[]
  readonly silenceTimeoutMs: number
}

/** Names a leg between the threads; never used twice. */
export type LegHandle = number

export type ToWorker =
  | Request
  | { readonly kind: 'start'; readonly leg: LegHandle }
  | { readonly kind: 'mute'; readonly leg: LegHandle; readonly muted: boolean }
  | { readonly kind: 'transferred'; readonly leg: LegHandle; readonly callId: string; readonly problem: string | null }
  | { readonly kind: 'dtmf'; readonly leg: LegHandle; readonly digit: string; readonly durationMs: number }
  /** What was agreed for a leg whose RTP FreeSWITCH carries. */
  | { readonly kind: 'agreed'; readonly leg: LegHandle; readonly codec: G711Law; readonly maySpeak: boolean }
  | { readonly kind: 'standings'; readonly standings: Standings }
  /** Ends the thread once its legs are closed. */
  | { readonly kind: 'stop' }

export type Request = { readonly request: number; readonly leg: LegHandle } & RequestBody

export type RequestBody =
  | {
      readonly kind: 'open'
      readonly rtpPort: number
      readonly talker: TalkerSpec
      /** See `LegSpec`. */
      readonly previousSdp: string | null
      readonly recording: RecordingSpec | null
      readonly srtp: SrtpSpec
      readonly previousKeys: string | null
    }
  | { readonly kind: 'answer'; readonly sdp: string }
  | { readonly kind: 'offer'; readonly which: OfferKind; readonly srtp: SrtpSpec | null }
  | { readonly kind: 'accept'; readonly sdp: string }
  /** A leg whose RTP a FreeSWITCH carries: its talker, and the WebSocket of its fork. */
  | { readonly kind: 'openVoice'; readonly talker: TalkerSpec; readonly recording: RecordingSpec | null }
  /** Awaits a fork at this address of ours. */
  | { readonly kind: 'expectFork'; readonly address: string }
  /** Resolves when the fork is there, or does not come. */
  | { readonly kind: 'forked' }
  | { readonly kind: 'ready' }
  /** Another one talks on the leg. */
  | { readonly kind: 'talk'; readonly talker: TalkerSpec }
  /** The two far ends talk to each other. */
  | { readonly kind: 'join'; readonly other: LegHandle }
  /** For how long no RTP has come. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'close' }

/** Why a leg could not be opened: another pair may be free, or nothing helps. */
export interface OpenRefusal {
  readonly code: 'port-busy' | 'bind-failed' | 'talker-failed'
  readonly message: string
}

export type Reply = { readonly request: number } & ReplyBody

export type ReplyBody =
  | { readonly kind: 'open'; readonly result: Result<void, OpenRefusal> }
  | { readonly kind: 'answer'; readonly result: Result<string, SdpRefusal> }
  | { readonly kind: 'offer'; readonly sdp: string }
  | { readonly kind: 'accept'; readonly result: Result<void, SdpRefusal> }
  | { readonly kind: 'ready'; readonly result: Result<void, AgentRefusal> }
  | { readonly kind: 'silence'; readonly silentMs: number | null }
  | { readonly kind: 'talk' | 'join' }
  | { readonly kind: 'close'; readonly summary: LegSummary }
  | { readonly kind: 'openVoice'; readonly result: Result<void, OpenRefusal> }
  | { readonly kind: 'expectFork'; readonly url: string }
  | { readonly kind: 'forked'; readonly connected: boolean }
  /** The request met a bug or a leg that is gone; it is rejected on the main thread. */
  | { readonly kind: 'error'; readonly message: string }

export type FromWorker =
  | Reply
  | { readonly kind: 'event'; readonly leg: LegHandle; readonly event: LegEvent }
  | { readonly kind: 'warning'; readonly leg: LegHandle; readonly message: string }
  | { readonly kind: 'load'; readonly load: WorkerLoad }

/** How a worker fares. Counts are since its start, the other figures of the last minute at most. */
export interface WorkerLoad {
  readonly legs: number
  /** The latest that a slice of the packet clock was served after its deadline. */
  readonly maxLagMs: number
  /** 20 ms ticks that were given up, as the thread was blocked for too long to catch up. */
  readonly skippedTicks: number
  /** RTP packets that were dropped because of where they came from. */
  readonly strangerPackets: number
  /** RTP and RTCP packets that were dropped because the far end's key did not make them. */
  readonly forgedPackets: number
  /** 99 of 100 frames of callers' audio that end a batch were on the agent's socket in less than this. */
  readonly appendDelayP99Ms: number
  readonly agentFaults: Readonly<Record<AgentFault, number>>
}
