/** A part that runs in a thread of its own and may be lost with it. */
interface Part {
  close(): Promise<void>
}

export interface SupervisedOptions<T extends Part> {
  /** Starts it; `onLost` is called once if it dies afterwards. */
  readonly start: (onLost: (error: Error | undefined) => void) => Promise<T>
  readonly onLost: (error: Error | undefined) => void
  /** A new start that fails is tried again after this long. */
  readonly retryMs: number
}

/** Keeps a part running: where it is lost it is started anew, until `close`. */
export class Supervised<T extends Part> {
  readonly #options: SupervisedOptions<T>
  #part: T | null = null
  #restarting: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined
  #closing = false

  private constructor(options: SupervisedOptions<T>) {
    this.#options = options
  }

  /** Rejects where the first start fails: that is for whoever configured it to mend. */
  static async start<T extends Part>(options: SupervisedOptions<T>): Promise<Supervised<T>> {
    const supervised = new Supervised(options)
    await supervised.#start()
    return supervised
  }

  /** The part, or null while it is being started anew. */
  get part(): T | null {
    return this.#part
  }

  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#retry)
    await this.#restarting
    await this.#part?.close()
  }

  async #start(): Promise<void> {
    this.#part = await this.#options.start((error) => this.#lost(error))
  }

  #lost(error: Error | undefined): void {
    if (this.#closing) return
    this.#part = null
    this.#options.onLost(error)
    this.#restart()
  }

  #restart(): void {
    this.#restarting = this.#start().catch((error: unknown) => {
      if (this.#closing) return
      this.#options.onLost(error instanceof Error ? error : new Error(String(error)))
      this.#retry = setTimeout(() => this.#restart(), this.#options.retryMs)
    })
  }
}
