import { assertNever } from '../core/assert-never.ts'
import type { Step } from '../core/step.ts'
import type { AnsweredBy } from '../media/answering-machine.ts'
import type { G711Law } from '../media/g711.ts'
import type { SessionSettings } from './client-event.ts'
import { addDigit, dtmfText, NO_DIGITS } from './dtmf-batch.ts'
import { forgoHangUp, leaveWhenHeard } from './farewell.ts'
import { greetingInstructions } from './greeting.ts'
import { fail, isBetweenTurns, onReopening } from './loss.ts'
import { REQUEST_MARK } from './protocol.ts'
import { enqueue, hold, plainRequest, sendNext } from './response-sequencer.ts'
import { speaksFirst } from './restore.ts'
import { onServerEvent } from './server-events.ts'
import { codecSettings, sessionSettings } from './session-config.ts'
import {
  hasBegun,
  hasDigitsDue,
  isStalled,
  type SessionEffect,
  type SessionInput,
  type SessionState,
  STALL_MS,
} from './session-state.ts'
import { change, createItem, keep, nextId, note, send, tell, type Work } from './session-work.ts'
import { advanceSpeech, cutSpeech, onFlushed, onOverflow, onPlayed } from './speaking.ts'
import type { AgentSpec } from './spec.ts'
import { onToolDone } from './tool-answers.ts'
import { followUpTools } from './tool-turns.ts'
import { onTransferred } from './transfer-tool.ts'
import { variablesOf } from './variables.ts'

const MACHINE_ANSWERED =
  'An answering machine or a mailbox seems to have answered, not a person. Where you have a message to leave, wait until it has finished and keep it short; then hang up.'

/** A second session that could not be opened is tried again after this time. */
const RENEW_AGAIN_MS = 30_000

/**
 * The agent's side of one call, on one realtime server after the other (OpenAI Realtime GA): setup, greeting, turns, barge-in, tools, keys,
 * transcript, and going on where a server was lost.
 * Inputs may come late, twice or in a wrong order, and after the end: what means nothing any more is ignored.
 */
export function stepSession(
  state: SessionState,
  input: SessionInput,
  nowMs: number,
  spec: AgentSpec,
): Step<SessionState, SessionEffect> {
  const work: Work = { state, effects: [], nowMs, spec }
  if (state.phase === 'closed') {
    // The line's last word: what the caller heard before the end belongs to the transcript.
    if (input.kind === 'flushed') onFlushed(work, input.items)
    return { state: work.state, effects: work.effects }
  }
  take(work, input)
  proceed(work)
  return { state: work.state, effects: work.effects }
}

function take(work: Work, input: SessionInput): void {
  switch (input.kind) {
    case 'opened':
      return onOpened(work, input.hosted === true)
    case 'closed':
      return onClosed(work, input)
    case 'server':
      return onServerEvent(work, input.event)
    case 'attached':
      return onAttached(work, input.codec)
    case 'started':
      return change(work, { started: true })
    case 'played':
      return onPlayed(work, input.itemId)
    case 'flushed':
      return onFlushed(work, input.items)
    case 'overflowed':
      return onOverflow(work, input.itemId, input.samples)
    case 'dtmf':
      return onDtmf(work, input.digit)
    case 'toolDone':
      return onToolDone(work, input.result)
    case 'transferred':
      return onTransferred(work, input.callId, input.problem)
    case 'answeredBy':
      return onAnsweredBy(work, input.by)
    case 'reopening':
      return onReopening(work, input.setupMs)
    case 'expires':
      return change(work, { renewAtMs: input.renewAtMs })
    case 'prepared':
      return onPrepared(work, input.ok)
    case 'woken':
      return onWoken(work)
    case 'ended':
      return onEnded(work)
    default:
      return assertNever(input)
  }
}

/** What follows from the new state, whatever led to it. */
function proceed(work: Work): void {
  advanceSpeech(work)
  followUpTools(work)
  if (hasDigitsDue(work.state, work.nowMs)) tellDigits(work)
  greet(work)
  requestResponse(work)
  renew(work)
  if (work.state.phase !== 'closed') leaveWhenHeard(work)
}

function onOpened(work: Work, hosted: boolean): void {
  if (work.state.phase !== 'opening') return
  change(work, { phase: 'configuring' })
  const spec = { ...work.spec, variables: variablesOf(work.state, work.spec) }
  updateSession(work, sessionSettings(spec, work.state.codec, hosted))
}

function onAttached(work: Work, codec: G711Law): void {
  change(work, { codec })
  const { phase, inputCodec } = work.state
  if (phase === 'opening') change(work, { inputCodec: codec, outputCodec: codec })
  else if (phase !== 'lost' && inputCodec !== codec) updateSession(work, codecSettings(codec))
}

function updateSession(work: Work, session: SessionSettings): void {
  const { codec } = work.state
  const eventId = nextId(work, 'update')
  send(work, { type: 'session.update', event_id: eventId, session })
  change(work, { updates: [...work.state.updates, { eventId, codec }], inputCodec: codec })
}

