import { setTimeout as wait } from 'node:timers/promises'
import type { ToolResult } from '../../lib/agent/session-state.ts'
import type { HttpToolSpec } from '../../lib/agent/spec.ts'
import { toolError } from '../../lib/agent/tool-calls.ts'
import { parseJson } from '../../lib/core/json.ts'
import { signatureHeaders } from '../../lib/tool/request.ts'
import { misfit } from '../../lib/tool/schema.ts'

/** Largest answer of a tool that is read. */
export const MAX_ANSWER_BYTES = 64 * 1024
/** Before the first further try; twice as long before each next one. */
const RETRY_AFTER_MS = 100
/** What says that a tool is out of service for a moment, rather than that it has failed. */
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504])

export interface ToolRun {
  /** What the model's server calls this call of the tool. */
  readonly callId: string
  /** Marks it in the request: the same for each try of it (`toolCallKey`). */
  readonly key: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Facts about the call, sent beside the arguments. */
  readonly call: Readonly<Record<string, string>>
  /** Aborted when the call ends. */
  readonly signal: AbortSignal
}

/**
 * Calls a tenant's HTTP tool: POST with `{arguments, call}` as JSON, once unless `retries` allows more, as a tool may book or pay. What it
 * answers is text for the agent, JSON or not. Whatever goes wrong becomes an answer that says so; this never rejects.
 */
export async function runHttpTool(tool: HttpToolSpec, run: ToolRun): Promise<ToolResult> {
  const beganAtMs = performance.now()
  const signal = AbortSignal.any([AbortSignal.timeout(tool.timeoutMs), run.signal])
  const outcome = await tries(tool, run, signal)
  const tookMs = Math.round(performance.now() - beganAtMs)
  return { callId: run.callId, name: tool.name, tookMs, ...outcome }
}

type Outcome = Pick<ToolResult, 'ok' | 'output' | 'message'>

/** `passing`: another try could go better. */
interface Try {
  readonly outcome: Outcome
  readonly passing: boolean
}

const failed = (message: string): Outcome => ({ ok: false, output: toolError(message), message })

async function tries(tool: HttpToolSpec, run: ToolRun, signal: AbortSignal): Promise<Outcome> {
  for (let left = tool.retries ?? 0, pauseMs = RETRY_AFTER_MS; ; left--, pauseMs *= 2) {
    const { outcome, passing } = await post(tool, run, signal).catch(
      (error: unknown): Try => ({ outcome: failed(describe(error, tool.timeoutMs)), passing: true }),
    )
    if (!passing || left <= 0 || signal.aborted) return outcome
    // What was told last is told on where the time is over before another try.
    const goesOn = await wait(pauseMs, true, { signal }).catch(() => false)
    if (!goesOn) return outcome
  }
}

async function post(tool: HttpToolSpec, run: ToolRun, signal: AbortSignal): Promise<Try> {
  const body = JSON.stringify({ arguments: run.arguments, call: run.call })
  const response = await fetch(tool.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/plain;q=0.9, */*;q=0.1',
      'idempotency-key': run.key,
      ...(tool.secret !== undefined &&
        signatureHeaders(tool.secret, { id: run.key, body, atS: Math.floor(Date.now() / 1_000) })),
    },
    body,
    // A redirect would carry the caller's data to a host that nobody configured.
    redirect: 'manual',
    signal,
  })
  const { status } = response
  if (status < 200 || status > 299) {
    await response.body?.cancel()
    const redirect = status >= 300 && status < 400
    const outcome = failed(`the tool answered ${status}${redirect ? ': redirects are not followed' : ''}`)
    return { outcome, passing: PASSING.has(status) }
  }
  const text = await readAnswer(response)
  return { outcome: text === null ? TOO_LONG : judge(tool, text), passing: false }
}

const TOO_LONG = failed(`the tool answered more than ${MAX_ANSWER_BYTES} bytes`)

function judge({ result }: HttpToolSpec, text: string): Outcome {
  if (result === undefined) return { ok: true, output: text }
  const value = parseJson(text)
  if (value === undefined) return failed('the tool answered something that is not JSON')
  const wrong = misfit(result, value)
  return wrong === null ? { ok: true, output: text } : failed(`the tool answered something unexpected: ${wrong}`)
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
