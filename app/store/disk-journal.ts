import { mkdir } from 'node:fs/promises'
import type { Entry } from '../../lib/store/entry.ts'
import { encodeFrame, type Frame } from '../../lib/store/frame.ts'
import { shed, sizeOf } from '../../lib/store/shed.ts'
import { type Position, removeSegment, saveCheckpoint, segmentBytes } from './segment-files.ts'
import { SegmentReader } from './segment-reader.ts'
import { beginLine, SegmentWriter } from './segment-writer.ts'
import { StoreError, wordsOf } from './store-error.ts'
import { type Found, survey } from './survey.ts'
import { Watermark } from './watermark.ts'

export interface JournalLimits {
  /** From an append to the write and sync of all that came meanwhile. */
  readonly batchDelayMs: number
  /** From a failed write to the next try. */
  readonly retryDelayMs: number
  /** A segment that has reached this is followed by a new one. */
  readonly segmentBytes: number
  /** All segments together: beyond it entries stay in memory until Postgres has taken some. */
  readonly diskBytes: number
  /** UTF-16 units of JSON that wait in memory; beyond it the least worthy are dropped. */
  readonly memoryLength: number
}

const JOURNAL_LIMITS: JournalLimits = {
  batchDelayMs: 5,
  retryDelayMs: 500,
  segmentBytes: 8 * 1024 * 1024,
  diskBytes: 1024 * 1024 * 1024,
  memoryLength: 16 * 1024 * 1024,
}

/** UTF-16 units of JSON in one write: holds the loop up for some 10 ms; with less, redirected calls outrun the journal. */
const WRITE_LENGTH = 4 * 1024 * 1024
const CHECKPOINT_INTERVAL_MS = 1000

/** Entries to write to Postgres, then to be marked `done` or `putBack`. */
export interface Batch {
  readonly frames: readonly Frame[]
  /** They were appended before this process started. */
  readonly earlier: boolean
  /** Journal bytes that could not be read and are skipped with this batch. */
  readonly damaged: number
  readonly source: { readonly kind: 'disk'; readonly next: Position } | { readonly kind: 'memory' }
}

export interface JournalTrouble {
  readonly reason: string
  /** Entries that were given up since the journal was opened. */
  readonly dropped: number
}

interface JournalFigures {
  /** Entries that wait in memory for the disk. */
  readonly waiting: number
  /** Entries of this run that Postgres does not have yet. */
  readonly behind: number
  /** All segments together. */
  readonly diskBytes: number
  /** Entries that were given up. */
  readonly dropped: number
}

export interface DiskJournalOptions {
  readonly folder: string
  /** The first sequence number where the folder holds none. */
  readonly firstSequence: number
  /** Called when the disk refuses or takes again; null when all is well. */
  readonly onTrouble: (trouble: JournalTrouble | null) => void
  /** Called when there is more to read. */
  readonly onAppended: () => void
  readonly limits?: Partial<JournalLimits>
}

/**
 * A queue on disk: appended to without waiting, synced in batches, read from the front. While the disk refuses, entries
 * wait in memory, and the reader gets them from there, so that they reach Postgres all the same.
 */
export class DiskJournal {
  readonly #options: DiskJournalOptions
  readonly #limits: JournalLimits
  readonly #writer: SegmentWriter
  readonly #reader: SegmentReader
  readonly #firstSegment: number
  readonly #appended = { count: 0 }
  readonly #synced = new Watermark()
  readonly #written = new Watermark()
  #nextSequence: number
  #pending: Entry[] = []
  #pendingLength = 0
  #lent: ReadonlySet<Entry> | null = null
  #flushing: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #trouble: string | null = null
  #dropped = 0
  #diskBytes: number
  #oldestSegment: number
  #checkpointAtMs = 0
  #closed = false

