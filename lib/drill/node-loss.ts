import type { DrillFacts, RecordFact } from './facts.ts'

/** What a drill that kills a node finds; all is 0 or null where it breaks something else. */
export interface NodeFigures {
  /** Outbound calls that were up on the node when it was killed. */
  readonly callsOnNode: number
  /** Those of them that another node went on with. */
  readonly callsMoved: number
  /** Conversations of the node that wait for their callers to redial. */
  readonly sessionsParked: number
  /** The median of the time for which callees of moved calls heard nothing; null: none was moved. */
  readonly medianGapMs: number | null
}

/** Counts the calls that were up on a node that was killed, and what became of them. */
export function measureNode(facts: DrillFacts): NodeFigures {
  const { deadNode, nodeEvents, carrierEvents, faultAtMs } = facts
  if (deadNode === null) return { callsOnNode: 0, callsMoved: 0, sessionsParked: 0, medianGapMs: null }
  const moved = movedCalls(facts)
  const onNode = callsOnNode(facts)
  const movedNumbers = new Set(onNode.flatMap(({ id, to }) => (moved.has(id) ? to : [])))
  const gaps = carrierEvents
    .flatMap(({ kind, number, atMs, longestGapMs }) =>
      kind === 'ended' && atMs >= faultAtMs && longestGapMs !== null && movedNumbers.has(number) ? longestGapMs : [],
    )
    .toSorted((a, b) => a - b)
  return {
    callsOnNode: onNode.length,
    callsMoved: movedNumbers.size,
    sessionsParked: nodeEvents.filter(
      ({ event, node, atMs }) => event === 'session.parked' && node !== deadNode && atMs >= faultAtMs,
    ).length,
    medianGapMs: gaps[Math.floor(gaps.length / 2)] ?? null,
  }
}

/** Outbound calls that were up on the dead node and that nobody goes on with. */
export function droppedByNode(facts: DrillFacts): number {
  const moved = movedCalls(facts)
  return callsOnNode(facts).filter(({ id }) => !moved.has(id)).length
}

/** Numbers of outbound calls that the dead node was placing: no other node may ring their callees again. */
export function placedByDead(facts: DrillFacts): ReadonlySet<string> {
  const { records } = facts
  const seen = seenOnDead(facts, () => true)
  const up = new Set(callsOnNode(facts).map(({ id }) => id))
  return new Set(records.flatMap(({ id, to }) => (seen.has(id) && !up.has(id) ? to : [])))
}

const movedCalls = ({ nodeEvents, faultAtMs }: DrillFacts): ReadonlySet<string> =>
  new Set(
    nodeEvents.flatMap(({ event, call, atMs }) => (event === 'call.moved' && atMs >= faultAtMs ? (call ?? []) : [])),
  )

function callsOnNode(facts: DrillFacts): readonly RecordFact[] {
  const answered = seenOnDead(facts, (event) => event === 'call.answered')
  const over = seenOnDead(facts, (event) => event === 'call.ended')
  return facts.records.filter(({ id, direction }) => direction === 'outbound' && answered.has(id) && !over.has(id))
}

/** Calls of which the dead node told before its end. */
function seenOnDead(
  { nodeEvents, deadNode, faultAtMs }: DrillFacts,
  isIt: (event: string) => boolean,
): ReadonlySet<string> {
  return new Set(
    nodeEvents.flatMap(({ event, node, call, atMs }) =>
      node === deadNode && atMs <= faultAtMs && isIt(event) ? (call ?? []) : [],
    ),
  )
}
