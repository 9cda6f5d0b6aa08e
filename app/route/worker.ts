import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { RouterTools } from '../../lib/route/router.ts'
import { answerJson } from '../../lib/route/router-decision.ts'
import { type FromRouter, MAX_MESSAGE, nowMs, type RouterSource, type ToThread } from './messages.ts'

/** The thread that a router runs in: loads its file, then asks it for each call. It knows nothing of the node but what it is told. */

const { url, source }: RouterSource = workerData
const post = (message: FromRouter): void => parentPort?.postMessage(message)

/** What went wrong, and where in the router's file; other lines of a stack tell its author nothing. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw what is no Error: ${typeof error}`
  const place = (error.stack ?? '').split(url)[1]?.match(/^:\d+(?::\d+)?/)?.[0]
  const at = place === undefined ? '' : ` (${fileURLToPath(url)}${place})`
  return `${`${error.name}: ${error.message}`.slice(0, Math.max(0, MAX_MESSAGE - at.length))}${at}`.slice(
    0,
    MAX_MESSAGE,
  )
}

type Asked = (call: unknown, tools: RouterTools) => unknown

async function load(): Promise<Asked> {
  register('./hooks.js', import.meta.url, { data: { url, source } })
  const module: { readonly default?: unknown } = await import(url)
  const router = module.default
  if (typeof router !== 'function') throw new TypeError('the file has no function as its default export')
  return (call, tools) => router(call, tools)
}

/** Its own fetch: what a router asks for one call ends with the time for that call, awaited or not. */
function fetchUntil(budget: AbortSignal): RouterTools['fetch'] {
  return (input, init) => {
    const own = init?.signal ?? (input instanceof Request ? input.signal : null)
    return globalThis.fetch(input, { ...init, signal: own === null ? budget : AbortSignal.any([own, budget]) })
  }
}

async function answer(router: Asked, { ask, question, untilMs }: Extract<ToThread, { kind: 'ask' }>): Promise<void> {
  const leftMs = Math.floor(untilMs - nowMs())
  // Nobody waits for it any more: a router that is behind catches up by leaving those out.
  if (leftMs <= 0) return
  const { call, trunks, nodes } = question
  try {
    const answered = await router(call, { trunks, nodes, fetch: fetchUntil(AbortSignal.timeout(leftMs)) })
    post({ kind: 'answer', ask, json: answerJson(answered) })
  } catch (error) {
    post({ kind: 'threw', ask, message: messageOf(error) })
  }
}

// What a router leaves behind unawaited must not cost other calls their decision.
process.on('unhandledRejection', (error) => post({ kind: 'stray', message: messageOf(error) }))

try {
  const router = await load()
  parentPort?.on('message', (message: ToThread) => {
    if (message.kind === 'ping') post({ kind: 'pong' })
    else void answer(router, message)
  })
  post({ kind: 'ready' })
} catch (error) {
  post({ kind: 'unusable', message: messageOf(error) })
}
