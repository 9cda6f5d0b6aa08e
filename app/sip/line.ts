import { assertNever } from '../../lib/core/assert-never.ts'
import { Alarm, type Scheduler } from './scheduler.ts'

/** How the line between a SIP server and the network is. Cut: no message comes or goes, and no sender is told. */
export type LineState =
  | { readonly kind: 'up' }
  | { readonly kind: 'cut' }
  /** Each message that goes out waits for so long before it leaves. */
  | { readonly kind: 'slow'; readonly delayMs: number }

/** Messages that wait on a slow line at most; what is sent beyond is lost. */
const MAX_WAITING = 10_000

/** A line that can be cut or slowed down, for drills and tests. It is up at first. */
export class Line {
  readonly #scheduler: Scheduler
  #state: LineState = { kind: 'up' }
  #waiting = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** Messages that wait already leave when they would have, unless the line is cut then. */
  set(state: LineState): void {
    this.#state = state
  }

  get isCut(): boolean {
    return this.#state.kind === 'cut'
  }

  /** Calls `leave` when a message leaves: at once, later or never. `lost` is called where it never does. */
  pass(leave: () => void, lost: () => void): void {
    const state = this.#state
    switch (state.kind) {
      case 'up':
        return leave()
      case 'cut':
        return lost()
      case 'slow':
        return this.#hold(state.delayMs, leave, lost)
      default:
        assertNever(state)
    }
  }

  #hold(delayMs: number, leave: () => void, lost: () => void): void {
    if (this.#waiting >= MAX_WAITING) return lost()
    this.#waiting += 1
    new Alarm(this.#scheduler, () => {
      this.#waiting -= 1
      if (this.isCut) lost()
      else leave()
    }).set(this.#scheduler.nowMs() + delayMs)
  }
}
