import { stat } from 'node:fs/promises'
import { err, type Result } from '../../lib/core/result.ts'
import type { EmitEvent, EventLevel } from '../../lib/observe/event.ts'
import { ROUTER_BUDGET_MS, type RouterDecision } from '../../lib/route/router.ts'
import { type RouterFailureCode, readRouterJson } from '../../lib/route/router-decision.ts'
import { TellingBudget } from '../../lib/route/telling-budget.ts'
import type { RouterQuestion, RouterSource } from './messages.ts'
import { readRouter } from './read-router.ts'
import { RouterHost } from './router-host.ts'

/** Calls that may wait for a router; further ones get their tenant's default at once. */
const MAX_WAITING = 1_000
const POLL_MS = 500
/** A process that ends is started anew: at once where it has run for a while, else after so long, doubled each time. */
const RESTART = { stableMs: 10_000, firstMs: 250, maxMs: 30_000 } as const
/** Failures of each code that are told as warnings; further ones are counted, and stand in the records of their calls. */
const TOLD = { max: 10, windowMs: 60_000 } as const

export interface RouterFailure {
  readonly code: RouterFailureCode
  readonly message: string
}

export type RouterVerdict = Result<RouterDecision | null, RouterFailure>

export interface RouterParts {
  readonly emit: EmitEvent
  /** A line of what the router writes to its standard output. */
  readonly onLine: (line: string) => void
}

interface Waiting {
  readonly question: RouterQuestion
  readonly untilMs: number
  readonly settle: (verdict: RouterVerdict) => void
}

/** A node's router: the process that it runs in, the calls that wait for it, and what comes of a changed file. */
export class Router {
  readonly #parts: RouterParts
  readonly #waiting = new Map<number, Waiting>()
  readonly #told = new TellingBudget(TOLD.max, TOLD.windowMs)
  readonly #poll: NodeJS.Timeout
  readonly #closing = new AbortController()
  #asks = 0
  #file: string | null = null
  /** The state of the file that was read last. */
  #seen = ''
  #looking = false
  /** What is in force, also while its process is being started anew. */
  #source: RouterSource | null = null
  #host: RouterHost | null = null
  #startedAtMs = 0
  /** Processes in a row that did not live for long. */
  #deaths = 0
  #restart: NodeJS.Timeout | undefined
  #loading: Promise<void> = Promise.resolve()

  private constructor(parts: RouterParts) {
    this.#parts = parts
    this.#poll = setInterval(() => void this.#look(), POLL_MS).unref()
  }

  /** Resolves when the router is in force, or `router.rejected` has said why it is not. @param file null: there is none */
  static async start(file: string | null, parts: RouterParts): Promise<Router> {
    const router = new Router(parts)
    await router.reload(file)
    return router
  }

  /** Reads the file anew. What cannot be loaded leaves the one before in force. Never rejects. */
  reload(file: string | null): Promise<void> {
    this.#loading = this.#loading.then(() => this.#load(file))
    return this.#loading
  }

