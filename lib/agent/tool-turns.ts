import { HANG_UP, SET_VARIABLE } from '../tool/names.ts'
import { misfit } from '../tool/schema.ts'
import { MAX_OUTPUT_CHARS } from './history.ts'
import { functionTools } from './own-tools.ts'
import type { FunctionCall } from './protocol.ts'
import { enqueue, plainRequest } from './response-sequencer.ts'
import type { ToolResult } from './session-state.ts'
import { change, count, createItem, keep, nextId, tell, tellTool, type Work } from './session-work.ts'
import {
  beginCall,
  endCall,
  endRound,
  isRunning,
  judgeCall,
  parseArguments,
  takeAnswered,
  toolError,
} from './tool-calls.ts'
import { refuseVariable, variablesOf } from './variables.ts'

/** How long what the agent says before it hangs up may take. */
const HANG_UP_DEADLINE_MS = 30_000
const MAX_REASON_CHARS = 256

/** A finished function call. It is told of by more than one event, and runs once. */
export function onCall(work: Work, responseId: string, call: FunctionCall): void {
  const verdict = judgeCall(work.state.tools, call.callId)
  if (verdict === 'known') return
  if (verdict === 'too-many') return count(work, 'tooManyCalls')
  const { callId, name, arguments: args } = call
  change(work, { tools: beginCall(work.state.tools, responseId, callId) })
  keep(work, { kind: 'toolCall', callId, name, arguments: args, atMs: work.nowMs })
  if (verdict === 'busy') return reject(work, call, 'too many tools are running')
  const parsed = parseArguments(call)
  if (typeof parsed === 'string') return reject(work, call, parsed)
  if (name === HANG_UP && work.state.hangUp !== null) return reject(work, call, 'the call is being hung up already')
  if (name === HANG_UP) return onHangUp(work, responseId, callId, parsed.reason)
  const tool = functionTools(work.spec).find((known) => known.name === name)
  if (tool === undefined) return reject(work, call, 'there is no tool of this name')
  const wrong = misfit(tool.parameters, parsed)
  if (wrong !== null) return reject(work, call, `the tool was not called, as its arguments are wrong: ${wrong}`)
  if (name === SET_VARIABLE) return onSetVariable(work, call, parsed)
  work.effects.push({ kind: 'runTool', callId, name, arguments: parsed })
}

/** A tool has answered, or has failed. The agent gets one output per call, and the record one turn. */
export function onToolDone(work: Work, result: ToolResult): void {
  const { tools } = work.state
  if (!isRunning(tools, result.callId)) return
  const { callId, output } = result
  tellTool(work, result)
  const itemId = nextId(work, 'output')
  const told = output.slice(0, MAX_OUTPUT_CHARS)
  change(work, { tools: endCall(tools, callId, itemId) })
  keep(work, { kind: 'toolOutput', callId, output: told, atMs: work.nowMs })
  if (work.state.phase !== 'up') return
  createItem(work, { id: itemId, type: 'function_call_output', call_id: callId, output: told })
}

/** `response.done`: once all its calls are answered, one response follows them up. */
export function onCallsComplete(work: Work, responseId: string, completed: boolean): void {
  const { tools, hangUp } = work.state
  change(work, { tools: endRound(tools, responseId, completed) })
  if (hangUp?.responseId === responseId) change(work, { hangUp: { ...hangUp, responseDone: true } })
}

/** Asks for the response that answers finished tool calls; none where the agent is about to hang up. */
export function followUpTools(work: Work): void {
  const { calls, outputs } = takeAnswered(work.state.tools)
  if (calls === work.state.tools) return
  change(work, { tools: calls })
  const { hangUp, phase, gap, responses } = work.state
  if (outputs === null || hangUp !== null) return
  // The next server learns of the outputs with the rest of the conversation, and is asked for the answer then.
  if (phase !== 'up') return change(work, { gap: gap === null ? null : { ...gap, owed: true } })
  change(work, { responses: enqueue(responses, plainRequest(outputs)) })
}

/** Hangs up when everything said before has been played, or has taken too long. */
export function hangUpWhenHeard(work: Work): void {
  const { hangUp, ledger } = work.state
  if (hangUp === null) return
  const heard = hangUp.responseDone && ledger.length === 0
  if (!heard && work.nowMs < hangUp.deadlineMs) return
  change(work, { hangUp: null })
  endHangUp(work, hangUp.callId, true, '{"ok":true}', work.nowMs - hangUp.beganAtMs)
  tell(work, { kind: 'hangUp', reason: hangUp.reason })
}

/** The caller speaks up during the farewell: the call goes on, and the agent learns that it does. */
export function forgoHangUp(work: Work): void {
  const { hangUp } = work.state
  if (hangUp === null || work.state.phase !== 'up') return
  change(work, { hangUp: null })
  endHangUp(
    work,
    hangUp.callId,
    false,
    toolError('the caller began to speak: the call goes on'),
    work.nowMs - hangUp.beganAtMs,
  )
}

function endHangUp(work: Work, callId: string, ok: boolean, output: string, tookMs: number): void {
  const message = ok ? {} : { message: 'the caller began to speak' }
  onToolDone(work, { callId, name: HANG_UP, ok, output, tookMs: Math.round(tookMs), ...message })
}

function onHangUp(work: Work, responseId: string, callId: string, reason: unknown): void {
  change(work, {
    hangUp: {
      callId,
      responseId,
      reason: typeof reason === 'string' ? reason.slice(0, MAX_REASON_CHARS) : '',
      beganAtMs: work.nowMs,
      deadlineMs: work.nowMs + HANG_UP_DEADLINE_MS,
      responseDone: false,
    },
  })
}

/** A fact is kept before the agent is told so, and goes with the session from then on. */
function onSetVariable(work: Work, call: FunctionCall, args: Readonly<Record<string, unknown>>): void {
  const name = String(args.name)
  const value = String(args.value)
  const refusal = refuseVariable(variablesOf(work.state, work.spec), name)
  if (refusal !== null) return reject(work, call, refusal)
  change(work, { variables: { ...work.state.variables, [name]: value } })
  tell(work, { kind: 'agent.variable', name, value })
  const output = JSON.stringify({ ok: true, name, value })
  onToolDone(work, { callId: call.callId, name: call.name, ok: true, output, tookMs: 0 })
}

function reject(work: Work, call: FunctionCall, message: string): void {
  onToolDone(work, { callId: call.callId, name: call.name, ok: false, output: toolError(message), tookMs: 0, message })
}
