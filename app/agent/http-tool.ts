import type { ToolResult } from '../../lib/agent/session-state.ts'
import type { HttpToolSpec } from '../../lib/agent/spec.ts'
import { toolError } from '../../lib/agent/tool-calls.ts'

/** Largest answer of a tool that is read. */
export const MAX_ANSWER_BYTES = 64 * 1024

export interface ToolRun {
  readonly callId: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Facts about the call, sent beside the arguments. */
  readonly call: Readonly<Record<string, string>>
  /** Aborted when the call ends. */
  readonly signal: AbortSignal
}

/**
 * Calls a tenant's HTTP tool: POST with `{arguments, call}` as JSON, once and never again, as a tool may book or pay. What it
 * answers is text for the agent, JSON or not. Whatever goes wrong becomes an answer that says so; this never rejects.
 */
export async function runHttpTool(tool: HttpToolSpec, run: ToolRun): Promise<ToolResult> {
  const beganAtMs = performance.now()
  const outcome = await post(tool, run).catch((error: unknown): Outcome => failed(describe(error, tool.timeoutMs)))
  const tookMs = Math.round(performance.now() - beganAtMs)
  return { callId: run.callId, name: tool.name, tookMs, ...outcome }
}

type Outcome = Pick<ToolResult, 'ok' | 'output' | 'message'>

const failed = (message: string): Outcome => ({ ok: false, output: toolError(message), message })

async function post(tool: HttpToolSpec, run: ToolRun): Promise<Outcome> {
  const response = await fetch(tool.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/plain;q=0.9, */*;q=0.1' },
    body: JSON.stringify({ arguments: run.arguments, call: run.call }),
    // A redirect would carry the caller's data to a host that nobody configured.
    redirect: 'manual',
    signal: AbortSignal.any([AbortSignal.timeout(tool.timeoutMs), run.signal]),
  })
  if (response.status < 200 || response.status > 299) {
    await response.body?.cancel()
    const redirect = response.status >= 300 && response.status < 400
    return failed(`the tool answered ${response.status}${redirect ? ': redirects are not followed' : ''}`)
  }
  const text = await readAnswer(response)
  return text === null ? failed(`the tool answered more than ${MAX_ANSWER_BYTES} bytes`) : { ok: true, output: text }
}

/** The body as text; null where it is too large, and then the rest is not read. */
async function readAnswer(response: Response): Promise<string | null> {
  if (response.body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function describe(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'the tool could not be called'
  if (error.name === 'TimeoutError') return `the tool did not answer within ${timeoutMs} ms`
  if (error.name === 'AbortError') return 'the call ended'
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `the tool could not be reached${cause}`
}
