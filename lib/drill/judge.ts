import { type AgentFigures, droppedByAgents, firstEvent, measureAgents } from './agents.ts'
import type { DrillCall, DrillFacts, DrillSubject, NodeFact, RecordFact } from './facts.ts'
import { liveNumbers } from './live.ts'
import { lostCalls, storyOf } from './lost.ts'
import { droppedByNode, measureNode, type NodeFigures } from './node-loss.ts'
import { recoveryOf } from './recovery.ts'
import { countRings, type RingCounts } from './rings.ts'
import type { DrillPromises } from './scenario.ts'

/** What a run of a drill cost. docs/drills.md says what each figure is, exactly. */
export interface DrillFigures extends RingCounts, AgentFigures, NodeFigures {
  /** Fault to the first `trunk.state` away from active, on whichever node, `agent.lost` or `store.degraded`; null: none came. */
  readonly detectedMs: number | null
  /** Fault to the first call answered over the standby, the first conversation that went on, or the first call answered without the store; null: none. */
  readonly shiftedMs: number | null
  readonly callsPlaced: number
  /** Calls never answered that were placed from the fault on, or whose INVITE was out when it came. */
  readonly callsLost: number
  /** Mean MOS of what we heard on calls over before the fault; null: there were none. */
  readonly mosBefore: number | null
  /** Of calls placed from the fault on over the broken trunk, while it was broken. */
  readonly mosDuring: number | null
  /** Of calls placed from the fault on over the standby; where no trunk was broken, of all of them. */
  readonly mosAfter: number | null
  /** Calls without a record, or whose record never ended. */
  readonly recordsMissing: number
  /** Calls with more than one. */
  readonly recordsDoubled: number
  /**
   * Calls that rang or were up over the broken trunk at the fault, where no other trunk may be tried any more, and that were never
   * answered, lost more than half a second of audio, or ended otherwise than by our hanging up. Where a store was broken: of all calls that were
   * up.
   */
  readonly liveCallsDropped: number
  /**
   * First INVITE to answer: the slowest of the calls placed from the fault on, where the carrier went silent of those whose INVITE had
   * not got through; null: none was answered.
   */
  readonly slowestSetupMs: number | null
  /** Failed attempts that a node needed to take the trunk out: the most that one of them did; null: calls took it out nowhere. */
  readonly faultsToFall: number | null
  /** Times that a node called the trunk active while it was broken. */
  readonly returnsWhileBroken: number
  /** Carrier well to the trunk active on every node that had taken it out, or store well to used by every node; null: not all came so far. */
  readonly recoveredMs: number | null
}

export interface DrillVerdict {
  readonly figures: DrillFigures
  /** What was promised and not kept, each as a sentence; empty: passed. */
  readonly failures: readonly string[]
}

/** Lost calls that are told one by one: the first ones show the cause. */
const STORIES = 5
const PACKET_MS = 20
/** Audio that a call may lack before it counts as dropped: longer than any jitter, and than a far end needs for its first packet. */
const AUDIO_GAP_MS = 500
/** A stream of which nothing came is the worst that the scale has. */
const NOTHING_HEARD = 1

/** What figures are called, by what was broken. */
const WORDS: Readonly<Record<DrillSubject, Readonly<Record<'detected' | 'shifted' | 'recovered' | 'mos', string>>>> = {
  trunk: {
    detected: 'trunk taken out',
    shifted: 'first call over the standby',
    recovered: 'active again after the carrier was well',
    mos: 'MOS over the standby',
  },
  agents: {
    detected: 'first loss noticed',
    shifted: 'first conversation that went on',
    recovered: 'agents well again',
    mos: 'MOS from the fault on',
  },
  node: {
    detected: 'loss of the node noticed',
    shifted: 'first call that another node went on with',
    recovered: 'node well again',
    mos: 'MOS from the fault on',
  },
  stores: {
    detected: 'loss of the store noticed',
    shifted: 'first call answered without it',
    recovered: 'used again after it was well',
    mos: 'MOS from the fault on',
  },
}

/** The event by which nodes tell of a loss; null: they tell of the trunk's state. */
const LOSS: Readonly<Record<DrillSubject, string | null>> = {
  trunk: null,
  agents: 'agent.lost',
  stores: 'store.degraded',
  node: 'node.lost',
}

/** How calls are counted that went on at the fault and were lost by it, where their audio does not tell. */
const DROPPED: Readonly<Partial<Record<DrillSubject, (facts: DrillFacts) => number>>> = {
  agents: droppedByAgents,
  node: droppedByNode,
}

/** Judges one run by its promises. */
export function judgeDrill(facts: DrillFacts, promises: DrillPromises): DrillVerdict {
  const figures = measureDrill(facts, promises)
  return { figures, failures: failuresOf(figures, facts, promises) }
}

