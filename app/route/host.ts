import { Worker } from 'node:worker_threads'
import { type FromRouter, MAX_MESSAGE, nowMs, type RouterSource, type ToRouter, type ToThread } from './messages.ts'

/**
 * The process of a router (docs/decisions/0025-router-process.md). The router runs in a thread of it, so that this one always hears the node, and
 * ends with it, whatever the router is doing.
 */

/** Of the thread, in MiB. Where V8 cannot keep to it, it takes the process down, and no more than that. */
const HEAP = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 } as const
/** Of the whole process: buffers are in no heap. */
const MAX_RSS_BYTES = 512 * 1024 * 1024
const RSS_INTERVAL_MS = 100

let thread: Worker | null = null

function post(message: FromRouter, sent?: () => void): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => sent?.())
}

function end(reason: string): void {
  post({ kind: 'ended', message: reason.slice(0, MAX_MESSAGE) }, () => process.exit())
}

function load(data: RouterSource): void {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data, resourceLimits: HEAP })
  let why: string | null = null
  worker.on('message', (message: FromRouter) => post(message))
  worker.on('error', (error) => {
    why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  })
  worker.on('exit', (code) => end(why ?? `it ended its thread with ${code}`))
  thread = worker
}

function toThread(message: ToThread): void {
  thread?.postMessage(message)
}

process.on('message', (message: ToRouter) => {
  if (message.kind === 'load') return load(message.data)
  if (message.kind === 'ping') return toThread(message)
  const { ask, question, budgetMs } = message
  toThread({ kind: 'ask', ask, question, untilMs: nowMs() + budgetMs })
})
// Ctrl-C and SIGTERM of a process group reach all of it: the node, which may drain for long, ends this.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.on('disconnect', () => process.exit())

setInterval(() => {
  const bytes = process.memoryUsage.rss()
  if (bytes > MAX_RSS_BYTES) end(`it has taken too much memory: ${bytes} bytes, at most ${MAX_RSS_BYTES}`)
}, RSS_INTERVAL_MS)
