import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type DialBody, type DialLine, dialKeyText } from '../../lib/outbound/dial-list.ts'
import { backOffMs, holdUntil, newPace, type Pace, takeTurn } from '../../lib/outbound/pace.ts'

/** What a node says of a line. */
export type DialAnswer =
  /** `isNew` false: an earlier run has placed it. */
  | { readonly kind: 'placed'; readonly errand: string; readonly isNew: boolean }
  | { readonly kind: 'refused'; readonly message: string }
  /** The same may be placed later. */
  | { readonly kind: 'later'; readonly retryAfterMs: number | null; readonly message: string }

/** What became of an errand so far. */
export interface DialErrand {
  readonly state: string
  readonly reason: string | null
  readonly endedAt: string | null
  readonly attempts: readonly { readonly call: string; readonly outcome: string | null }[]
}

/** The node, as a list needs it. Both reject where it is no use to ask again. */
export interface DialApi {
  place(body: DialBody, key: string): Promise<DialAnswer>
  /** Null: it cannot be asked now. */
  errand(id: string): Promise<DialErrand | null>
}

export interface DialResult {
  readonly line: DialLine
  /** `open`: not placed, or not over yet; `refused`: never placed; else as the errand has it. */
  readonly state: string
  readonly errand: string | null
  readonly isNew: boolean
  readonly attempts: DialErrand['attempts']
  readonly message: string | null
}

export interface DialRunOptions {
  readonly lines: readonly DialLine[]
  readonly campaign: string
  /** Calls that are placed a second. */
  readonly cps: number
  /** Calls that are under way at a time. */
  readonly maxCalls: number
  /** Whether to wait until every errand is over. */
  readonly waits: boolean
  readonly api: DialApi
  /** Ends it early: what is placed is placed. */
  readonly signal: AbortSignal
  /** Between two looks at the errands that are open; 1 s. */
  readonly lookMs?: number
}

const LOOK_MS = 1_000
/** How soon it is seen that another call may be placed where there were as many as there may be. */
const FULL_MS = 50
/** Requests that wait for their answers. */
const MAX_ASKED = 32
/** How long a node may refuse everything before the list is left for another run. */
const GIVE_UP_MS = 300_000

/** Has the calls of a list placed at a pace, each once however often it is run, and sees what becomes of them. */
export class DialRun {
  readonly #options: DialRunOptions
  readonly #results = new Map<DialLine, DialResult>()
  readonly #open = new Map<DialLine, string>()
  /** Those of them whose next call is not made yet. */
  readonly #waiting = new Set<DialLine>()
  readonly #asked = new Set<Promise<void>>()
  readonly #queue: DialLine[]
  readonly #tries = new Map<DialLine, number>()
  #pace: Pace
  #answeredAtMs = performance.now()
  #failure: unknown = null

  constructor(options: DialRunOptions) {
    this.#options = options
    this.#queue = [...options.lines]
    this.#pace = newPace(options.cps, performance.now())
  }

  /** Lines in the order of the file, with what is known of each. */
  get results(): readonly DialResult[] {
    return this.#options.lines.map((line) => this.#results.get(line) ?? unplaced(line))
  }

  /** Resolves when everything is placed, and over where it is waited for, or when it is ended. Rejects where the node is of no use. */
  async run(): Promise<void> {
    const fail = (error: unknown): void => {
      this.#failure ??= error
    }
    await Promise.all([this.#placeAll().catch(fail), this.#lookAll().catch(fail)])
    await Promise.all(this.#asked)
    if (this.#failure !== null) throw this.#failure
  }

  async #placeAll(): Promise<void> {
    while (!this.#isEnded && this.#isPlacing) {
      if (this.#mayPlace) await this.#placeNext()
      else await delay(FULL_MS)
    }
  }

  async #lookAll(): Promise<void> {
    const { signal, waits, lookMs = LOOK_MS } = this.#options
    while (!this.#isEnded && (this.#isPlacing || (waits && this.#open.size > 0))) {
      await delay(lookMs, undefined, { signal }).catch(() => undefined)
      await this.#look()
    }
  }

  get #isEnded(): boolean {
    return this.#options.signal.aborted || this.#failure !== null
  }

  get #isPlacing(): boolean {
    return this.#queue.length > 0 || this.#asked.size > 0
  }

  get #mayPlace(): boolean {
    const underWay = this.#open.size - this.#waiting.size + this.#asked.size
    return this.#queue.length > 0 && this.#asked.size < MAX_ASKED && underWay < this.#options.maxCalls
  }

  async #placeNext(): Promise<void> {
    const { signal } = this.#options
    const { atMs, pace } = takeTurn(this.#pace, performance.now())
    this.#pace = pace
    await delay(Math.max(0, atMs - performance.now()), undefined, { signal }).catch(() => undefined)
    const line = signal.aborted ? undefined : this.#queue.shift()
    if (line === undefined) return
    const asked: Promise<void> = this.#place(line)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => this.#asked.delete(asked))
    this.#asked.add(asked)
  }

  async #place(line: DialLine): Promise<void> {
    const { api, campaign } = this.#options
    const answer = await api.place(line.body, keyOf(campaign, line))
    switch (answer.kind) {
      case 'placed':
        this.#answeredAtMs = performance.now()
        this.#open.set(line, answer.errand)
        this.#results.set(line, { ...unplaced(line), errand: answer.errand, isNew: answer.isNew })
        return
      case 'refused':
        this.#answeredAtMs = performance.now()
        this.#results.set(line, { ...unplaced(line), state: 'refused', message: answer.message })
        return
      case 'later':
        return this.#later(line, answer)
    }
  }

  #later(line: DialLine, { retryAfterMs, message }: Extract<DialAnswer, { kind: 'later' }>): void {
    const nowMs = performance.now()
    // Calls that are open are what the others wait for.
    if (nowMs - this.#answeredAtMs > GIVE_UP_MS && this.#open.size === 0) throw new Error(message)
    const tries = (this.#tries.get(line) ?? 0) + 1
    this.#tries.set(line, tries)
    this.#pace = holdUntil(this.#pace, nowMs + backOffMs(tries, retryAfterMs, Math.random()))
    this.#queue.unshift(line)
    this.#results.set(line, { ...unplaced(line), message })
  }

  /** Looks what has become of the calls that are open. */
  async #look(): Promise<void> {
    const { api } = this.#options
    for (const [line, id] of [...this.#open]) {
      if (this.#isEnded) return
      const errand = await api.errand(id)
      if (errand === null) return
      const { state, endedAt, attempts, reason: message } = errand
      const before = this.#results.get(line) ?? unplaced(line)
      this.#results.set(line, { ...before, state: endedAt === null ? 'open' : state, attempts, message })
      if (endedAt === null && state === 'waiting') this.#waiting.add(line)
      else this.#waiting.delete(line)
      if (endedAt !== null) this.#open.delete(line)
    }
  }
}

const unplaced = (line: DialLine): DialResult => ({
  ...{ line, state: 'open', errand: null, isNew: true, attempts: [], message: null },
})

const keyOf = (campaign: string, line: DialLine): string =>
  `dial-${createHash('sha256').update(dialKeyText(campaign, line)).digest('hex').slice(0, 40)}`
