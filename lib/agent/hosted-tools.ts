import { MAX_OUTPUT_CHARS } from './history.ts'
import type { HostedCall } from './protocol.ts'
import { change, count, keep, tell, tellTool, type Work } from './session-work.ts'
import { judgeCall, toolError } from './tool-calls.ts'

/** Calls under way at one time whose duration is known. */
const MAX_RUNNING = 32
const MAX_MESSAGE_CHARS = 400
const MAX_NAME_CHARS = 64

/**
 * Tools that the model's server calls by itself (MCP: OpenAI Realtime, tool type `mcp`). Nobody here runs them or could keep them from being run
 * twice: they are told of, and a further server is told what they brought.
 */
export function onHostedBegan(work: Work, itemId: string): void {
  const { hosted } = work.state
  if (hosted.length >= MAX_RUNNING || hosted.some((known) => known.itemId === itemId)) return
  change(work, { hosted: [...hosted, { itemId, atMs: work.nowMs }] })
}

/** One has ended, and its item says how. */
export function onHostedCall(work: Work, call: HostedCall): void {
  const { itemId, error } = call
  const { tools } = work.state
  const verdict = judgeCall(tools, itemId)
  if (verdict === 'known') return
  if (verdict === 'too-many') return count(work, 'tooManyCalls')
  change(work, { tools: { ...tools, seen: [...tools.seen, itemId] } })
  const began = work.state.hosted.find((known) => known.itemId === itemId)
  change(work, { hosted: work.state.hosted.filter((known) => known !== began) })
  const name = `${call.label}.${call.name}`
  const tookMs = began === undefined ? 0 : Math.round(work.nowMs - began.atMs)
  const message = error?.slice(0, MAX_MESSAGE_CHARS)
  const failure = message === undefined ? {} : { message }
  const output = message === undefined ? call.output : toolError(message)
  tellTool(work, { name, ok: message === undefined, tookMs, output, ...failure })
  const past = { callId: itemId, atMs: work.nowMs }
  keep(work, { ...past, kind: 'toolCall', name: functionName(name), arguments: call.arguments })
  keep(work, { ...past, kind: 'toolOutput', output: output.slice(0, MAX_OUTPUT_CHARS) })
}

/** The response is over: what has not ended by now never will, as far as anybody here hears of it. */
export function endHosted(work: Work): void {
  for (const { atMs } of work.state.hosted) {
    const tookMs = Math.round(work.nowMs - atMs)
    tell(work, { kind: 'agent.tool', name: 'mcp', ok: false, tookMs, message: 'how it ended was not told' })
  }
  if (work.state.hosted.length > 0) change(work, { hosted: [] })
}

/** The names of a server's tools could not be had: its tools are not there in this session. */
export const onListingFailed = (work: Work): void =>
  tell(work, {
    kind: 'agent.tool',
    name: 'mcp',
    ok: false,
    tookMs: 0,
    message: 'the tools of an MCP server could not be listed',
  })

/** As a function of the history can be named. */
const functionName = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, MAX_NAME_CHARS)
