import { type AgentRecord, mergeAgents } from '../../lib/observe/call-record.ts'
import { withDeadline } from '../deadline.ts'
import type { Line, Talker } from './talker.ts'

/** A talker that does not end within this time is left behind: ports are scarcer than sockets to an AI. */
const CLOSE_MS = 3_000

/** Who talks on a leg: one at a time, and another one from one frame to the next. */
export class TalkerSeat {
  readonly #warn: (message: string) => void
  readonly #closings: Promise<void>[] = []
  #talker: Talker
  #line: Line | null = null
  #isStarted = false
  #isClosed = false
  #record: AgentRecord | null = null

  constructor(first: Talker, warn: (message: string) => void) {
    this.#talker = first
    this.#warn = warn
  }

  get talker(): Talker {
    return this.#talker
  }

  attach(line: Line): void {
    this.#line = line
    this.#talker.attach(line)
  }

  start(): void {
    this.#isStarted = true
    this.#talker.start()
  }

  /** Has another one talk from now on; what the one before had to say yet is dropped. */
  seat(next: Talker): void {
    if (this.#isClosed) {
      this.#closings.push(this.#end(next))
      return
    }
    // It is ended first, so that it can tell what was heard of it.
    this.#closings.push(this.#end(this.#talker))
    this.#line?.flush()
    this.#talker = next
    if (this.#line !== null) next.attach(this.#line)
    if (this.#isStarted) next.start()
  }

  /** Ends who talks; resolves with what agents were that talked, when all of them have ended. */
  async close(): Promise<AgentRecord | null> {
    this.#isClosed = true
    this.#closings.push(this.#end(this.#talker))
    await Promise.all(this.#closings)
    return this.#record
  }

  async #end(talker: Talker): Promise<void> {
    let isOver = false
    const ending = talker.close().then(
      (record) => {
        isOver = true
        this.#record = mergeAgents(this.#record, record)
      },
      (cause: unknown) => {
        isOver = true
        this.#warn(`the talker ended with an error: ${cause instanceof Error ? cause.message : String(cause)}`)
      },
    )
    await withDeadline(ending, CLOSE_MS)
    if (!isOver) this.#warn(`the talker did not end within ${CLOSE_MS} ms`)
  }
}
