import { type NodeId, nodeId } from '../core/ids.ts'
import { err, ok, type Result } from '../core/result.ts'

/** What an event's id says: which node it happened on, and that node's how many-th event it was. */
export interface EventId {
  readonly node: NodeId
  readonly sequence: number
}

/** Nodes in one `Last-Event-ID`. */
const MAX_NODES = 64
const MAX_LAST_EVENT_ID = 8_192

/** `<node>-<sequence>`; a node's id may have dashes itself, so the last one divides. Undefined for anything else. */
export function parseEventId(text: string): EventId | undefined {
  const parts = /^([\w.-]{1,64})-(\d{1,15})$/.exec(text)
  return parts === null ? undefined : { node: nodeId(parts[1] ?? ''), sequence: Number(parts[2]) }
}

/**
 * Reads a `Last-Event-ID`: the last event seen of each node, comma-separated. A node that is named twice counts by its
 * latest event. The error says which part is no event id.
 */
export function parseLastEventId(text: string): Result<ReadonlyMap<NodeId, number>, string> {
  if (text.length > MAX_LAST_EVENT_ID) return err(`longer than ${MAX_LAST_EVENT_ID} characters`)
  const seen = new Map<NodeId, number>()
  for (const part of text.split(',')) {
    const trimmed = part.trim()
    if (trimmed === '') continue
    const id = parseEventId(trimmed)
    if (id === undefined) return err(`"${trimmed.slice(0, 80)}" is not <node>-<sequence>`)
    seen.set(id.node, Math.max(id.sequence, seen.get(id.node) ?? 0))
  }
  return seen.size > MAX_NODES ? err(`more than ${MAX_NODES} nodes`) : ok(seen)
}

/** The `Last-Event-ID` with which a reader that has seen this comes back. */
export function formatLastEventId(seen: ReadonlyMap<NodeId, number>): string {
  return [...seen].map(([node, sequence]) => `${node}-${sequence}`).join(',')
}
