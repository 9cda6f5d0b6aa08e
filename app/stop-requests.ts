/** What signals ask of a command that runs on: the first to end in good order, the second to make haste. Later ones change nothing. */
export class StopRequests {
  readonly #signals: readonly NodeJS.Signals[]
  readonly #first = new AbortController()
  readonly #second = new AbortController()
  readonly #onSignal = (): void => (this.#first.signal.aborted ? this.#second : this.#first).abort()

  /** From here on the signals end the process no more by themselves. */
  constructor(signals: readonly NodeJS.Signals[]) {
    this.#signals = signals
    for (const signal of signals) process.on(signal, this.#onSignal)
  }

  get first(): AbortSignal {
    return this.#first.signal
  }

  get second(): AbortSignal {
    return this.#second.signal
  }

  /** Gives the signals back. */
  close(): void {
    for (const signal of this.#signals) process.off(signal, this.#onSignal)
  }
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