/** The figures of one run. */
export function measureDrill(
  facts: DrillFacts,
  { takenBackWithinMs }: Pick<DrillPromises, 'takenBackWithinMs'>,
): DrillFigures {
  const { calls, records, faultAtMs } = facts
  const byId = new Map(records.map((record) => [record.id, record]))
  const live = liveNumbers(facts)
  const agents = measureAgents(facts)
  const ofTrunk = facts.subject === 'trunk'
  const placed = (untilMs: number): readonly RecordFact[] =>
    calls.flatMap(({ id, atMs }) => (atMs >= faultAtMs && atMs < untilMs && id !== null ? (byId.get(id) ?? []) : []))
  const over = records.filter(({ endedAtMs }) => endedAtMs !== null && endedAtMs < faultAtMs)
  return {
    ...agents,
    ...measureNode(facts),
    detectedMs: LOSS[facts.subject] === null ? detectionOf(facts) : firstEvent(facts, LOSS[facts.subject]),
    shiftedMs: shiftOf(facts),
    callsPlaced: calls.length,
    callsLost: lostCalls(facts).since.length,
    ...countRings(facts, takenBackWithinMs),
    mosBefore: meanMos(over),
    mosDuring: meanMos(placed(facts.wellAtMs).filter(({ trunk }) => trunk === facts.broken.trunk)),
    mosAfter: meanMos(placed(Infinity).filter(({ trunk }) => !ofTrunk || trunk === facts.standby.trunk)),
    ...recordsOf(facts),
    liveCallsDropped: DROPPED[facts.subject]?.(facts) ?? dropped(facts, live),
    slowestSetupMs: slowest(placed(Infinity).filter((record) => !wasHeardOf(record, facts))),
    faultsToFall: faultsToFall(facts),
    returnsWhileBroken: returnsOf(facts),
    recoveredMs: recoveryOf(facts),
  }
}

function failuresOf(figures: DrillFigures, facts: DrillFacts, promises: DrillPromises): readonly string[] {
  const failures: string[] = []
  const lost = lostCalls(facts)
  const within = (what: string, value: number | null, most: number, unit = ' ms'): void => {
    if (value === null) failures.push(`${what}: never, promised within ${most}${unit}`)
    else if (value > most) failures.push(`${what}: ${value}${unit}, promised at most ${most}${unit}`)
  }
  const none = (what: string, count: number): void => {
    if (count > 0) failures.push(`${what}: ${count}, promised none`)
  }
  const lose = (what: string, calls: readonly DrillCall[]): void => {
    none(what, calls.length)
    for (const call of calls.slice(0, STORIES)) failures.push(`${what}: ${storyOf(call, facts)}`)
  }
  lose('calls lost', lost.since)
  none('callees rung twice', figures.doubleRings)
  none('records missing', figures.recordsMissing)
  none('calls with more than one record', figures.recordsDoubled)
  lose('calls lost before anything was broken', lost.before)
  const words = WORDS[facts.subject]
  within(words.detected, figures.detectedMs, promises.detectedWithinMs)
  within(words.shifted, figures.shiftedMs, promises.shiftedWithinMs)
  if (promises.gapWithinMs !== null) within('longest time without an agent', figures.longestGapMs, promises.gapWithinMs)
  if (facts.subject === 'agents' || facts.subject === 'stores') none('live calls dropped', figures.liveCallsDropped)
  if (promises.moved !== undefined) {
    const { shareAtLeast, medianGapWithinMs } = promises.moved
    const { callsOnNode, callsMoved } = figures
    if (callsMoved === 0 || callsMoved < callsOnNode * shareAtLeast) {
      failures.push(`calls moved: ${callsMoved} of ${callsOnNode}, promised at least ${shareAtLeast * 100} %`)
    }
    within('median time without audio of moved calls', figures.medianGapMs, medianGapWithinMs)
  }
  within('slowest call from INVITE to answer', figures.slowestSetupMs, promises.setupWithinMs)
  if (promises.faultsToFall !== null) {
    within('failed attempts before the trunk was taken out', figures.faultsToFall, promises.faultsToFall, '')
  }
  within('times active again while broken', figures.returnsWhileBroken, promises.returnsWhileBroken, '')
  if (promises.recoveredWithinMs !== null) {
    within(words.recovered, figures.recoveredMs, promises.recoveredWithinMs)
  }
  const { mosAfter } = figures
  if (mosAfter === null || mosAfter < promises.mosAfterAtLeast) {
    failures.push(`${words.mos}: ${mosAfter ?? 'no call'}, promised at least ${promises.mosAfterAtLeast}`)
  }
  return failures
}

const isOfTrunk = (trunk: string, event: NodeFact): boolean => event.event === 'trunk.state' && event.trunk === trunk

function detectionOf({ nodeEvents, broken, faultAtMs }: DrillFacts): number | null {
  return earliest(
    nodeEvents.filter((event) => isOfTrunk(broken.trunk, event) && event.from === 'active' && event.atMs >= faultAtMs),
    faultAtMs,
  )
}

