import { Worker } from 'node:worker_threads'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { FromRouter, RouterQuestion, RouterThreadData, ToRouter } from './messages.ts'

/** How long a router may take to load: what it imports is read from disk, and TypeScript is stripped. */
const LOAD_TIMEOUT_MS = 5_000
/** A thread that does not answer a ping for this long is in a loop. */
const PONG_MS = 100
/** Memory of a router, in MiB; one that wants more loses its thread. */
const MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 } as const

export interface RouterThreadSink {
  onAnswer(ask: number, answer: Result<string, string>): void
  /** The thread has ended without being told to, or was in a loop. Nothing is heard of it any more. */
  onEnd(reason: string): void
}

/** One thread with a router that has been loaded. */
export class RouterThread {
  readonly #worker: Worker
  #sink: RouterThreadSink | null = null
  #pinged: NodeJS.Timeout | null = null
  #error = ''

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Starts a thread and loads the router in it. The error says why it cannot be used, with the place where there is one. */
  static load(data: RouterThreadData, timeoutMs = LOAD_TIMEOUT_MS): Promise<Result<RouterThread, string>> {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: data, resourceLimits: MEMORY })
    const thread = new RouterThread(worker)
    return new Promise((resolve) => {
      let isLoaded = false
      const fail = (reason: string): void => {
        if (isLoaded) return
        clearTimeout(timer)
        resolve(err(reason))
        void thread.close()
      }
      const timer = setTimeout(() => fail(`it was not loaded within ${timeoutMs} ms`), timeoutMs)
      worker.on('error', (error) => {
        thread.#error = error instanceof Error ? error.message : String(error)
      })
      worker.on('exit', (code) => {
        const reason = thread.#error || `its thread ended with ${code}`
        fail(reason)
        thread.#end(reason)
      })
      worker.on('message', (message: FromRouter) => {
        if (message.kind === 'unusable') return fail(message.message)
        if (message.kind !== 'ready') return thread.#onMessage(message)
        isLoaded = true
        clearTimeout(timer)
        resolve(ok(thread))
      })
    })
  }

  /** Who hears of it from now on. */
  attach(sink: RouterThreadSink): void {
    this.#sink = sink
  }

  ask(ask: number, question: RouterQuestion, budgetMs: number): void {
    this.#post({ kind: 'ask', ask, question, budgetMs })
  }

  /** Ends it where it is in a loop. One that merely waits for something is left alone. */
  probe(): void {
    if (this.#pinged !== null) return
    this.#pinged = setTimeout(() => {
      this.#end('it was in a loop')
      void this.#worker.terminate()
    }, PONG_MS)
    this.#post({ kind: 'ping' })
  }

  async close(): Promise<void> {
    this.#sink = null
    if (this.#pinged !== null) clearTimeout(this.#pinged)
    await this.#worker.terminate()
  }

  #post(message: ToRouter): void {
    this.#worker.postMessage(message)
  }

  #onMessage(message: Exclude<FromRouter, { kind: 'ready' | 'unusable' }>): void {
    if (message.kind === 'answer') return this.#sink?.onAnswer(message.ask, ok(message.json))
    if (message.kind === 'threw') return this.#sink?.onAnswer(message.ask, err(message.message))
    if (this.#pinged !== null) clearTimeout(this.#pinged)
    this.#pinged = null
  }

  #end(reason: string): void {
    const sink = this.#sink
    this.#sink = null
    if (this.#pinged !== null) clearTimeout(this.#pinged)
    sink?.onEnd(reason)
  }
}
