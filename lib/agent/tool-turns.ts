import { SET_VARIABLE, TRANSFER_CALL } from '../tool/names.ts'
import { misfit } from '../tool/schema.ts'
import { beginFarewell, isFarewell } from './farewell.ts'
import { functionTools } from './own-tools.ts'
import type { FunctionCall } from './protocol.ts'
import { enqueue, plainRequest } from './response-sequencer.ts'
import { change, count, keep, tell, type Work } from './session-work.ts'
import { onToolDone, reject } from './tool-answers.ts'
import { beginCall, endRound, judgeCall, parseArguments, takeAnswered } from './tool-calls.ts'
import { onTransferCall } from './transfer-tool.ts'
import { refuseVariable, variablesOf } from './variables.ts'

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
  const tool = functionTools(work.spec).find((known) => known.name === name)
  if (tool === undefined) return reject(work, call, 'there is no tool of this name')
  if (isFarewell(name)) {
    if (work.state.hangUp !== null) return reject(work, call, 'the call is being hung up already')
    return beginFarewell(work, name, responseId, call, parsed.reason)
  }
  const wrong = misfit(tool.parameters, parsed)
  if (wrong !== null) return reject(work, call, `the tool was not called, as its arguments are wrong: ${wrong}`)
  if (name === SET_VARIABLE) return onSetVariable(work, call, parsed)
  if (name === TRANSFER_CALL) return onTransferCall(work, call, String(parsed.to))
  work.effects.push({ kind: 'runTool', callId, name, arguments: parsed })
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
