import type { DrillFacts, RecordFact } from './facts.ts'
import { placedByDead } from './node-loss.ts'

/**
 * Numbers of outbound calls that had rung over the broken trunk and for which no other may be tried any more: that were not over at
 * the fault, or, where the trunk comes and goes, that rang while it was there and were never answered. They are what cannot be
 * promised. None where a store is broken: no call needs one; where a node is killed, those that it was placing.
 */
export function liveNumbers(facts: DrillFacts): ReadonlySet<string> {
  const { subject, carrierEvents, records, broken, faultAtMs, wellAtMs } = facts
  if (subject === 'stores') return new Set()
  if (subject === 'node') return placedByDead(facts)
  const rangAtMs = new Map<string, number>()
  for (const { kind, carrier, number, atMs } of carrierEvents) {
    if (kind === 'ringing' && carrier === broken.carrier) {
      rangAtMs.set(number, Math.min(atMs, rangAtMs.get(number) ?? Infinity))
    }
  }
  const isLive = ({ to, trunk, answeredAtMs, endedAtMs }: RecordFact): boolean => {
    const rang = rangAtMs.get(to) ?? Infinity
    if (trunk !== broken.trunk || (endedAtMs ?? Infinity) < faultAtMs) return false
    return rang < faultAtMs || (rang < wellAtMs && answeredAtMs === null)
  }
  return new Set(records.filter(isLive).map(({ to }) => to))
}
