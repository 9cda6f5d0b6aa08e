import type { AnsweredBy } from '../media/answering-machine.ts'
import type { G711Law } from '../media/g711.ts'
import type { ClientEvent } from './client-event.ts'
import { type DtmfBatch, isDue, NO_DIGITS } from './dtmf-batch.ts'
import type { History, HistoryItem } from './history.ts'
import { EMPTY_LEDGER, type Ledger, type SentItem } from './ledger.ts'
import { historyOf, type Past } from './past.ts'
import type { ServerEvent } from './protocol.ts'
import { isBusy, NEW_SEQUENCER, type Sequencer } from './response-sequencer.ts'
import { type ToolCalls, toolCallsOf } from './tool-calls.ts'

/**
 * One conversation with an agent, on one realtime server after the other, from the opening of the first socket to the end of the call.
 * - `opening`: the socket is not open yet. `configuring`: `session.update` is sent, `session.updated` awaited.
 * - `up`: it could speak, and does so once the dialog is confirmed.
 * - `lost`: the server is gone; what is queued is still played, and the next server is on its way.
 * - `closed`: over: the first server refused us, or the call has ended.
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
  readonly history: History
  /** The agent is away from the conversation, since it was lost or moves to another server; null while it takes part. */
  readonly gap: Gap | null
  /** The caller has stopped speaking, and no response to it has begun. */
  readonly replyDue: boolean
  /** How far the move to a fresh session, ahead of the server's limit, has got. */
  readonly renewal: 'none' | 'preparing' | 'ready'
  /** When to begin with it; null: the server has named no limit. Monotonic. */
  readonly renewAtMs: number | null
  readonly hangUp: HangUp | null
  /** The call of `transfer_call` that is not answered yet, and since when (monotonic). */
  readonly transfer: { readonly callId: string; readonly sinceMs: number } | null
  /** Tools of MCP servers that the server is calling, and since when (monotonic). */
  readonly hosted: readonly { readonly itemId: string; readonly atMs: number }[]
  /** What the agent has kept of this call by `set_variable`. */
  readonly variables: Readonly<Record<string, string>>
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
  /** From here on the agent has not answered what was said, and no transcript of it has come. Monotonic. */
  readonly unansweredSinceMs: number | null
}

/** A time without the agent. */
export interface Gap {
  readonly sinceMs: number
  /** We moved it ourselves, between two turns: nobody waits for a word. */
  readonly planned: boolean
  /** The agent owes a word: it was cut, or was asked something, and is to go on when it is back. */
  readonly owed: boolean
}

/** The agent has asked to hang up, or to settle what becomes of a transfer; that happens when all it said has been played. */
export interface HangUp {
  readonly name: 'hang_up' | 'accept_call' | 'decline_call'
  readonly callId: string
  readonly responseId: string
  readonly reason: string
  readonly beganAtMs: number
  readonly deadlineMs: number
  /** The response that asked for it is over: no more audio follows. */
  readonly responseDone: boolean
}

export type SessionInput =
  /** `hosted`: it calls tools of MCP servers by itself, where it is told of some. */
  | { readonly kind: 'opened'; readonly hosted?: boolean }
  /** The socket is closed, or never opened; `refusal` is how that reads before the session is up. */
  | {
      readonly kind: 'closed'
      readonly code: number
      /** HTTP status of a handshake that was refused. */
      readonly status?: number
      readonly message: string
      readonly refusal: RefusalCode
    }
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
  /** What came of `transfer_call`; null: the caller is put through, and the agent has no more to say. */
  | { readonly kind: 'transferred'; readonly callId: string; readonly problem: string | null }
  /** Who has answered a call of ours, as far as that can be heard. */
  | { readonly kind: 'answeredBy'; readonly by: AnsweredBy }
  /** A further server is being connected, after a loss, or in the place of the one that works. */
  | { readonly kind: 'reopening'; readonly setupMs: number }
  /** The server's limit is near enough at `renewAtMs` (monotonic) to look for a fresh session. */
  | { readonly kind: 'expires'; readonly renewAtMs: number }
  /** What came of `prepare`: a socket stands open, or could not be opened. */
  | { readonly kind: 'prepared'; readonly ok: boolean }
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
  /** The agent's part is over with it: it is kept, and no server is told. */
  readonly isLast?: boolean
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
  /** A fact about the call that is kept with its session. */
  | { readonly kind: 'agent.variable'; readonly name: string; readonly value: string }
  | { readonly kind: 'hangUp'; readonly reason: string }
  /** The caller is to be put through to the person of this name. */
  | { readonly kind: 'agent.transfer'; readonly callId: string; readonly to: string }
  /** Whether the person that the agent has told of a caller takes the call. */
  | { readonly kind: 'agent.briefed'; readonly accepts: boolean; readonly reason: string }

