import { type FileHandle, open } from 'node:fs/promises'
import { decodeFrames, type Frame, MAX_BODY_BYTES } from '../../lib/store/frame.ts'
import { BEGIN, END, type Position, readStretch, segmentBytes, segmentPath } from './segment-files.ts'
import { codeOf } from './store-error.ts'

/** Lines of one segment, in order, and where the next ones begin. */
export interface Stretch {
  readonly frames: readonly Frame[]
  readonly next: Position
  /** Bytes that were skipped because they belong to no whole line, though whole lines follow. */
  readonly damaged: number
}

const STRETCH_BYTES = 256 * 1024
/** A stretch that holds no whole line is read anew at this size, which every line fits. */
const LONG_STRETCH_BYTES = MAX_BODY_BYTES + 4096

/** Reads the journal from a position on, segment after segment, never beyond what is synced. */
export class SegmentReader {
  readonly #folder: string
  #position: Position
  #open: { readonly segment: number; readonly handle: FileHandle } | null = null

  constructor(folder: string, position: Position) {
    this.#folder = folder
    this.#position = position
  }

  get position(): Position {
    return this.#position
  }

  /** The next entries before `end`, which is in the segment that still grows; null where there are none. */
  async peek(end: Position): Promise<Stretch | null> {
    let damaged = 0
    while (this.#position.segment <= end.segment) {
      const { segment, offset } = this.#position
      const growing = segment === end.segment
      const limit = growing ? end.offset : await segmentBytes(this.#folder, segment)
      const stretch = offset < limit ? await this.#decode(segment, offset, limit) : null
      if (stretch !== null && stretch.consumed > 0) {
        const frames = stretch.frames.filter((frame) => frame.kind !== BEGIN && frame.kind !== END)
        const next = { segment, offset: offset + stretch.consumed }
        damaged += stretch.damaged
        if (frames.length > 0) return { frames, next, damaged }
        this.#position = next
        continue
      }
      if (growing) break
      // What is left of a full segment is a line that a crash cut off before it was synced.
      this.#position = { segment: segment + 1, offset: 0 }
    }
    return damaged > 0 ? { frames: [], next: this.#position, damaged } : null
  }

  /** What was peeked at is dealt with. */
  advance(next: Position): void {
    this.#position = next
  }

  async close(): Promise<void> {
    await this.#open?.handle.close()
    this.#open = null
  }

  async #decode(segment: number, offset: number, limit: number): Promise<ReturnType<typeof decodeFrames> | null> {
    const handle = await this.#handleOf(segment)
    if (handle === null) return null
    const short = Math.min(STRETCH_BYTES, limit - offset)
    const decoded = decodeFrames(await readStretch(handle, Buffer.allocUnsafe(short), offset))
    if (decoded.frames.length > 0 || short === limit - offset) return decoded
    const long = Math.min(LONG_STRETCH_BYTES, limit - offset)
    const bytes = await readStretch(handle, Buffer.allocUnsafe(long), offset)
    const again = decodeFrames(bytes)
    // More bytes than any line has, and no line: all of it is damage.
    const hopeless = again.consumed === 0 && long === LONG_STRETCH_BYTES
    return hopeless ? { frames: [], consumed: bytes.length, damaged: bytes.length } : again
  }

  async #handleOf(segment: number): Promise<FileHandle | null> {
    if (this.#open?.segment === segment) return this.#open.handle
    await this.close()
    try {
      const handle = await open(segmentPath(this.#folder, segment), 'r')
      this.#open = { segment, handle }
      return handle
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    }
  }
}
