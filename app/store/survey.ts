import {
  lastSequence,
  listSegments,
  type Position,
  readCheckpoint,
  removeSegment,
  segmentBytes,
} from './segment-files.ts'

/** After a crash this many numbers are skipped: more than can have been given out and shown, but not synced. */
const SEQUENCE_GAP = 1_000_000

/** What a journal's folder holds when it is opened. */
export interface Found {
  readonly nextSegment: number
  readonly nextSequence: number
  readonly position: Position
  readonly bytes: number
}

/** Looks at what earlier runs left in `folder`, and removes segments that Postgres has. `firstSequence` where it holds no number. */
export async function survey(folder: string, firstSequence: number): Promise<Found> {
  const segments = await listSegments(folder)
  const checkpoint = await readCheckpoint(folder)
  const last = await lastSequence(folder, segments)
  const oldest = segments[0] ?? checkpoint?.segment ?? 1
  const position = checkpoint !== null && checkpoint.segment >= oldest ? checkpoint : { segment: oldest, offset: 0 }
  let bytes = 0
  for (const segment of segments) {
    if (segment < position.segment) await removeSegment(folder, segment)
    else bytes += await segmentBytes(folder, segment)
  }
  return {
    nextSegment: Math.max(segments.at(-1) ?? 0, checkpoint?.segment ?? 0) + 1,
    nextSequence: last === null ? firstSequence : last.sequence + 1 + (last.closed ? 0 : SEQUENCE_GAP),
    position,
    bytes,
  }
}
