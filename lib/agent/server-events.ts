import { assertNever } from '../core/assert-never.ts'
import { forgoHangUp } from './farewell.ts'
import { endHosted, onHostedBegan, onHostedCall, onListingFailed } from './hosted-tools.ts'
import { endGap, fail, goOn } from './loss.ts'
import type { ServerError, ServerEvent } from './protocol.ts'
import {
  enqueue,
  hold,
  itemAcknowledged,
  plainRequest,
  requestRefused,
  responseCreated,
  responseEnded,
} from './response-sequencer.ts'
import { restorePast } from './restore.ts'
import { classifyError } from './server-error.ts'
import { audioFormat } from './session-config.ts'
import { addTurn, change, count, discard, nextId, send, type Work } from './session-work.ts'
import { cutSpeech, onAudio, onAudioDone, onResponseOver, onTranscript } from './speaking.ts'
import { onCall, onCallsComplete } from './tool-turns.ts'

/** After the caller's speech turn detection makes a response; ours wait this long for it, since it may answer them. */
const AFTER_SPEECH_MS = 1_000
/** Turn detection tells of speech when it has heard some; what was said before belongs to it (OpenAI Realtime: `prefix_padding_ms`). */
const NOTICED_WITHIN_MS = 1_000
/** Speech whose transcript may still come. */
const MAX_SPEECHES = 32
/** Failed responses in a row that end it. */
const MAX_FAILURES = 2

/** What an event of the server means for the call (OpenAI Realtime GA). */
export function onServerEvent(work: Work, event: ServerEvent): void {
  if (work.state.phase === 'opening' || work.state.phase === 'lost') return
  change(work, { quietSinceMs: work.nowMs })
  switch (event.type) {
    case 'session.updated':
      return onSessionUpdated(work, event.outputFormat)
    case 'error':
      return onError(work, event.error)
    case 'input_audio_buffer.speech_started':
      return onSpeechStarted(work, event.itemId)
    case 'input_audio_buffer.speech_stopped':
      return onSpeechStopped(work, event.itemId)
    case 'conversation.item.added':
      return change(work, { responses: itemAcknowledged(work.state.responses, event.itemId) })
    case 'conversation.item.input_audio_transcription.completed':
      return onCallerTranscript(work, event.itemId, event.transcript)
    case 'response.created':
      return onResponseCreated(work, event.responseId, event.request)
    case 'response.done':
      return onResponseDone(work, event)
    case 'response.output_item.done':
      return onCall(work, event.responseId, event.call)
    case 'response.mcp_call.in_progress':
      return onHostedBegan(work, event.itemId)
    case 'mcp_call':
      return onHostedCall(work, event.call)
    case 'mcp_list_tools.failed':
      return onListingFailed(work)
    case 'response.output_audio.delta':
      return onAudio(work, event)
    case 'response.output_audio.done':
      return onAudioDone(work, event.itemId)
    case 'response.output_audio_transcript.delta':
    case 'response.output_audio_transcript.done':
      return onTranscript(work, event)
    case 'other':
      return
    default:
      return assertNever(event)
  }
}

function onSessionUpdated(work: Work, outputFormat: string | null): void {
  const [update, ...updates] = work.state.updates
  if (update === undefined) return
  const wanted = audioFormat(update.codec).type
  if (outputFormat !== null && outputFormat !== wanted) {
    return fail(work, 'agent-refused', 'wrong-format', `the server speaks ${outputFormat.slice(0, 64)}, not ${wanted}`)
  }
  change(work, { updates, outputCodec: update.codec })
  if (work.state.phase !== 'configuring' || updates.length > 0) return
  change(work, { phase: 'up' })
  const { gap } = work.state
  if (gap !== null) return goOn(work, gap)
  restorePast(work)
  work.effects.push({ kind: 'ready', back: null })
}

