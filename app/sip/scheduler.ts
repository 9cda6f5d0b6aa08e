import { type TimerHandle, TimerWheel } from '../../lib/core/timer-wheel.ts'
import { type OneTimer, realTimer } from './one-timer.ts'

/** What a deadline wakes. It must not throw. */
export interface Wakeable {
  onWake(nowMs: number): void
}

/**
 * All deadlines of the SIP server: one timer wheel, and one real timer armed to its next deadline. A cancelled deadline
 * leaves the real timer as it is; it then fires once for nothing, which costs less than arming it anew each time.
 */
export class Scheduler {
  readonly #clock: () => number
  readonly #wheel: TimerWheel<Wakeable>
  readonly #timer: OneTimer
  #armedAtMs = Number.POSITIVE_INFINITY
  #closed = false

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number, timer = realTimer()) {
    this.#clock = clock
    this.#timer = timer
    this.#wheel = new TimerWheel(clock())
  }

  nowMs(): number {
    return this.#clock()
  }

  /** How many deadlines are pending. */
  get size(): number {
    return this.#wheel.size
  }

  wakeAt(atMs: number, wakeable: Wakeable): TimerHandle<Wakeable> {
    const handle = this.#wheel.schedule(atMs, wakeable)
    if (atMs < this.#armedAtMs) this.#arm(atMs)
    return handle
  }

  cancel(handle: TimerHandle<Wakeable>): void {
    this.#wheel.cancel(handle)
  }

  /** Wakes nothing any more. */
  close(): void {
    this.#closed = true
    this.#timer.clear()
  }

  #arm(atMs: number): void {
    if (this.#closed) return
    this.#armedAtMs = atMs
    this.#timer.set(Math.max(0, Math.ceil(atMs - this.#clock())), () => this.#fire())
  }

  #fire(): void {
    this.#armedAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock()
    for (const wakeable of this.#wheel.advance(nowMs)) wakeable.onWake(nowMs)
    const nextAtMs = this.#wheel.nextAtMs()
    if (nextAtMs !== undefined && nextAtMs < this.#armedAtMs) this.#arm(nextAtMs)
  }
}

/** One deadline that moves: of a transaction, a 2xx, an application that owes an answer. */
export class Alarm implements Wakeable {
  readonly #scheduler: Scheduler
  readonly #ring: (nowMs: number) => void
  #handle: TimerHandle<Wakeable> | undefined

  constructor(scheduler: Scheduler, ring: (nowMs: number) => void) {
    this.#scheduler = scheduler
    this.#ring = ring
  }

  /** Moves the deadline; undefined takes it away. */
  set(atMs: number | undefined): void {
    if (this.#handle?.atMs === atMs) return
    if (this.#handle !== undefined) this.#scheduler.cancel(this.#handle)
    this.#handle = atMs === undefined ? undefined : this.#scheduler.wakeAt(atMs, this)
  }

  onWake(nowMs: number): void {
    this.#handle = undefined
    this.#ring(nowMs)
  }
}
