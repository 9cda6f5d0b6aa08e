import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { type FromRouter, fromRouter, type RouterQuestion, type RouterSource, type ToRouter } from './messages.ts'
import { tellLines } from './tell-lines.ts'

/** How long a router may take to load: a process is started, what the router imports is read from disk, TypeScript is stripped. */
const LOAD_TIMEOUT_MS = 5_000
/** A thread that says nothing at all for this long after it was asked to is in a loop. */
const PONG_MS = 250
const STOPPED = 'the node stops'

export interface RouterHostSink {
  onAnswer(ask: number, answer: Result<string, string>): void
  onStray(message: string): void
  /** The process has ended without being told to, or its thread was in a loop. Nothing is heard of it any more. */
  onEnd(reason: string): void
}

export interface LoadOptions {
  /** What the router writes to its standard output, a line at a time, and not all of it where that is much. */
  readonly onLine: (line: string) => void
  /** Ends it while it loads. */
  readonly signal?: AbortSignal
}

/** One process with a router that has been loaded. */
export class RouterHost {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  #sink: RouterHostSink | null = null
  #pinged: NodeJS.Timeout | null = null
  /** Why it ends, as it has said itself. */
  #lastWords: string | null = null

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exited = once(child, 'exit').catch(() => undefined)
  }

  /** Starts a process and loads the router in it. The error says why it cannot be used, with the place where there is one. */
  static load(data: RouterSource, { onLine, signal }: LoadOptions): Promise<Result<RouterHost, string>> {
    if (signal?.aborted === true) return Promise.resolve(err(STOPPED))
    const child = fork(fileURLToPath(new URL('./host.js', import.meta.url)), {
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const host = new RouterHost(child)
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) tellLines(stream, onLine)
    return new Promise((resolve) => {
      const timer = setTimeout(() => fail(`it was not loaded within ${LOAD_TIMEOUT_MS} ms`), LOAD_TIMEOUT_MS)
      const onAbort = (): void => fail(STOPPED)
      signal?.addEventListener('abort', onAbort, { once: true })
      const settle = (result: Result<RouterHost, string>): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        resolve(result)
      }
      const fail = (reason: string): void => {
        settle(err(reason))
        host.#end(reason)
        void host.close()
      }
      child.on('error', (error) => fail(error.message))
      child.on('exit', (code, signal) => fail(host.#lastWords ?? `its process ended with ${signal ?? code}`))
      child.on('message', (raw) => {
        const read = fromRouter.safeParse(raw)
        // Not of ours: the router itself has written to its channel.
        if (!read.success) return
        const message = read.data
        if (message.kind === 'unusable') return fail(message.message)
        if (message.kind === 'ready') return settle(ok(host))
        host.#onMessage(message)
      })
      host.#post({ kind: 'load', data })
    })
  }

  /** Who hears of it from now on. */
  attach(sink: RouterHostSink): void {
    this.#sink = sink
  }

  ask(ask: number, question: RouterQuestion, budgetMs: number): void {
    this.#post({ kind: 'ask', ask, question, budgetMs })
  }

  /** Ends it where its thread is in a loop. One that merely waits for something is left alone. */
  probe(): void {
    if (this.#pinged !== null || this.#sink === null) return
    this.#pinged = setTimeout(() => {
      this.#end('it was in a loop')
      void this.close()
    }, PONG_MS)
    this.#post({ kind: 'ping' })
  }

  /** Resolves when the process has ended. */
  async close(): Promise<void> {
    this.#sink = null
    this.#alive()
    // It has nothing to put in order, and may be in no state to.
    this.#child.kill('SIGKILL')
    if (this.#child.pid !== undefined) await this.#exited
  }

  #post(message: ToRouter): void {
    // Where it is gone, its exit tells.
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }

  #onMessage(message: Exclude<FromRouter, { kind: 'ready' | 'unusable' }>): void {
    // Any message shows that it is in no loop, also one that is not the pong: those stand behind each other.
    this.#alive()
    switch (message.kind) {
      case 'answer':
        return this.#sink?.onAnswer(message.ask, ok(message.json))
      case 'threw':
        return this.#sink?.onAnswer(message.ask, err(message.message))
      case 'stray':
        return this.#sink?.onStray(message.message)
      case 'ended':
        this.#lastWords = message.message
        return
      case 'pong':
        return
      default:
        message satisfies never
    }
  }

  #alive(): void {
    if (this.#pinged !== null) clearTimeout(this.#pinged)
    this.#pinged = null
  }

  #end(reason: string): void {
    const sink = this.#sink
    this.#sink = null
    this.#alive()
    sink?.onEnd(reason)
  }
}
