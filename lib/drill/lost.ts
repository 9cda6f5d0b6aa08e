import type { DrillCall, DrillFacts, RecordFact } from './facts.ts'
import { liveNumbers } from './live.ts'

/** Calls never answered, by when they were lost. */
export interface LostCalls {
  /** Placed from the fault on, or their INVITE was out when it came; those that nothing can be promised of are not among them. */
  readonly since: readonly DrillCall[]
  /** Over, for whatever reason, before the fault: none of its cost, and a sign that the drill itself is not well. */
  readonly before: readonly DrillCall[]
}

/** The calls that nobody answered. */
export function lostCalls(facts: DrillFacts): LostCalls {
  const { calls, records, faultAtMs } = facts
  const byId = new Map(records.map((record) => [record.id, record]))
  const live = liveNumbers(facts)
  const lost = calls.filter((call) => isLost(call, byId) && !live.has(call.number))
  return {
    since: lost.filter((call) => !isOverBefore(call, byId, faultAtMs)),
    before: lost.filter((call) => isOverBefore(call, byId, faultAtMs)),
  }
}

/** What records and carriers say of a call, on one line, with moments relative to the fault: who reads of a lost call looks for its cause. */
export function storyOf({ number, direction, atMs, status }: DrillCall, facts: DrillFacts): string {
  const { records, carrierEvents, faultAtMs } = facts
  const at = (ms: number): string => `${ms < faultAtMs ? '' : '+'}${((ms - faultAtMs) / 1_000).toFixed(2)} s`
  const told = records
    .filter(({ from, to }) => (direction === 'inbound' ? from : to) === number)
    .map(({ trunk, attempts, cause, endedAtMs }) => {
      const tried = direction === 'inbound' ? '' : `, INVITEs: ${attempts}`
      return `record: over ${trunk ?? 'no trunk'}${tried}, ${cause ?? 'not ended'}${endedAtMs === null ? '' : ` ${at(endedAtMs)}`}`
    })
  const seen = carrierEvents
    .filter((event) => event.number === number)
    .map(({ carrier, kind, atMs: ms }) => `${carrier}: ${kind} ${at(ms)}`)
  const answer = direction === 'inbound' ? `, answer: ${status ?? 'none'}` : ''
  return [`${direction} ${number} ${at(atMs)}${answer}`, ...told, ...seen].join('; ')
}

function isLost(call: DrillCall, byId: ReadonlyMap<string, RecordFact>): boolean {
  if (call.direction === 'inbound') return call.status === null || call.status < 200 || call.status >= 300
  return call.id === null || (byId.get(call.id)?.answeredAtMs ?? null) === null
}

function isOverBefore(call: DrillCall, byId: ReadonlyMap<string, RecordFact>, faultAtMs: number): boolean {
  if (call.atMs >= faultAtMs) return false
  if (call.direction === 'inbound' || call.id === null) return true
  return (byId.get(call.id)?.endedAtMs ?? Infinity) < faultAtMs
}
