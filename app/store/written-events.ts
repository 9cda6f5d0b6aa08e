import type { Frame } from '../../lib/store/frame.ts'

/** Sequence numbers of a node: its events after `after` until `last` are in Postgres now. */
export interface WrittenEvents {
  readonly after: number
  readonly last: number
}

/** How the JSON of every entry begins (lib/store/entry.ts). */
const SEQUENCE = /^\{"sequence":(\d+)/
const HEAD_BYTES = 40

/** The events of a batch; null where it has none. */
export function writtenEvents(frames: readonly Frame[]): WrittenEvents | null {
  const sequences = frames.flatMap(({ kind, json }) => {
    const found = kind === 'event' ? SEQUENCE.exec(json.toString('utf8', 0, HEAD_BYTES)) : null
    return found === null ? [] : [Number(found[1])]
  })
  const [first] = sequences
  const last = sequences.at(-1)
  return first === undefined || last === undefined ? null : { after: first - 1, last }
}