/** OpenAI Realtime: `error`. Before the session is up it is a refusal; later the call goes on until the socket closes. */
function onError(work: Work, error: ServerError): void {
  const kind = classifyError(error)
  if (kind === 'race') return
  const code = error.code ?? error.type ?? 'error'
  if (work.state.phase === 'configuring') return fail(work, 'agent-refused', code, error.message)
  const refused = requestRefused(work.state.responses, error.eventId ?? '', kind === 'conflict', work.nowMs)
  change(work, { responses: refused.sequencer })
  if (refused.dropped) count(work, 'requestDropped')
  if (kind === 'conflict') return
  count(work, 'serverError')
  if (kind !== 'fault') change(work, { lastError: { code, message: error.message } })
  const update = work.state.updates.find(({ eventId }) => eventId === error.eventId)
  if (update === undefined) return
  // The server stays with the codec it has; the leg's audio is turned into that one.
  change(work, {
    updates: work.state.updates.filter((other) => other !== update),
    inputCodec: work.state.outputCodec,
  })
}

/** Barge-in, and what waits for the agent waits until the caller is done. */
function onSpeechStarted(work: Work, itemId: string): void {
  const { caller } = work.state
  if (caller.itemId === itemId) return
  const began = [...caller.began, { itemId, atMs: work.nowMs }].slice(-MAX_SPEECHES)
  const unansweredSinceMs = caller.unansweredSinceMs ?? work.nowMs - NOTICED_WITHIN_MS
  change(work, { caller: { speaking: true, itemId, began, unansweredSinceMs }, replyDue: false })
  endGap(work)
  forgoHangUp(work)
  cutSpeech(work)
}

function onSpeechStopped(work: Work, itemId: string): void {
  const { caller, responses } = work.state
  if (!caller.speaking || caller.itemId !== itemId) return
  change(work, {
    caller: { ...caller, speaking: false },
    replyDue: true,
    responses: hold(responses, work.nowMs + AFTER_SPEECH_MS),
  })
}

function onCallerTranscript(work: Work, itemId: string, transcript: string): void {
  const { caller } = work.state
  const speech = caller.began.find((began) => began.itemId === itemId)
  if (caller.itemId === itemId) change(work, { caller: { ...caller, unansweredSinceMs: null } })
  addTurn(work, 'caller', transcript, speech?.atMs ?? work.nowMs)
}

function onResponseCreated(work: Work, responseId: string, mark: string | null): void {
  const { responses, caller } = work.state
  const created = responseCreated(responses, responseId, mark)
  change(work, { responses: created, replyDue: false })
  // Ours crossed the caller's first word on the wire: turn detection will make the one that answers both.
  if (!caller.speaking || created.active?.request == null) return
  discard(work, [responseId])
  send(work, { type: 'response.cancel', event_id: nextId(work, 'cancel'), response_id: responseId })
}

function onResponseDone(work: Work, event: Extract<ServerEvent, { type: 'response.done' }>): void {
  const { sequencer, request } = responseEnded(work.state.responses, event.responseId)
  change(work, { responses: sequencer, tokens: work.state.tokens + event.totalTokens })
  endHosted(work)
  for (const call of event.calls) onCall(work, event.responseId, call)
  onCallsComplete(work, event.responseId, event.status === 'completed')
  onResponseOver(work, event.responseId)
  if (event.status === 'completed') onAnswered(work)
  if (event.status !== 'failed') return
  const code = event.code ?? 'server_error'
  // One more try for what the server failed at (OpenAI Realtime: `server_error` in `status_details`), then with another one.
  change(work, {
    failures: work.state.failures + 1,
    responses: enqueue(work.state.responses, request ?? plainRequest([])),
  })
  if (work.state.failures < MAX_FAILURES && classifyError({ code }) === 'fault') return
  fail(work, 'agent-refused', code, event.message)
}

function onAnswered(work: Work): void {
  const { caller } = work.state
  change(work, { failures: 0, caller: caller.speaking ? caller : { ...caller, unansweredSinceMs: null } })
}
