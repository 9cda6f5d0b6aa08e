import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import type { RouterTools } from '../../lib/route/router.ts'
import { answerJson } from '../../lib/route/router-decision.ts'
import type { FromRouter, RouterThreadData, ToRouter } from './messages.ts'

/** The thread that a router runs in: loads its file, then asks it for each call. It knows nothing of the node but what it is told. */

const MAX_MESSAGE = 1_000
const { url, source }: RouterThreadData = workerData
const post = (message: FromRouter): void => parentPort?.postMessage(message)

/** What went wrong, and where in the router's file; other lines of a stack tell its author nothing. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, MAX_MESSAGE)
  const place = (error.stack ?? '').split(url)[1]?.match(/^:\d+(?::\d+)?/)?.[0]
  const at = place === undefined ? '' : ` (${fileURLToPath(url)}${place})`
  return `${error.name}: ${error.message}`.slice(0, MAX_MESSAGE) + at
}

type Asked = (call: unknown, tools: RouterTools) => unknown

async function load(): Promise<Asked> {
  register('./hooks.js', import.meta.url, { data: { url, source } })
  const module: { readonly default?: unknown } = await import(url)
  const router = module.default
  if (typeof router !== 'function') throw new TypeError('the file has no function as its default export')
  return (call, tools) => router(call, tools)
}

async function answer(router: Asked, { ask, question, budgetMs }: Extract<ToRouter, { kind: 'ask' }>): Promise<void> {
  const budget = AbortSignal.timeout(budgetMs)
  const { call, trunks, nodes } = question
  const tools: RouterTools = {
    trunks,
    nodes,
    fetch: (input, init) =>
      globalThis.fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, budget]) : budget }),
  }
  try {
    post({ kind: 'answer', ask, json: answerJson(await router(call, tools)) })
  } catch (error) {
    post({ kind: 'threw', ask, message: messageOf(error) })
  }
}

// What a router leaves behind unawaited must not cost other calls their decision.
process.on('unhandledRejection', () => undefined)

try {
  const router = await load()
  parentPort?.on('message', (message: ToRouter) => {
    if (message.kind === 'ping') post({ kind: 'pong' })
    else void answer(router, message)
  })
  post({ kind: 'ready' })
} catch (error) {
  post({ kind: 'unusable', message: messageOf(error) })
}
