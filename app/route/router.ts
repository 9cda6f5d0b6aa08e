import { stat } from 'node:fs/promises'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import type { RouterDecision } from '../../lib/route/router.ts'
import { readRouterAnswer } from '../../lib/route/router-decision.ts'
import { BUDGET_MS } from './budget.ts'
import type { RouterQuestion, RouterThreadData } from './messages.ts'
import { readRouter } from './read-router.ts'
import { RouterThread } from './router-thread.ts'

/** Calls that may wait for a router; further ones get their tenant's default at once. */
const MAX_WAITING = 1_000
const POLL_MS = 500
/** A thread that ends again and again without an answer is started anew after so long, doubled each time. */
const RESTART = { firstMs: 250, maxMs: 30_000 } as const

export interface RouterFailure {
  readonly code: 'late' | 'threw' | 'ill-formed' | 'unavailable'
  readonly message: string
}

export type RouterVerdict = Result<RouterDecision | null, RouterFailure>

interface Waiting {
  readonly question: RouterQuestion
  readonly untilMs: number
  readonly settle: (verdict: RouterVerdict) => void
}

/** A node's router: the thread that it runs in, the calls that wait for it, and what comes of a changed file. */
export class Router {
  readonly #emit: EmitEvent
  readonly #waiting = new Map<number, Waiting>()
  #asks = 0
  #file: string | null = null
  #seen = ''
  /** What is in force, also while its thread is being started anew. */
  #data: RouterThreadData | null = null
  #thread: RouterThread | null = null
  #deaths = 0
  #restart: NodeJS.Timeout | null = null
  #poll: NodeJS.Timeout
  #loading: Promise<void> = Promise.resolve()
  #closed = false

  private constructor(emit: EmitEvent) {
    this.#emit = emit
    this.#poll = setInterval(() => void this.#look(), POLL_MS).unref()
  }

  /** Resolves when the router is in force, or `router.rejected` has said why it is not. */
  static async start(file: string | null, emit: EmitEvent): Promise<Router> {
    const router = new Router(emit)
    await router.reload(file)
    return router
  }

  /** Reads the file anew. What cannot be loaded leaves the one before in force. Never rejects. */
  reload(file: string | null): Promise<void> {
    this.#loading = this.#loading.then(() => this.#load(file))
    return this.#loading
  }

  /** What the router says of a call, within 500 ms; null: there is no router. Never rejects. */
  ask(question: RouterQuestion): Promise<RouterVerdict> | null {
    if (this.#data === null) return null
    const isDown = this.#thread === null && this.#deaths > 1
    if (isDown || this.#waiting.size >= MAX_WAITING) {
      const message = isDown ? 'its thread has ended again and again' : `${MAX_WAITING} calls wait for it`
      return Promise.resolve(err({ code: 'unavailable', message }))
    }
    const ask = ++this.#asks
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#onLate(ask), BUDGET_MS)
      const settle = (verdict: RouterVerdict): void => {
        clearTimeout(timer)
        this.#waiting.delete(ask)
        resolve(verdict)
      }
      this.#waiting.set(ask, { question, untilMs: performance.now() + BUDGET_MS, settle })
      this.#thread?.ask(ask, question, BUDGET_MS)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#poll)
    await this.#loading
    await this.#drop()
  }

  /** Ends the thread; calls that wait get their default. */
  async #drop(): Promise<void> {
    const thread = this.#thread
    this.#data = null
    this.#thread = null
    if (this.#restart !== null) clearTimeout(this.#restart)
    for (const { settle } of [...this.#waiting.values()])
      settle(err({ code: 'unavailable', message: 'there is no router any more' }))
    await thread?.close()
  }

  async #load(file: string | null): Promise<void> {
    if (this.#closed) return
    this.#file = file
    if (file === null) return this.#drop()
    this.#seen = await fingerprint(file)
    const read = await readRouter(file)
    const loaded = read.ok ? await RouterThread.load(read.value) : read
    if (!loaded.ok)
      return this.#emit({
        event: 'router.rejected',
        level: 'error',
        file,
        reason: loaded.error,
        inForce: this.#data !== null,
      })
    const before = this.#thread
    this.#data = read.ok ? read.value : null
    this.#deaths = 0
    this.#use(loaded.value)
    this.#emit({ event: 'router.loaded', file })
    await before?.close()
  }

  /** Calls that came while there was no thread are asked of this one. */
  #use(thread: RouterThread): void {
    if (this.#restart !== null) clearTimeout(this.#restart)
    this.#restart = null
    this.#thread = thread
    thread.attach({
      onAnswer: (ask, answer) => this.#onAnswer(ask, answer),
      onEnd: (reason) => this.#onEnd(reason),
    })
    for (const [ask, { question, untilMs }] of this.#waiting)
      thread.ask(ask, question, Math.max(1, Math.round(untilMs - performance.now())))
  }

  #onAnswer(ask: number, answer: Result<string, string>): void {
    const waiting = this.#waiting.get(ask)
    this.#deaths = 0
    if (waiting === undefined) return
    if (!answer.ok) return waiting.settle(err({ code: 'threw', message: answer.error }))
    const json: unknown = JSON.parse(answer.value)
    const read = readRouterAnswer(json)
    waiting.settle(read.ok ? ok(read.value) : err({ code: 'ill-formed', message: read.error }))
  }

  #onLate(ask: number): void {
    this.#waiting.get(ask)?.settle(err({ code: 'late', message: `no answer within ${BUDGET_MS} ms` }))
    this.#thread?.probe()
  }

  #onEnd(reason: string): void {
    this.#thread = null
    this.#deaths += 1
    // One of them may be why: asked again, it would take the next thread down too, and the others with it.
    for (const { settle } of [...this.#waiting.values()]) settle(err({ code: 'unavailable', message: reason }))
    const waitMs = this.#deaths === 1 ? 0 : Math.min(RESTART.maxMs, RESTART.firstMs * 2 ** (this.#deaths - 2))
    this.#emit({ event: 'router.failed', level: 'error', code: 'ended', reason, restartInMs: waitMs })
    this.#restart = setTimeout(() => void this.#startAnew(), waitMs)
  }

  #startAnew(): Promise<void> {
    this.#loading = this.#loading.then(async () => {
      if (this.#closed || this.#data === null || this.#thread !== null) return
      const loaded = await RouterThread.load(this.#data)
      if (!loaded.ok) return this.#onEnd(loaded.error)
      this.#use(loaded.value)
      this.#emit({ event: 'router.loaded', file: this.#file, again: true })
    })
    return this.#loading
  }

  async #look(): Promise<void> {
    const file = this.#file
    if (file === null || this.#closed) return
    const now = await fingerprint(file)
    if (now !== this.#seen && this.#file === file) await this.reload(file)
  }
}

/** What tells one state of a file from the next without reading it. */
async function fingerprint(file: string): Promise<string> {
  const stats = await stat(file).catch(() => null)
  return stats === null ? 'none' : `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}`
}
