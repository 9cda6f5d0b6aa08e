import type { SipTraceMessage } from './server-options.ts'

/** How long a message may wait for others to be reported with. */
const BATCH_MS = 50
/** Most messages that wait; beyond it the oldest are dropped and counted. */
export const MAX_TRACE_BACKLOG = 10_000

/** Collects the SIP messages that passed, and reports them in batches. */
export class Tracer {
  readonly #report: (batch: readonly SipTraceMessage[]) => void
  #batch: SipTraceMessage[] = []
  #timer: NodeJS.Timeout | undefined
  #dropped = 0

  constructor(report: (batch: readonly SipTraceMessage[]) => void) {
    this.#report = report
  }

  get droppedCount(): number {
    return this.#dropped
  }

  add(message: SipTraceMessage): void {
    if (this.#batch.length >= MAX_TRACE_BACKLOG) {
      this.#batch.shift()
      this.#dropped += 1
    }
    this.#batch.push(message)
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS)
  }

  /** Reports what is there. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#batch.length === 0) return
    const batch = this.#batch
    this.#batch = []
    this.#report(batch)
  }
}
