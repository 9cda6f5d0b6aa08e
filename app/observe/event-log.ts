import type { Logger } from 'pino'
import type { NodeId } from '../../lib/core/ids.ts'
import type { EventDraft, TandemEvent } from '../../lib/observe/event.ts'
import { parseEventId } from '../../lib/observe/event-id.ts'
import type { CallStore, Journal } from '../store/port.ts'

export interface EventLogOptions {
  readonly node: NodeId
  readonly journal: Pick<Journal, 'event' | 'written'>
  readonly store: Pick<CallStore, 'eventsAfter'>
  readonly log: Logger
  /** Called with each event of this node, for the metrics. */
  readonly onEmit?: (event: TandemEvent) => void
  /** Events kept in memory: how far a reader may fall behind. */
  readonly ringSize?: number
  /** How long a resumed reader waits for the journal to reach Postgres. */
  readonly writtenTimeoutMs?: number
}

/** What a reader gets: events in order, and honest words where there are none. */
export type StreamItem =
  | { readonly kind: 'event'; readonly event: TandemEvent }
  /** Events of `node` after sequence number `after` cannot be read now; the stream goes on with later ones. */
  | { readonly kind: 'gap'; readonly node: NodeId; readonly after: number; readonly message: string }
  /** The reader was too slow and is cut off. With the id of its last event it can come back and lose nothing. */
  | { readonly kind: 'cut'; readonly behind: number }

const RING_SIZE = 4_096
const REPLAY_PAGE = 500
const WRITTEN_TIMEOUT_MS = 5_000

/**
 * The one way of every event: stamped and journaled, logged, and handed to whoever follows the stream. Events of other
 * nodes are handed on too (fleet-events.ts), once Postgres has them. All readers share one ring of the latest events and hold nothing but a position in it, so a slow one costs no memory: once the
 * ring has overtaken it, it is cut off.
 */
export class EventLog {
  private readonly options: EventLogOptions
  private readonly ring: TandemEvent[] = []
  private readonly ringSize: number
  /** Position of the next event: the number of events emitted so far by this process. */
  private head = 0
  /** The last event of each node that a reader who comes now would not get. */
  private readonly latestOf = new Map<NodeId, number>()
  private readonly waiting = new Set<() => void>()
  private readerCount = 0

  constructor(options: EventLogOptions) {
    this.options = options
    this.ringSize = options.ringSize ?? RING_SIZE
  }

  /** Readers that follow now. */
  get readers(): number {
    return this.readerCount
  }

  /** The last event of each node so far: with it, a reader that comes now can come back and miss nothing. */
  get latest(): ReadonlyMap<NodeId, number> {
    return this.latestOf
  }

  /** Journals, logs and streams one event. Never throws on account of a reader or of the log. */
  emit(draft: EventDraft): TandemEvent {
    const event = this.options.journal.event(draft)
    const { at: _at, level, event: name, ...fields } = event
    this.options.log[level](fields, name)
    this.options.onEmit?.(event)
    this.stream(event)
    return event
  }

  /** Streams an event of another node, which Postgres has; not one that is older than the last of that node. */
  admit(event: TandemEvent): void {
    const id = parseEventId(event.id)
    if (id !== undefined && id.node !== this.options.node && id.sequence > (this.latestOf.get(id.node) ?? 0)) {
      this.stream(event)
    }
  }

  /** Nobody reads, so another node's events until this one are left out. */
  passOver(node: NodeId, sequence: number): void {
    this.latestOf.set(node, Math.max(sequence, this.latestOf.get(node) ?? 0))
  }

  private stream(event: TandemEvent): void {
    const id = parseEventId(event.id)
    if (id !== undefined) this.latestOf.set(id.node, id.sequence)
    this.ring[this.head % this.ringSize] = event
    this.head += 1
    for (const wake of this.waiting) wake()
  }

  /**
   * Events from now on; with `seen` first all those after the last one seen of each node, none left out and none twice.
   * It ends when `signal` aborts, or after a `cut`.
   */
  async *follow(seen: ReadonlyMap<NodeId, number> | undefined, signal: AbortSignal): AsyncGenerator<StreamItem, void> {
    let position = this.head
    const progress = new Map(seen)
    this.readerCount += 1
    try {
      if (progress.size > 0) position = yield* this.replay(progress, signal)
      while (!signal.aborted) {
        if (position < this.tail()) return yield { kind: 'cut', behind: this.head - position }
        const event = position < this.head ? this.ring[position % this.ringSize] : undefined
        if (event === undefined) {
          await this.nextEvent(signal)
        } else {
          position += 1
          if (!isSeen(event, progress)) yield { kind: 'event', event }
        }
      }
    } finally {
      this.readerCount -= 1
    }
  }