function shiftOf(facts: DrillFacts): number | null {
  const { subject, carrierEvents, standby, calls, faultAtMs } = facts
  if (subject === 'agents') return firstEvent(facts, 'agent.reconnected')
  if (subject === 'node') return firstEvent(facts, 'call.moved')
  const since = new Set(calls.flatMap(({ number, atMs }) => (atMs >= faultAtMs ? number : [])))
  const isAnswer = ({ kind, carrier, atMs, number }: DrillFacts['carrierEvents'][number]): boolean =>
    kind === 'answered' && atMs >= faultAtMs && (subject === 'trunk' ? carrier === standby.carrier : since.has(number))
  return earliest(carrierEvents.filter(isAnswer), faultAtMs)
}

/** Calls that went on at the fault and ended badly: those that a broken trunk had, or all where a store was broken. */
function dropped({ subject, records, faultAtMs }: DrillFacts, live: ReadonlySet<string>): number {
  const wasUp = ({ answeredAtMs, endedAtMs }: RecordFact): boolean =>
    answeredAtMs !== null && answeredAtMs < faultAtMs && (endedAtMs ?? Infinity) >= faultAtMs
  return records.filter((record) => (subject === 'trunk' ? live.has(record.to) : wasUp(record)) && isDropped(record))
    .length
}

function earliest(events: readonly { readonly atMs: number }[], fromMs: number): number | null {
  return events.length === 0 ? null : Math.min(...events.map(({ atMs }) => atMs)) - fromMs
}

/** An inbound call that was redirected has a record of each of its INVITEs. */
function recordsOf({ calls, records }: DrillFacts): Pick<DrillFigures, 'recordsMissing' | 'recordsDoubled'> {
  let recordsMissing = 0
  let recordsDoubled = 0
  for (const { direction, number, id } of calls) {
    const own = records.filter((record) =>
      direction === 'inbound' ? record.from === number : record.id === id || record.to === number,
    )
    // An order that was refused is no call, and has no record: it is counted as lost.
    if (direction === 'outbound' && id === null) continue
    if (own.length === 0 || own.some(({ endedAtMs }) => endedAtMs === null)) recordsMissing++
    if (own.filter(({ cause }) => cause !== 'redirected').length > 1) recordsDoubled++
  }
  return { recordsMissing, recordsDoubled }
}

function isDropped({ answeredAtMs, endedAtMs, cause, audioIn }: RecordFact): boolean {
  if (endedAtMs === null || answeredAtMs === null || cause !== 'normal') return true
  // What was lost on the way is a matter of quality; what never came is a matter of being there.
  const heardMs = ((audioIn?.packets ?? 0) + (audioIn?.lost ?? 0)) * PACKET_MS
  return endedAtMs - answeredAtMs - heardMs > AUDIO_GAP_MS
}

function meanMos(records: readonly RecordFact[]): number | null {
  const values = records.flatMap(({ answeredAtMs, audioIn }) => {
    if (answeredAtMs === null || audioIn === null) return []
    return audioIn.packets === 0 ? NOTHING_HEARD : (audioIn.mos ?? [])
  })
  if (values.length === 0) return null
  return Math.round((values.reduce((sum, value) => sum + value, 0) / values.length) * 100) / 100
}

/**
 * Whether the broken carrier had a call's INVITE before it went silent: it has said 100, and from there on it is a trunk that is
 * slow for this call, not one that is silent.
 */
function wasHeardOf(
  { to, answeredAtMs, direction }: RecordFact,
  { silence, broken, carrierEvents }: DrillFacts,
): boolean {
  const isOf = ({ kind, carrier, number, atMs }: DrillFacts['carrierEvents'][number]): boolean =>
    kind === 'invite' && carrier === broken.carrier && number === to && atMs < (answeredAtMs ?? Infinity)
  return silence !== null && direction === 'outbound' && carrierEvents.some(isOf)
}

function slowest(records: readonly RecordFact[]): number | null {
  const setups = records.flatMap(({ firstInviteAtMs, answeredAtMs }) =>
    firstInviteAtMs === null || answeredAtMs === null ? [] : answeredAtMs - firstInviteAtMs,
  )
  return setups.length === 0 ? null : Math.max(...setups)
}

function faultsToFall({ nodeEvents, broken, faultAtMs }: DrillFacts): number | null {
  const since = nodeEvents.filter(({ atMs, trunk }) => atMs >= faultAtMs && trunk === broken.trunk)
  const counts = [...new Set(since.map(({ node }) => node))].flatMap((node) => {
    const own = since.filter((event) => event.node === node)
    const fall = own.findIndex((event) => isOfTrunk(broken.trunk, event) && event.from === 'active')
    if (fall === -1 || own[fall]?.channel !== 'calls') return []
    return own.slice(0, fall).filter(({ event, blame }) => event === 'call.attempt' && blame === 'trunk').length
  })
  return counts.length === 0 ? null : Math.max(...counts)
}

const returnsOf = ({ nodeEvents, broken, faultAtMs, wellAtMs }: DrillFacts): number =>
  nodeEvents.filter(
    (event) =>
      isOfTrunk(broken.trunk, event) && event.to === 'active' && event.atMs >= faultAtMs && event.atMs < wellAtMs,
  ).length
