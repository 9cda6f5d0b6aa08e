import type { WebSocket } from 'ws'

/** A client that lets this much pile up unread is cut off. */
const BUFFERED_BYTES = 32 * 1024 * 1024
/** Frames that may be held back by faults. */
const HELD_FRAMES = 20_000

type Entry = { readonly dueMs: number } & (
  | { readonly frame: string }
  | { readonly code: number; readonly reason: string }
)

/** What goes out on one socket, in order; usually at once, later where a fault says so. */
export class Outbox {
  readonly #socket: WebSocket
  #held: Entry[] = []
  #timer: NodeJS.Timeout | undefined
  #silentUntilMs = 0

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  /** Sends nothing before that moment; Infinity for never again. */
  stall(untilMs: number): void {
    this.#silentUntilMs = untilMs
  }

  send(frame: string, delayMs: number, nowMs: number): void {
    this.#put({ dueMs: Math.max(nowMs + delayMs, this.#silentUntilMs), frame }, nowMs)
  }

  close(code: number, reason: string, delayMs: number, nowMs: number): void {
    this.#put({ dueMs: Math.max(nowMs + delayMs, this.#silentUntilMs), code, reason }, nowMs)
  }

  /** The socket is gone. */
  dispose(): void {
    clearTimeout(this.#timer)
    this.#held = []
  }

  #put(entry: Entry, nowMs: number): void {
    if (entry.dueMs === Number.POSITIVE_INFINITY) return
    if (entry.dueMs <= nowMs && this.#held.length === 0) return this.#release(entry)
    this.#held.push(entry)
    if (this.#held.length > HELD_FRAMES) this.#socket.terminate()
    else if (this.#held.length === 1) this.#wait(entry.dueMs - nowMs)
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => this.#releaseDue(performance.now()), Math.max(0, ms))
  }

  #releaseDue(nowMs: number): void {
    let released = 0
    for (const entry of this.#held) {
      if (entry.dueMs > nowMs) break
      this.#release(entry)
      released++
    }
    this.#held.splice(0, released)
    const next = this.#held[0]
    if (next !== undefined) this.#wait(next.dueMs - nowMs)
  }

  #release(entry: Entry): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if ('frame' in entry) this.#socket.send(entry.frame)
    else this.#socket.close(entry.code, entry.reason)
    if (this.#socket.bufferedAmount > BUFFERED_BYTES) this.#socket.terminate()
  }
}