function onClosed(work: Work, input: Extract<SessionInput, { kind: 'closed' }>): void {
  const { lastError } = work.state
  const end = input.code === 0 ? 'no-connection' : `ws-${input.code}`
  const code = lastError?.code ?? (input.status === undefined ? end : `http-${input.status}`)
  fail(work, input.refusal, code, lastError?.message ?? input.message)
}

/** A key: it silences the agent as a voice would, and is told to it with the others that follow without a pause. */
function onDtmf(work: Work, digit: string): void {
  const { phase, started, dtmf, responses } = work.state
  if (!hasBegun(work.state) || !started) return
  const batch = addDigit(dtmf, digit, work.nowMs)
  if (batch === dtmf) return
  change(work, { dtmf: batch })
  forgoHangUp(work)
  const { active } = responses
  const speaking = phase === 'up' && active !== null && !work.state.discarded.includes(active.responseId)
  cutSpeech(work)
  if (!speaking) return
  send(work, { type: 'response.cancel', event_id: nextId(work, 'cancel'), response_id: active.responseId })
}

/** A fact about the call from now on; of a machine the agent hears at once. */
function onAnsweredBy(work: Work, by: AnsweredBy): void {
  const value = { answeredBy: by }
  change(work, { variables: { ...work.state.variables, ...value } })
  tell(work, { kind: 'agent.variable', name: 'answeredBy', value: by })
  if (by === 'machine' && work.state.phase === 'up') note(work, MACHINE_ANSWERED)
}

function tellDigits(work: Work): void {
  const itemId = nextId(work, 'dtmf')
  const text = dtmfText(work.state.dtmf.digits)
  createItem(work, { id: itemId, type: 'message', role: 'user', content: [{ type: 'input_text', text }] })
  keepDigits(work)
  change(work, { responses: enqueue(work.state.responses, plainRequest([itemId])) })
}

function keepDigits(work: Work): void {
  const { digits } = work.state.dtmf
  change(work, { dtmf: NO_DIGITS })
  if (digits !== '') keep(work, { kind: 'message', role: 'user', text: dtmfText(digits), atMs: work.nowMs })
}

function onWoken(work: Work): void {
  const { phase, setupDeadlineMs } = work.state
  const settingUp = phase === 'opening' || phase === 'configuring'
  if (settingUp && work.nowMs >= setupDeadlineMs) {
    const what = phase === 'opening' ? 'the socket did not open in time' : 'the session was not configured in time'
    return fail(work, 'agent-timeout', 'timeout', what)
  }
  if (isStalled(work.state, work.nowMs)) {
    fail(work, 'agent-timeout', 'agent-stalled', `no word from the server for ${STALL_MS} ms while it owes a response`)
  }
}

/** Ahead of the server's limit a second session is opened, and takes over between two turns. */
function renew(work: Work): void {
  const { phase, renewal, renewAtMs } = work.state
  if (phase !== 'up') return
  if (renewal === 'none' && renewAtMs !== null && work.nowMs >= renewAtMs) {
    change(work, { renewal: 'preparing' })
    work.effects.push({ kind: 'prepare' })
  } else if (renewal === 'ready' && isBetweenTurns(work.state)) {
    change(work, { renewal: 'none', renewAtMs: null })
    work.effects.push({ kind: 'switch' })
  }
}

function onPrepared(work: Work, isOpen: boolean): void {
  if (work.state.renewal !== 'preparing') return
  change(work, isOpen ? { renewal: 'ready' } : { renewal: 'none', renewAtMs: work.nowMs + RENEW_AGAIN_MS })
}

/** The call is over. The server's session ends with it, so nothing is truncated; the line still tells what was heard. */
function onEnded(work: Work): void {
  if (work.state.ledger.length > 0) work.effects.push({ kind: 'flush' })
  keepDigits(work)
  change(work, { phase: 'closed', cut: null, hangUp: null })
  work.effects.push({ kind: 'closeSocket' })
}

/** The dialog is confirmed and the server knows the leg's codec: the agent speaks first, where it has something to say. */
function greet(work: Work): void {
  const { phase, started, greeted, updates, responses } = work.state
  if (phase !== 'up' || !started || greeted || updates.length > 0) return
  change(work, { greeted: true })
  const { greeting } = work.spec
  const goesOn = speaksFirst(work)
  if (!(goesOn ?? greeting !== '')) return
  const request = { ...plainRequest([]), instructions: goesOn === null ? greetingInstructions(greeting) : null }
  change(work, { responses: enqueue(responses, request) })
}

/** Sends the next `response.create`, if there is one and nothing is in its way. */
function requestResponse(work: Work): void {
  if (work.state.phase !== 'up') return
  // While the caller speaks nothing is asked for: the response to the speech will know what waits here.
  if (work.state.caller.speaking) change(work, { responses: hold(work.state.responses, Number.POSITIVE_INFINITY) })
  const eventId = `response-${work.state.serial}`
  const { sequencer, request } = sendNext(work.state.responses, eventId, work.nowMs)
  if (request === null) return
  change(work, { responses: sequencer, serial: work.state.serial + 1, quietSinceMs: work.nowMs })
  const exact =
    request.instructions === null ? {} : { instructions: request.instructions, tool_choice: 'none' as const }
  send(work, {
    type: 'response.create',
    event_id: eventId,
    response: { ...exact, metadata: { [REQUEST_MARK]: eventId } },
  })
}
