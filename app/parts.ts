/** What a part of the node does at its end. */
type Close = () => Promise<void> | void

/** A part that does not end in time is left behind, so that one that hangs cannot hold the others. */
const CLOSE_TIMEOUT_MS = 10_000

/** The parts of a node in the order in which they were started; they are stopped in reverse. */
export class Parts {
  readonly #parts: { readonly name: string; readonly close: Close }[] = []
  readonly #onFailure: (part: string, error: unknown) => void
  #closed: Promise<void> | null = null

  /** `onFailure` hears of a part that failed to stop, or did not in time. */
  constructor(onFailure: (part: string, error: unknown) => void) {
    this.#onFailure = onFailure
  }

  add(name: string, close: Close): void {
    this.#parts.push({ name, close })
  }

  /** Stops every part, the last first; a second call waits for the first. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  async #closeAll(): Promise<void> {
    for (let part = this.#parts.pop(); part !== undefined; part = this.#parts.pop()) {
      const { name, close } = part
      try {
        await inTime(Promise.resolve(close()), CLOSE_TIMEOUT_MS)
      } catch (error) {
        this.#onFailure(name, error)
      }
    }
  }
}

async function inTime(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not stop within ${ms} ms`)), ms)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