  private constructor(options: DiskJournalOptions, writer: SegmentWriter, reader: SegmentReader, found: Found) {
    this.#options = options
    this.#limits = { ...JOURNAL_LIMITS, ...options.limits }
    this.#writer = writer
    this.#reader = reader
    this.#firstSegment = writer.segment
    this.#nextSequence = found.nextSequence
    this.#diskBytes = found.bytes
    this.#oldestSegment = found.position.segment
  }

  /** Opens the journal in `folder`, which is made if it is missing. Rejects with what the file system says. */
  static async open(options: DiskJournalOptions): Promise<DiskJournal> {
    const { folder } = options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const found = await survey(folder, options.firstSequence)
    const writer = await SegmentWriter.create(folder, found.nextSegment, found.nextSequence)
    return new DiskJournal(options, writer, new SegmentReader(folder, found.position), found)
  }

  /** True where the disk takes what is appended. */
  get healthy(): boolean {
    return this.#trouble === null
  }

  get figures(): JournalFigures {
    return {
      waiting: this.#pending.length,
      behind: this.#appended.count - this.#written.count,
      diskBytes: this.#diskBytes,
      dropped: this.#dropped,
    }
  }

  /** The number for the next entry: grows by one, over restarts too. */
  takeSequence(): number {
    return this.#nextSequence++
  }

