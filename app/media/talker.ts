import type { Result } from '../../lib/core/result.ts'
import type { AgentRecord } from '../../lib/observe/call-record.ts'
import type { AgentRefusal, LegEvent } from './port.ts'

/** G.711 codec of a leg as RTP (RFC 3551) and OpenAI Realtime name it: `audio/pcmu`, `audio/pcma`. 8000 Hz, one byte a sample. */
export type G711 = 'PCMU' | 'PCMA'

/**
 * Whoever talks on a leg inside the media worker: the agent's realtime session, a softphone's player and recorder,
 * later a bridge to another leg. It lives on the worker's thread, beside the RTP sockets, so audio crosses no thread.
 */
export interface Talker {
  /** Resolves when it could speak at once. `attach` may come before or after. */
  ready(): Promise<Result<void, AgentRefusal>>
  /** The codec is agreed (or has changed by re-INVITE); `line` is where audio to the far end goes. */
  attach(line: Line): void
  /** The dialog is confirmed: it may begin to speak. */
  start(): void
  /**
   * One frame (20 ms, 160 bytes of G.711) of the far end's audio, in order, without gaps in time: where RTP is missing or has
   * stopped, silence is filled in. The bytes are valid during this call only.
   */
  onAudio(frame: Uint8Array, nowMs: number): void
  onDtmf(digit: string, durationMs: number): void
  /** The line has sent the last queued sample of an item. */
  onPlayed(itemId: string): void
  /** What came of a transfer that it has asked for; see `MediaLeg.transferred`. Absent: it asks for none. */
  transferred?(callId: string, problem: string | null): void
  /** Ends it: sockets closed, files written. Safe to call twice. */
  close(): Promise<AgentRecord | null>
}

/** The way to the far end: a queue that is played out at the packet clock, item by item. */
export interface Line {
  readonly codec: G711
  /** Appends audio of an item, any number of bytes (odd sizes too). False where the queue is full and nothing was taken. */
  play(itemId: string, audio: Uint8Array): boolean
  /** No more audio of this item will come: its last partial frame may be padded and sent, and `onPlayed` follows. */
  end(itemId: string): void
  /** Barge-in: drops all that is queued, before the next packet. Tells what was sent of each item not yet fully played. */
  flush(): readonly PlayedItem[]
  /** Samples of queued audio that have not been sent yet. */
  queuedSamples(): number
  /** Presses keys towards the far end, at once; what is queued waits meanwhile. */
  press(digits: string): PressOutcome
  /** Whether what both sides say is recorded, from the next frame on; what is not is silence in the file. False where the call is not recorded. */
  record(wanted: boolean): boolean
}

/** `not-agreed`: the far end takes no keys in RTP (RFC 4733). `refused`: they are no keys, or too many wait. `unable`: this line sends none. */
export type PressOutcome = 'pressed' | 'not-agreed' | 'refused' | 'unable'

/** Samples at 8000 Hz. `sentSamples` counts only what was handed to the RTP socket. */
export interface PlayedItem {
  readonly itemId: string
  readonly sentSamples: number
  readonly receivedSamples: number
}

export type EmitLegEvent = (event: LegEvent) => void
