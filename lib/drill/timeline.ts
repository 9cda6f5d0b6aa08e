import { firstEvent, measureAgents } from './agents.ts'
import type { DrillFacts, DrillSubject, NodeFact } from './facts.ts'
import { liveNumbers } from './live.ts'
import { measureNode } from './node-loss.ts'
import { wordOf } from './recovery.ts'

/** Something that a reader of the report should know, relative to the fault. */
export interface DrillMoment {
  readonly atMs: number
  readonly kind: 'fault' | 'state' | 'shift' | 'well' | 'load'
  readonly text: string
}

/** One second of load, by when calls were placed. */
export interface DrillSecond {
  /** Seconds from the fault, rounded down. */
  readonly second: number
  readonly placed: number
  /** Outbound calls answered over the broken trunk. */
  readonly overBroken: number
  /** Outbound calls answered over the standby. */
  readonly overStandby: number
  /** Inbound calls answered. */
  readonly inbound: number
  /** Never answered, and had rung at the broken carrier when it broke. */
  readonly dropped: number
  readonly lost: number
}

/** What is broken, in the words of the fault and of its end; null: the carrier has a name of its own. */
const NAMES: Readonly<Record<DrillSubject, readonly [string | null, string | null]>> = {
  trunk: [null, null],
  agents: ['agents', "the agents' server"],
  stores: ['stores', 'the store'],
  node: ['fleet', 'the node'],
}

/** The moments of a run in order: what was done, what the nodes said, and when calls went elsewhere. `what`: the fault in words. */
export function drillMoments(facts: DrillFacts, what: string): readonly DrillMoment[] {
  const { broken, standby, faultAtMs, wellAtMs, calls, carrierEvents, nodeEvents } = facts
  const moments: DrillMoment[] = []
  const add = (atMs: number | undefined, kind: DrillMoment['kind'], text: string): void => {
    if (atMs !== undefined) moments.push({ atMs: Math.round(atMs - faultAtMs), kind, text })
  }
  const answers = carrierEvents.filter(({ kind, atMs }) => kind === 'answered' && atMs >= faultAtMs)
  const first = (carrier: string, fromMs = 0): number | undefined =>
    answers.find((answer) => answer.carrier === carrier && answer.atMs >= fromMs)?.atMs
  add(calls[0]?.atMs, 'load', `calls begin, over ${broken.trunk}`)
  const [name, well] = NAMES[facts.subject]
  add(faultAtMs, 'fault', `${name ?? broken.carrier}: ${what}`)
  add(wellAtMs, 'well', `${well ?? broken.carrier} is well again`)
  if (facts.subject === 'trunk') {
    add(first(standby.carrier), 'shift', `first call answered over ${standby.trunk}`)
    add(first(broken.carrier, wellAtMs), 'shift', `first call answered over ${broken.trunk} again`)
  }
  if (facts.subject === 'agents') {
    const { agentsLost, agentsBack } = measureAgents(facts)
    const at = (event: string): number => faultAtMs + (firstEvent(facts, event) ?? Infinity)
    if (agentsLost > 0) add(at('agent.lost'), 'state', `the first of ${agentsLost} agents is lost`)
    if (agentsBack > 0) add(at('agent.reconnected'), 'state', `the first of ${agentsBack} conversations goes on`)
  }
  if (facts.subject === 'node') {
    const { callsMoved, callsOnNode } = measureNode(facts)
    if (callsMoved > 0) {
      const at = faultAtMs + (firstEvent(facts, 'call.moved') ?? Infinity)
      add(at, 'shift', `the first of ${callsMoved} calls goes on at another node, of ${callsOnNode}`)
    }
  }
  for (const event of nodeEvents) {
    if (event.event === 'node.lost' && event.lost === facts.deadNode) {
      add(event.atMs, 'state', `${event.node}: node ${event.lost} is lost`)
    }
    if (event.event === 'trunk.state') add(event.atMs, 'state', stateText(event))
    const word = facts.subject === 'stores' ? wordOf(event, facts) : null
    if (word !== null) add(event.atMs, 'state', `${event.node}: ${event.event} (${event.reason ?? ''})`)
  }
  return moments.toSorted((a, b) => a.atMs - b.atMs)
}

const stateText = ({ node, trunk, from, to, channel, reason }: NodeFact): string =>
  `${node}: ${trunk} ${from} → ${to} (${[channel, reason].filter((part) => part !== null).join(': ')})`

/** Seconds of a run from its first call to its last, empty ones included. */
export function drillSeconds(facts: DrillFacts): readonly DrillSecond[] {
  const { calls, records, faultAtMs, broken, standby } = facts
  const live = liveNumbers(facts)
  const byId = new Map(records.map((record) => [record.id, record]))
  const secondOf = (atMs: number): number => Math.floor((atMs - faultAtMs) / 1_000)
  const seconds = new Map<number, DrillSecond>()
  for (const { atMs, direction, id, status, number } of calls) {
    const second = secondOf(atMs)
    const record = id === null ? undefined : byId.get(id)
    const inbound = direction === 'inbound' && status !== null && status >= 200 && status < 300
    const answered = direction === 'outbound' && record !== undefined && record.answeredAtMs !== null
    const before = seconds.get(second) ?? emptySecond(second)
    seconds.set(second, {
      second,
      placed: before.placed + 1,
      overBroken: before.overBroken + Number(answered && record.trunk === broken.trunk),
      overStandby: before.overStandby + Number(answered && record.trunk === standby.trunk),
      inbound: before.inbound + Number(inbound),
      dropped: before.dropped + Number(!answered && live.has(number)),
      lost: before.lost + Number(!answered && !inbound && !live.has(number)),
    })
  }
  const all = [...seconds.keys()]
  if (all.length === 0) return []
  const from = Math.min(...all)
  return Array.from({ length: Math.max(...all) - from + 1 }, (_, i) => seconds.get(from + i) ?? emptySecond(from + i))
}

const emptySecond = (second: number): DrillSecond => ({
  second,
  placed: 0,
  overBroken: 0,
  overStandby: 0,
  inbound: 0,
  dropped: 0,
  lost: 0,
})