  /**
   * Gives what was missed, from the store as far as the ring does not reach back; returns where to go on in the ring, and
   * moves `progress` on to what was given, as the ring may hold some of it too.
   */
  private async *replay(
    progress: Map<NodeId, number>,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem, number, undefined> {
    const { node } = this.options
    const alone = [...this.latestOf.keys(), ...progress.keys()].every((one) => one === node)
    if (alone && this.ringFollows(progress.get(node))) return this.positionAfter(progress.get(node), this.head)
    let start = this.head
    while (!signal.aborted) {
      start = this.head
      const written = await this.journalWritten()
      const read = yield* this.replayFromStore(progress, signal)
      // All that the ring held at `start` was in the store by then: own events as they are written, others' as always.
      if (written && read && start >= this.tail()) break
      const last = progress.get(node)
      const ringHasRest = this.head <= this.ringSize || last === undefined || this.ringFollows(last)
      if (!written && read && ringHasRest) return this.positionAfter(last, start)
      if (!read || !written) {
        yield { kind: 'gap', node, after: last ?? 0, message: 'the store of events cannot be read now' }
        return this.positionAfter(last, start)
      }
    }
    // A number that this node has not come to yet is nobody's.
    if ((progress.get(node) ?? 0) > (this.latestOf.get(node) ?? 0)) progress.delete(node)
    return start
  }

  /** Reads the store page by page into the stream and moves `progress` on; false where it could not be read. */
  private async *replayFromStore(
    progress: Map<NodeId, number>,
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem, boolean, undefined> {
    while (!signal.aborted) {
      let page: readonly TandemEvent[]
      try {
        page = await this.options.store.eventsAfter(progress, REPLAY_PAGE)
      } catch (error) {
        this.options.log.warn({ err: error }, 'events for a reader that resumes cannot be read')
        return false
      }
      for (const event of page) {
        const id = parseEventId(event.id)
        if (id !== undefined) progress.set(id.node, Math.max(id.sequence, progress.get(id.node) ?? 0))
        yield { kind: 'event', event }
      }
      if (page.length < REPLAY_PAGE) return true
    }
    return true
  }

  /** Events are written behind: what was emitted before a reader came must be in the store before it is read. */
  private async journalWritten(): Promise<boolean> {
    try {
      await this.options.journal.written(this.options.writtenTimeoutMs ?? WRITTEN_TIMEOUT_MS)
      return true
    } catch (error) {
      this.options.log.warn({ err: error }, 'events wait in the journal while a reader resumes')
      return false
    }
  }

  /**
   * Whether the ring has all own events after sequence number `last`. Numbers have gaps, as the journal's other records
   * take some, so only an event at or before `last` proves it.
   */
  private ringFollows(last: number | undefined): boolean {
    if (last === undefined) return false
    for (let position = this.tail(); position < this.head; position++) {
      const sequence = this.ownSequence(position)
      if (sequence !== null) return sequence <= last
    }
    return false
  }

  /** Behind the own event `last`, but not behind `start`, after which others' events have to be looked at. */
  private positionAfter(last: number | undefined, start: number): number {
    if (last === undefined) return start
    for (let position = this.head; position > this.tail(); position--) {
      const sequence = this.ownSequence(position - 1)
      if (sequence !== null && sequence <= last) return Math.min(position, start)
    }
    return Math.min(this.tail(), start)
  }

  /** Position of the oldest event in the ring. */
  private tail(): number {
    return Math.max(0, this.head - this.ringSize)
  }

  /** Sequence number of the event at a position; null where it is another node's. */
  private ownSequence(position: number): number | null {
    const event = this.ring[position % this.ringSize]
    const id = event === undefined ? undefined : parseEventId(event.id)
    return id?.node === this.options.node ? id.sequence : null
  }

  private nextEvent(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.waiting.delete(wake)
        resolve()
      }
      signal.addEventListener('abort', wake)
      this.waiting.add(wake)
    })
  }
}

function isSeen(event: TandemEvent, progress: ReadonlyMap<NodeId, number>): boolean {
  const id = progress.size === 0 ? undefined : parseEventId(event.id)
  return id !== undefined && id.sequence <= (progress.get(id.node) ?? 0)
}