  /** Takes the entry; never waits, never throws. */
  append(entry: Entry): void {
    this.#appended.count += 1
    this.#pending.push(entry)
    this.#pendingLength += entry.json.length
    if (this.#pendingLength > this.#limits.memoryLength) this.#shed()
    this.#schedule()
  }

  /** Resolves when all that was appended so far is on disk, or else in Postgres. */
  synced(): Promise<void> {
    return this.#synced.reached(this.#appended.count)
  }

  /** Resolves when all that was appended so far is in Postgres. */
  written(): Promise<void> {
    return this.#written.reached(this.#appended.count)
  }

  /** The next entries to write, or null where there are none now. One batch is out at a time. */
  async read(): Promise<Batch | null> {
    const stretch = await this.#reader.peek({ segment: this.#writer.segment, offset: this.#writer.syncedBytes })
    if (stretch !== null) {
      const earlier = stretch.next.segment < this.#firstSegment
      return { frames: stretch.frames, damaged: stretch.damaged, earlier, source: { kind: 'disk', next: stretch.next } }
    }
    await this.#forgetBefore(this.#reader.position.segment)
    if (this.#trouble === null || this.#flushing !== null || this.#pending.length === 0) return null
    const lent = this.#pending.slice(0, 1000)
    this.#lent = new Set(lent)
    const frames = lent.map(({ kind, json }) => ({ kind, json: Buffer.from(json) }))
    return { frames, damaged: 0, earlier: false, source: { kind: 'memory' } }
  }

  /** The batch is in Postgres: it is never read again, but for a crash within a second. */
  async done(batch: Batch): Promise<void> {
    if (batch.source.kind === 'memory') {
      const lent = this.#lent ?? new Set()
      const kept = this.#pending.filter((entry) => !lent.has(entry))
      this.#synced.advance(this.#pending.length - kept.length)
      this.#written.advance(this.#pending.length - kept.length)
      this.#setPending(kept)
      this.putBack()
      return
    }
    this.#reader.advance(batch.source.next)
    if (!batch.earlier) this.#written.advance(batch.frames.length)
    await this.#forgetBefore(batch.source.next.segment)
    if (performance.now() - this.#checkpointAtMs < CHECKPOINT_INTERVAL_MS) return
    // A full disk: what is done is read once more after a crash, and changes nothing.
    await this.#saveCheckpoint().catch(() => undefined)
  }

  /** The batch could not be written; the same entries come again. */
  putBack(): void {
    this.#lent = null
    this.#schedule()
  }

  /** Syncs what is left and closes the files; what Postgres lacks is replayed at the next start. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#flushing
    while (this.#pending.length > 0 && (await this.#flush()));
    try {
      await (this.#pending.length === 0 ? this.#writer.close(this.#nextSequence) : this.#writer.abandon())
      if (this.#pending.length === 0 && this.#written.count === this.#appended.count) this.#passEnd()
      await this.#saveCheckpoint()
    } finally {
      await this.#reader.close()
    }
  }

  #passEnd(): void {
    this.#reader.advance({ segment: this.#writer.segment, offset: this.#writer.syncedBytes })
  }

  #schedule(): void {
    if (this.#timer !== null || this.#flushing !== null || this.#lent !== null) return
    if (this.#closed || (this.#pending.length === 0 && this.#trouble === null)) return
    const { batchDelayMs, retryDelayMs } = this.#limits
    const delayMs = this.#trouble !== null ? retryDelayMs : this.#pendingLength >= WRITE_LENGTH ? 0 : batchDelayMs
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#flush()
    }, delayMs)
  }

  /**
   * Writes and syncs the front of what waits; says whether the disk took it. Where it refused and Postgres has taken all that waited,
   * a line of no meaning is tried: the next entry may be long in coming, and nobody would hear that the disk is well. Never rejects.
   */
  async #flush(): Promise<boolean> {
    if (this.#lent !== null) return false
    const taken = this.#takeFront()
    const flushing = this.#write(taken).then(
      () => this.#settle(null),
      (error: unknown) => {
        this.#setPending([...taken, ...this.#pending])
        this.#settle(error)
      },
    )
    this.#flushing = flushing
    await flushing
    this.#flushing = null
    this.#options.onAppended()
    this.#schedule()
    return this.#trouble === null
  }

  #takeFront(): Entry[] {
    let length = 0
    let count = 0
    while (count < this.#pending.length && length < WRITE_LENGTH) length += this.#pending[count++]?.json.length ?? 0
    const taken = this.#pending.slice(0, count)
    this.#setPending(this.#pending.slice(count))
    return taken
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    if (this.#diskBytes >= this.#limits.diskBytes) {
      throw new StoreError(
        'disk-full',
        `the journal holds ${this.#diskBytes} bytes, its limit, that Postgres has not taken`,
      )
    }
    const before = this.#writer.syncedBytes
    const lines = entries.map(({ kind, json }) => encodeFrame(kind, json))
    await this.#writer.append(lines.length > 0 ? Buffer.concat(lines) : beginLine(this.#nextSequence))
    this.#diskBytes += this.#writer.syncedBytes - before
    this.#synced.advance(entries.length)
    if (this.#writer.syncedBytes < this.#limits.segmentBytes) return
    await this.#writer.rotate(this.#nextSequence).then(
      () => {
        this.#diskBytes += this.#writer.syncedBytes
      },
      () => undefined, // A disk too full for a new segment: the old one goes on growing, and the next write tells.
    )
  }

  #settle(error: unknown): void {
    const trouble = error === null ? null : wordsOf(error)
    if (trouble !== null && this.#pendingLength > this.#limits.memoryLength) this.#shed()
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#options.onTrouble(trouble === null ? null : { reason: trouble, dropped: this.#dropped })
  }

  #shed(): void {
    const { kept, dropped } = shed(this.#pending, this.#limits.memoryLength * 0.9)
    this.#setPending(kept)
    this.#dropped += dropped
    this.#synced.advance(dropped)
    this.#written.advance(dropped)
    this.#trouble ??= 'the disk is too slow'
    this.#options.onTrouble({ reason: this.#trouble, dropped: this.#dropped })
  }

  #setPending(entries: Entry[]): void {
    this.#pending = entries
    this.#pendingLength = sizeOf(entries)
  }

  async #forgetBefore(segment: number): Promise<void> {
    for (; this.#oldestSegment < segment; this.#oldestSegment++) {
      this.#diskBytes -= await segmentBytes(this.#options.folder, this.#oldestSegment)
      await removeSegment(this.#options.folder, this.#oldestSegment)
    }
  }

  async #saveCheckpoint(): Promise<void> {
    this.#checkpointAtMs = performance.now()
    await saveCheckpoint(this.#options.folder, this.#reader.position)
  }
}
