import type { G711Law } from '../media/g711.ts'
import type { ClientEvent } from './client-event.ts'
import { type DtmfBatch, isDue, NO_DIGITS } from './dtmf-batch.ts'
import { EMPTY_LEDGER, type Ledger, type SentItem } from './ledger.ts'
import type { ServerEvent } from './protocol.ts'
import { isBusy, NEW_SEQUENCER, type Sequencer } from './response-sequencer.ts'
import { NO_TOOL_CALLS, type ToolCalls } from './tool-calls.ts'

/**
 * One socket's session with a realtime server, from the opening of the socket to the end of the call.
 * - `opening`: the socket is not open yet. `configuring`: `session.update` is sent, `session.updated` awaited.
 * - `up`: it could speak, and does so once the dialog is confirmed.
 * - `lost`: the server is gone; what is queued is still played, and signaling decides about the call.
 * - `closed`: over: the server refused us, or the call has ended.
 */
export type Phase = 'opening' | 'configuring' | 'up' | 'lost' | 'closed'

export interface SessionState {
  readonly phase: Phase
  /** When a session that is not up is given up. Monotonic. */
  readonly setupDeadlineMs: number
  /** What the leg speaks. */
  readonly codec: G711Law
  /** What the server expects of us, and what its audio is in. They differ from `codec` while a change is under way. */
  readonly inputCodec: G711Law
  readonly outputCodec: G711Law
  /** `session.update`s that are not acknowledged, the oldest first: the acknowledgement names none. */
  readonly updates: readonly { readonly eventId: string; readonly codec: G711Law }[]
  readonly started: boolean
  readonly greeted: boolean
  readonly caller: CallerSpeech
  readonly responses: Sequencer
  /** Failed responses in a row. */
  readonly failures: number
  readonly ledger: Ledger
  /** Why the line was last asked to flush, until it has said what was sent. */
  readonly cut: { readonly atMs: number } | null
  /** Responses and items whose audio is no longer wanted: it still arrives for a while. */
  readonly discarded: readonly string[]
  readonly tools: ToolCalls
  readonly hangUp: HangUp | null
  readonly dtmf: DtmfBatch
  /** An `error` after which the server goes, such as `session_expired`: it names the loss that follows. */
  readonly lastError: { readonly code: string; readonly message: string } | null
  /** When a server event last came, or something was last asked of the server. Monotonic. */
  readonly quietSinceMs: number
  /** Numbers our event and item ids. */
  readonly serial: number
  readonly turns: number
  readonly bargeIns: number
  readonly tokens: number
}

/** What turn detection says of the caller. */
export interface CallerSpeech {
  readonly speaking: boolean
  /** The latest speech: an event about it may come twice. */
  readonly itemId: string | null
  /** When recent speech began, by item: the transcript comes later. Monotonic. */
  readonly began: readonly { readonly itemId: string; readonly atMs: number }[]
}

/** The agent has asked to hang up; that happens when all it said has been played. */
export interface HangUp {
  readonly callId: string
  readonly responseId: string
  readonly reason: string
  readonly beganAtMs: number
  readonly deadlineMs: number
  /** The response that asked for it is over: no more audio follows. */
  readonly responseDone: boolean
}

export type SessionInput =
  | { readonly kind: 'opened' }
  /** The socket is closed, or never opened; `refusal` is how that reads before the session is up. */
  | { readonly kind: 'closed'; readonly code: number; readonly message: string; readonly refusal: RefusalCode }
  | { readonly kind: 'server'; readonly event: ServerEvent }
  | { readonly kind: 'attached'; readonly codec: G711Law }
  | { readonly kind: 'started' }
  | { readonly kind: 'played'; readonly itemId: string }
  /** The line's answer to `flush`. */
  | { readonly kind: 'flushed'; readonly items: readonly SentItem[] }
  /** The line did not take the audio of the last `play`. */
  | { readonly kind: 'overflowed'; readonly itemId: string; readonly samples: number }
  | { readonly kind: 'dtmf'; readonly digit: string }
  | { readonly kind: 'toolDone'; readonly result: ToolResult }
  /** `deadlineMs` has come. */
  | { readonly kind: 'woken' }
  /** The call has ended. */
  | { readonly kind: 'ended' }

export type RefusalCode = 'agent-unreachable' | 'agent-refused' | 'agent-timeout'

