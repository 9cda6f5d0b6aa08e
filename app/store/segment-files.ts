import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sequenceOf } from '../../lib/store/entry.ts'
import { decodeFrames, type Frame } from '../../lib/store/frame.ts'
import { codeOf } from './store-error.ts'

/** A place in the journal: a segment's number and a byte in it. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

/** The first line of a segment, and one that only tries the disk: `{"sequence":N}`, N being the number that the next entry gets. */
export const BEGIN = 'begin'
/** The last line of a journal that was closed in order. */
export const END = 'end'

const NAME = /^(\d{10})\.journal$/

export const segmentPath = (folder: string, segment: number): string =>
  join(folder, `${String(segment).padStart(10, '0')}.journal`)

/** The numbers of the segments in the folder, oldest first. */
export async function listSegments(folder: string): Promise<number[]> {
  const numbers = (await readdir(folder)).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number)
  return numbers.toSorted((a, b) => a - b)
}

/** Bytes of the segment, 0 if it is gone. */
export async function segmentBytes(folder: string, segment: number): Promise<number> {
  try {
    return (await stat(segmentPath(folder, segment))).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}

/** Makes the names in a folder durable: without it a new file may be gone after a power loss. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const checkpointPath = (folder: string): string => join(folder, 'checkpoint.json')

/** How far Postgres had everything, or null where no file says so. A checkpoint that is too old only costs a replay. */
export async function readCheckpoint(folder: string): Promise<Position | null> {
  try {
    const saved: unknown = JSON.parse(await readFile(checkpointPath(folder), 'utf8'))
    if (typeof saved !== 'object' || saved === null || !('segment' in saved) || !('offset' in saved)) return null
    const { segment, offset } = saved
    return isCount(segment) && isCount(offset) ? { segment, offset } : null
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return null
    throw error
  }
}

/** Replaces the checkpoint as a whole: a crash leaves the old one or the new one. */
export async function saveCheckpoint(folder: string, position: Position): Promise<void> {
  const fresh = `${checkpointPath(folder)}.new`
  await writeFile(fresh, JSON.stringify({ segment: position.segment, offset: position.offset }))
  await rename(fresh, checkpointPath(folder))
}

export const removeSegment = (folder: string, segment: number): Promise<void> =>
  rm(segmentPath(folder, segment), { force: true })

/** Where the numbering of entries stood when the journal was last written. */
export interface LastSequence {
  readonly sequence: number
  /** True where the journal was closed in order, so that nothing was numbered that is not in it. */
  readonly closed: boolean
}

/** Reads the newest segment that has a whole line; null where none has. */
export async function lastSequence(folder: string, segments: readonly number[]): Promise<LastSequence | null> {
  for (const segment of segments.toReversed()) {
    const { frames } = decodeFrames(await readFile(segmentPath(folder, segment)))
    const last = frames.at(-1)
    if (last !== undefined) return { sequence: highest(frames), closed: last.kind === END }
  }
  return null
}

function highest(frames: readonly Frame[]): number {
  let sequence = 0
  for (const frame of frames) {
    const own = sequenceOf(frame.json) ?? 0
    sequence = Math.max(sequence, frame.kind === BEGIN || frame.kind === END ? own - 1 : own)
  }
  return sequence
}

/** Fills `bytes` from `offset` on, as far as the file goes; returns the part that was filled. */
export async function readStretch(handle: FileHandle, bytes: Buffer, offset: number): Promise<Buffer> {
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
