import type { DrillFacts, NodeFact } from './facts.ts'

/** What an event says of the thing that is broken: a node does without it, or has it back; null: nothing. */
export function wordOf(
  { event, trunk, to }: Pick<NodeFact, 'event' | 'trunk' | 'to'>,
  { subject, broken }: Pick<DrillFacts, 'subject' | 'broken'>,
): 'out' | 'back' | null {
  if (subject === 'trunk' && event === 'trunk.state' && trunk === broken.trunk) return to === 'active' ? 'back' : 'out'
  if (subject === 'stores' && event === 'store.degraded') return 'out'
  return subject === 'stores' && event === 'store.recovered' ? 'back' : null
}

/** Well to back on every node that had done without it; null: not all came so far, or none was without it. */
export function recoveryOf(facts: DrillFacts): number | null {
  const { nodeEvents, faultAtMs, wellAtMs } = facts
  const last = new Map<string, { readonly word: 'out' | 'back'; readonly atMs: number }>()
  for (const event of nodeEvents) {
    const word = wordOf(event, facts)
    if (word !== null && event.atMs >= faultAtMs) last.set(event.node, { word, atMs: event.atMs })
  }
  const words = [...last.values()]
  if (words.length === 0 || words.some(({ word }) => word === 'out')) return null
  return Math.max(0, ...words.map(({ atMs }) => atMs - wellAtMs))
}