/** What a tool answered: `output` is the text for the agent, also where it failed. */
export interface ToolResult {
  readonly callId: string
  readonly name: string
  readonly ok: boolean
  readonly output: string
  readonly tookMs: number
  readonly message?: string
}

/** Things that should not happen, counted by name. */
export type SessionFault = 'serverError' | 'lateAudio' | 'overflow' | 'badAudio' | 'tooManyCalls' | 'requestDropped'

/** What signaling and the call's record learn; each is a leg event of the same shape. */
export type AgentNews =
  | { readonly kind: 'agent.lost'; readonly code: string; readonly message: string }
  | { readonly kind: 'agent.bargeIn'; readonly heardMs: number; readonly silenceAfterMs: number }
  | {
      readonly kind: 'agent.tool'
      readonly name: string
      readonly ok: boolean
      readonly tookMs: number
      readonly message?: string
    }
  | { readonly kind: 'hangUp'; readonly reason: string }

export type SessionEffect =
  | { readonly kind: 'send'; readonly event: ClientEvent }
  /** G.711 in `codec`, which the performer turns into the line's. Answered by `overflowed` where it is not taken. */
  | { readonly kind: 'play'; readonly itemId: string; readonly audio: Uint8Array; readonly codec: G711Law }
  | { readonly kind: 'endItem'; readonly itemId: string }
  /** Before the next packet, and answered by `flushed`. */
  | { readonly kind: 'flush' }
  | { readonly kind: 'ready' }
  /** The session never came up. */
  | { readonly kind: 'refuse'; readonly code: RefusalCode; readonly message: string }
  | {
      readonly kind: 'runTool'
      readonly callId: string
      readonly name: string
      readonly arguments: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'news'; readonly news: AgentNews }
  /** A turn of the transcript, which began at `atMs` (monotonic). */
  | {
      readonly kind: 'turn'
      readonly who: 'caller' | 'agent' | 'tool'
      readonly text: string
      readonly atMs: number
    }
  | { readonly kind: 'count'; readonly fault: SessionFault }
  | { readonly kind: 'closeSocket' }

/** A server that owes us a response and has been silent for so long is gone, whatever its socket says. */
export const STALL_MS = 15_000

/** @param setupMs how long the socket may take to be open and configured */
export function newSession(codec: G711Law, nowMs: number, setupMs: number): SessionState {
  return {
    phase: 'opening',
    setupDeadlineMs: nowMs + setupMs,
    codec,
    inputCodec: codec,
    outputCodec: codec,
    updates: [],
    started: false,
    greeted: false,
    caller: { speaking: false, itemId: null, began: [] },
    responses: NEW_SEQUENCER,
    failures: 0,
    ledger: EMPTY_LEDGER,
    cut: null,
    discarded: [],
    tools: NO_TOOL_CALLS,
    hangUp: null,
    dtmf: NO_DIGITS,
    lastError: null,
    quietSinceMs: nowMs,
    serial: 0,
    turns: 0,
    bargeIns: 0,
    tokens: 0,
  }
}

/** When the session wants to be woken, monotonic; null where it waits for nothing. */
export function deadlineMs(state: SessionState): number | null {
  const { phase, responses, dtmf, hangUp } = state
  const all: number[] = []
  if (phase === 'opening' || phase === 'configuring') all.push(state.setupDeadlineMs)
  if (phase === 'up') {
    if (dtmf.dueAtMs !== null) all.push(dtmf.dueAtMs)
    if (isBusy(responses)) all.push(state.quietSinceMs + STALL_MS)
    else if (responses.waiting.length > 0 && Number.isFinite(responses.heldUntilMs)) all.push(responses.heldUntilMs)
  }
  if (phase !== 'closed' && hangUp !== null) all.push(hangUp.deadlineMs)
  return all.length === 0 ? null : Math.min(...all)
}

/** Whether the server has owed us a response for too long. */
export const isStalled = (state: SessionState, nowMs: number): boolean =>
  state.phase === 'up' && isBusy(state.responses) && nowMs >= state.quietSinceMs + STALL_MS

/** Whether digits wait to be told to the agent now. */
export const hasDigitsDue = (state: SessionState, nowMs: number): boolean =>
  state.phase === 'up' && isDue(state.dtmf, nowMs)