export type SessionEffect =
  | { readonly kind: 'send'; readonly event: ClientEvent }
  /** G.711 in `codec`, which the performer turns into the line's. Answered by `overflowed` where it is not taken. */
  | { readonly kind: 'play'; readonly itemId: string; readonly audio: Uint8Array; readonly codec: G711Law }
  | { readonly kind: 'endItem'; readonly itemId: string }
  /** Before the next packet, and answered by `flushed`. */
  | { readonly kind: 'flush' }
  /** The session is up. `back` where the conversation went on: how long it had no agent, and from when on it heard nothing of the caller (monotonic). */
  | { readonly kind: 'ready'; readonly back: { readonly gapMs: number; readonly deafSinceMs: number } | null }
  /** The server is gone; `code` and `message` say why. */
  | { readonly kind: 'lost'; readonly code: string; readonly message: string }
  /** A second socket is wanted, for a session that takes over from this one. Answered by `prepared`. */
  | { readonly kind: 'prepare' }
  /** The second socket takes the place of the first, and `reopening` follows. */
  | { readonly kind: 'switch' }
  /** The session never came up; `cause` is the code of its end. */
  | { readonly kind: 'refuse'; readonly code: RefusalCode; readonly cause: string; readonly message: string }
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
  /** Something has entered the history: the same conversation may go on in another call. */
  | { readonly kind: 'keep'; readonly item: HistoryItem }
  | { readonly kind: 'count'; readonly fault: SessionFault }
  | { readonly kind: 'closeSocket' }

/** A server that owes us a response and has been silent for so long is gone, whatever its socket says. */
export const STALL_MS = 8_000
/** The same while it waits for an MCP server itself. */
export const HOSTED_STALL_MS = 30_000

const stallMs = ({ hosted }: SessionState): number => (hosted.length === 0 ? STALL_MS : HOSTED_STALL_MS)

/**
 * @param setupMs how long the socket may take to be open and configured
 * @param past what the conversation begins with, where it goes on
 */
export function newSession(codec: G711Law, nowMs: number, setupMs: number, past?: Past): SessionState {
  const history = historyOf(past)
  return {
    phase: 'opening',
    setupDeadlineMs: nowMs + setupMs,
    codec,
    inputCodec: codec,
    outputCodec: codec,
    updates: [],
    started: false,
    greeted: false,
    caller: { speaking: false, itemId: null, began: [], unansweredSinceMs: null },
    responses: NEW_SEQUENCER,
    failures: 0,
    ledger: EMPTY_LEDGER,
    cut: null,
    discarded: [],
    tools: toolCallsOf(history),
    history,
    gap: null,
    replyDue: false,
    renewal: 'none',
    renewAtMs: null,
    hangUp: null,
    transfer: null,
    hosted: [],
    variables: {},
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
    if (state.renewAtMs !== null && state.renewal === 'none') all.push(state.renewAtMs)
    if (owesReply(state)) all.push(state.quietSinceMs + stallMs(state))
    if (!isBusy(responses) && responses.waiting.length > 0 && Number.isFinite(responses.heldUntilMs)) {
      all.push(responses.heldUntilMs)
    }
  }
  if (phase !== 'closed' && hangUp !== null) all.push(hangUp.deadlineMs)
  return all.length === 0 ? null : Math.min(...all)
}

/** Whether the server has owed us a response for too long. */
export const isStalled = (state: SessionState, nowMs: number): boolean =>
  state.phase === 'up' && owesReply(state) && nowMs >= state.quietSinceMs + stallMs(state)

const owesReply = ({ responses, replyDue }: SessionState): boolean => isBusy(responses) || replyDue

/** Whether the conversation has begun: a loss is made good from now on, where a first server only refuses. */
export const hasBegun = ({ phase, gap }: SessionState): boolean => phase === 'up' || gap !== null

/** Whether digits wait to be told to the agent now. */
export const hasDigitsDue = (state: SessionState, nowMs: number): boolean =>
  state.phase === 'up' && isDue(state.dtmf, nowMs)
