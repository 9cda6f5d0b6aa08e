import { type FileHandle, open } from 'node:fs/promises'
import { encodeFrame } from '../../lib/store/frame.ts'
import { BEGIN, END, removeSegment, segmentPath, syncFolder } from './segment-files.ts'

/** The segment that grows: appends are whole and synced, or not there at all. */
export class SegmentWriter {
  readonly #folder: string
  #segment: number
  #handle: FileHandle
  #bytes: number
  /** A failed append may have left half a line behind the last good byte. */
  #dirty = false

  private constructor(folder: string, segment: number, handle: FileHandle, bytes: number) {
    this.#folder = folder
    this.#segment = segment
    this.#handle = handle
    this.#bytes = bytes
  }

  /** Makes a new segment whose first line says which sequence number comes next. */
  static async create(folder: string, segment: number, sequence: number): Promise<SegmentWriter> {
    const { handle, bytes } = await begin(folder, segment, sequence)
    return new SegmentWriter(folder, segment, handle, bytes)
  }

  get segment(): number {
    return this.#segment
  }

  /** Bytes that are on disk for certain. */
  get syncedBytes(): number {
    return this.#bytes
  }

  /** Writes whole lines and waits for the disk. After a rejection none of them counts, and the same may be tried again. */
  async append(lines: Buffer): Promise<void> {
    if (this.#dirty) await this.#handle.truncate(this.#bytes)
    this.#dirty = true
    let written = 0
    while (written < lines.length) {
      const at = this.#bytes + written
      written += (await this.#handle.write(lines, written, lines.length - written, at)).bytesWritten
    }
    await this.#handle.datasync()
    this.#dirty = false
    this.#bytes += lines.length
  }

  /** Goes on in the next segment. After a rejection the old one is still in use. */
  async rotate(sequence: number): Promise<void> {
    const { handle, bytes } = await begin(this.#folder, this.#segment + 1, sequence)
    const full = this.#handle
    this.#handle = handle
    this.#bytes = bytes
    this.#segment += 1
    await full.close()
  }

  /** Marks the journal as closed in order and lets go of the file. */
  async close(sequence: number): Promise<void> {
    try {
      await this.append(encodeFrame(END, JSON.stringify({ sequence })))
    } finally {
      await this.#handle.close()
    }
  }

  /** Lets go of the file without the mark: what was appended last could not be written. */
  async abandon(): Promise<void> {
    await this.#handle.close()
  }
}

/** A line that says which sequence number comes next, and is no entry. */
export const beginLine = (sequence: number): Buffer => encodeFrame(BEGIN, JSON.stringify({ sequence }))

async function begin(
  folder: string,
  segment: number,
  sequence: number,
): Promise<{ handle: FileHandle; bytes: number }> {
  const handle = await open(segmentPath(folder, segment), 'wx', 0o600)
  try {
    const line = beginLine(sequence)
    await handle.writeFile(line)
    await handle.sync()
    await syncFolder(folder)
    return { handle, bytes: line.length }
  } catch (error) {
    await handle.close()
    await removeSegment(folder, segment)
    throw error
  }
}
