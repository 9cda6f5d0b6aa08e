import { wordsOf } from '../store/store-error.ts'
import type { SharedStateChange } from './shared-state.ts'

interface WatchOptions {
  /** Whether connections are up, so that a round makes sense; starts anew those that have given up. */
  readonly connected: () => boolean
  /** Tries all that the shared state is for; rejects where something of it does not work. */
  readonly round: () => Promise<void>
  /** A round has failed although all is connected: connects anew. */
  readonly reconnect: () => void
}

const INTERVAL_MS = 1000
const ROUND_TIMEOUT_MS = 1500

/** Knows whether the shared state works, by trying it every second: a connection that is open proves little. */
export class SharedStateWatch {
  readonly #options: WatchOptions
  readonly #timer: NodeJS.Timeout
  readonly #listeners = new Set<(change: SharedStateChange) => void>()
  /** Null until the first round has ended. */
  #state: 'up' | 'down' | null = null
  /** Grows with every loss: a round that began before one says nothing about the time after it. */
  #losses = 0
  #looking = false
  #again = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.look(), INTERVAL_MS).unref()
  }

  onState(listener: (change: SharedStateChange) => void): () => void {
    const own = (change: SharedStateChange): void => listener(change)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  /** The state once it is known, but no later than after this time; a stranger to it is told nothing. */
  async settled(timeoutMs: number): Promise<'up' | 'down'> {
    if (this.#state !== null) return this.#state
    let timer: NodeJS.Timeout | undefined
    let stop: () => void = () => undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
      stop = this.onState(() => resolve())
    })
    clearTimeout(timer)
    stop()
    return this.#state ?? 'down'
  }

  /** Tries it now, and once more where a try is under way. */
  look(): void {
    if (this.#looking) {
      this.#again = true
      return
    }
    this.#looking = true
    void this.#look().finally(() => {
      this.#looking = false
      if (this.#again) this.look()
      this.#again = false
    })
  }

  /** Something is lost, as its owner has noticed. */
  lost(reason: string): void {
    this.#losses += 1
    if (this.#state === 'down') return
    this.#state = 'down'
    this.#tell({ state: 'down', reason })
  }

  close(): void {
    clearInterval(this.#timer)
    this.#listeners.clear()
  }

  async #look(): Promise<void> {
    if (!this.#options.connected()) return
    const losses = this.#losses
    try {
      await inTime(this.#options.round())
    } catch (error) {
      if (losses !== this.#losses) return
      this.lost(wordsOf(error))
      this.#options.reconnect()
      return
    }
    if (losses !== this.#losses || this.#state === 'up') return
    this.#state = 'up'
    this.#tell({ state: 'up' })
  }

  #tell(change: SharedStateChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ROUND_TIMEOUT_MS} ms`)), ROUND_TIMEOUT_MS)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
