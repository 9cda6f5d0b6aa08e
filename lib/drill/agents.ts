import type { DrillFacts, NodeFact } from './facts.ts'

/** What a drill that breaks the agents' server finds; all is 0 or null where it breaks a trunk. */
export interface AgentFigures {
  /** Conversations whose agent was lost. */
  readonly agentsLost: number
  /** Those that went on, with the same server or another one. */
  readonly agentsBack: number
  /** The longest time that a conversation had no agent; null: none went on. */
  readonly longestGapMs: number | null
}

/** Counts conversations that were broken off, and those that went on. */
export function measureAgents(facts: DrillFacts): AgentFigures {
  const calls = (event: string): ReadonlySet<string> =>
    new Set(sinceFault(facts, event).flatMap(({ call }) => call ?? []))
  const gaps = sinceFault(facts, 'agent.reconnected').flatMap(({ gapMs }) => gapMs ?? [])
  return {
    agentsLost: calls('agent.lost').size,
    agentsBack: calls('agent.reconnected').size,
    longestGapMs: gaps.length === 0 ? null : Math.max(...gaps),
  }
}

/** Fault to the first event of a name; null: none came. */
export function firstEvent(facts: DrillFacts, event: string | null): number | null {
  const moments = sinceFault(facts, event).map(({ atMs }) => atMs - facts.faultAtMs)
  return moments.length === 0 ? null : Math.min(...moments)
}

/** Calls that had lost their agent and did not end by someone hanging up. */
export function droppedByAgents(facts: DrillFacts): number {
  const lost = new Set(sinceFault(facts, 'agent.lost').map(({ call }) => call))
  return facts.records.filter(({ id, cause }) => lost.has(id) && cause !== 'normal').length
}

const sinceFault = ({ nodeEvents, faultAtMs }: DrillFacts, name: string | null): readonly NodeFact[] =>
  nodeEvents.filter(({ event, atMs }) => event === name && atMs >= faultAtMs)
