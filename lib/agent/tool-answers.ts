import { MAX_OUTPUT_CHARS } from './history.ts'
import type { FunctionCall } from './protocol.ts'
import type { ToolResult } from './session-state.ts'
import { change, createItem, keep, nextId, tellTool, type Work } from './session-work.ts'
import { endCall, endRound, isRunning, toolError } from './tool-calls.ts'

/** A tool has answered, or has failed. The agent gets one output per call, and the record one turn. */
export function onToolDone(work: Work, result: ToolResult): void {
  const { tools } = work.state
  if (!isRunning(tools, result.callId)) return
  const { callId, output, isLast = false } = result
  tellTool(work, result)
  const itemId = nextId(work, 'output')
  const told = output.slice(0, MAX_OUTPUT_CHARS)
  const ended = endCall(tools, callId, itemId)
  change(work, {
    tools: isLast ? ended.rounds.reduce((all, { responseId }) => endRound(all, responseId, false), ended) : ended,
  })
  keep(work, { kind: 'toolOutput', callId, output: told, atMs: work.nowMs })
  if (work.state.phase !== 'up' || isLast) return
  createItem(work, { id: itemId, type: 'function_call_output', call_id: callId, output: told })
}

/** A call that is not made: the agent is told why. */
export function reject(work: Work, { callId, name }: Pick<FunctionCall, 'callId' | 'name'>, message: string): void {
  onToolDone(work, { callId, name, ok: false, output: toolError(message), tookMs: 0, message })
}