  /** What the router says of a call, within 500 ms; null: there is no router, and nothing was asked. Never rejects. */
  ask(about: () => RouterQuestion): Promise<RouterVerdict> | null {
    if (this.#source === null) return null
    const isDown = this.#host === null && this.#deaths > 1
    if (isDown || this.#waiting.size >= MAX_WAITING) {
      const message = isDown ? 'its process has ended again and again' : `${MAX_WAITING} calls wait for it`
      return Promise.resolve(err({ code: 'unavailable', message }))
    }
    const ask = ++this.#asks
    const question = about()
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#onLate(ask), ROUTER_BUDGET_MS)
      const settle = (verdict: RouterVerdict): void => {
        clearTimeout(timer)
        this.#waiting.delete(ask)
        resolve(verdict)
      }
      this.#waiting.set(ask, { question, untilMs: performance.now() + ROUTER_BUDGET_MS, settle })
      this.#host?.ask(ask, question, ROUTER_BUDGET_MS)
    })
  }

  /** How loudly one more failure of that code is told: a router that fails each call must not fill the log. */
  levelOf(code: RouterFailureCode): EventLevel {
    return this.#told.take(code, performance.now()) ? 'warn' : 'debug'
  }

  async close(): Promise<void> {
    clearInterval(this.#poll)
    this.#closing.abort()
    await this.#loading
    await this.#drop()
  }

  /** Ends the process; calls that wait get their default. */
  async #drop(): Promise<void> {
    const host = this.#host
    this.#source = null
    this.#host = null
    this.#deaths = 0
    clearTimeout(this.#restart)
    this.#settleAll('there is no router any more')
    await host?.close()
  }

  async #load(file: string | null): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#file = file
    if (file === null) return this.#drop()
    this.#seen = await fingerprint(file)
    const read = await readRouter(file)
    if (!read.ok) return this.#rejected(file, read.error)
    const loaded = await this.#start(read.value)
    if (!loaded.ok) return this.#rejected(file, loaded.error)
    const before = this.#host
    this.#source = read.value
    this.#deaths = 0
    this.#use(loaded.value)
    this.#parts.emit({ event: 'router.loaded', file })
    await before?.close()
  }

  #rejected(file: string, reason: string): void {
    if (this.#closing.signal.aborted) return
    const inForce = this.#source === null ? 'none' : 'the one before'
    this.#parts.emit({ event: 'router.rejected', level: 'error', file, reason, inForce })
  }

  #start(source: RouterSource): Promise<Result<RouterHost, string>> {
    return RouterHost.load(source, { onLine: this.#parts.onLine, signal: this.#closing.signal })
  }

  /** Calls that came while there was no process, or wait for the one before, are asked of this one. */
  #use(host: RouterHost): void {
    clearTimeout(this.#restart)
    this.#host = host
    this.#startedAtMs = performance.now()
    host.attach({
      onAnswer: (ask, answer) => this.#onAnswer(ask, answer),
      onStray: (reason) => this.#failed('stray', reason),
      onEnd: (reason) => this.#onEnd(reason),
    })
    for (const [ask, { question, untilMs }] of this.#waiting)
      host.ask(ask, question, Math.max(1, Math.round(untilMs - performance.now())))
  }

  #onAnswer(ask: number, answer: Result<string, string>): void {
    const waiting = this.#waiting.get(ask)
    if (waiting === undefined) return
    if (!answer.ok) return waiting.settle(err({ code: 'threw', message: answer.error }))
    const read = readRouterJson(answer.value)
    waiting.settle(read.ok ? read : err({ code: 'ill-formed', message: read.error }))
  }

  #onLate(ask: number): void {
    this.#waiting.get(ask)?.settle(err({ code: 'late', message: `no answer within ${ROUTER_BUDGET_MS} ms` }))
    this.#host?.probe()
  }

  #onEnd(reason: string): void {
    const lastedMs = performance.now() - this.#startedAtMs
    this.#host = null
    this.#deaths = lastedMs >= RESTART.stableMs ? 1 : this.#deaths + 1
    const waitMs = this.#deaths === 1 ? 0 : Math.min(RESTART.maxMs, RESTART.firstMs * 2 ** (this.#deaths - 2))
    this.#failed('ended', reason, { restartInMs: waitMs })
    // One of them may be why: asked again, it would take the next process down too, and the others with it.
    this.#settleAll(reason)
    this.#restart = setTimeout(() => this.#startAnew(), waitMs)
  }

  #settleAll(message: string): void {
    for (const { settle } of [...this.#waiting.values()]) settle(err({ code: 'unavailable', message }))
  }

  /** A failure that is no single call's. */
  #failed(code: 'ended' | 'stray', reason: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const level = this.#told.take(code, performance.now()) ? 'error' : 'debug'
    this.#parts.emit({ event: 'router.failed', level, code, reason, ...fields })
  }

  #startAnew(): void {
    this.#loading = this.#loading.then(async () => {
      const source = this.#source
      if (this.#closing.signal.aborted || source === null || this.#host !== null) return
      this.#startedAtMs = performance.now()
      const loaded = await this.#start(source)
      if (this.#closing.signal.aborted) return loaded.ok ? loaded.value.close() : undefined
      if (!loaded.ok) return this.#onEnd(loaded.error)
      this.#use(loaded.value)
      this.#parts.emit({ event: 'router.loaded', file: this.#file, again: true })
    })
  }

  async #look(): Promise<void> {
    const file = this.#file
    if (file === null || this.#looking) return
    this.#looking = true
    const now = await fingerprint(file)
    if (now !== this.#seen && this.#file === file) await this.reload(file)
    this.#looking = false
  }
}

/** What tells one state of a file from the next without reading it. */
async function fingerprint(file: string): Promise<string> {
  const stats = await stat(file).catch(() => null)
  return stats === null ? 'none' : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`
}
