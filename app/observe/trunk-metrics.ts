import { Counter, Histogram, type Registry } from 'prom-client'
import { EVENT_NAMES, type EventDraft } from '../../lib/observe/event.ts'
import type { TrunkState } from '../../lib/trunk/state.ts'
import { figuresOf, seconds } from './figures.ts'

/** What is shown of a trunk: as the API shows it, as far as it is a figure. */
export interface TrunkFigures {
  readonly id: string
  readonly state: TrunkState
  /** What the nodes of the fleet say together. */
  readonly fleet: TrunkState
  readonly override: object | null
  readonly probe: { readonly lastOkAt: Date | null; readonly rttMs: number | null; readonly misses: number }
  /** In the window of the calls channel. */
  readonly calls: { readonly attempts: number; readonly faults: number }
}

export interface TrunkSources {
  readonly trunks?: () => readonly TrunkFigures[]
  /** Trunks that are tried with one call at a time. */
  readonly canaries?: () => ReadonlySet<string>
}

const DELAY_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 5, 10, 20, 60]

/** Figures of every trunk as it stands when Prometheus scrapes. A trunk that the config has dropped is gone with it. */
export function trunkGauges(register: Registry, sources: () => TrunkSources): void {
  const trunks = (): readonly TrunkFigures[] => sources().trunks?.() ?? []
  const { gauge, states } = figuresOf(register, 'trunk', trunks)
  states('state', 'State that calls of this node go by: 1 for the one that holds', ({ state }) => state)
  states('fleet_state', 'What the nodes of the fleet say together: 1 for the one that holds', ({ fleet }) => fleet)
  gauge('override', '1 while an operator overrules the evidence', ({ override }) => (override === null ? 0 : 1))
  gauge('canary', '1 while a failed trunk is tried with one call at a time', ({ id }) =>
    sources().canaries?.().has(id) === true ? 1 : 0,
  )
  gauge('probe_rtt_seconds', 'OPTIONS to its answer, the last one', ({ probe }) => seconds(probe.rttMs))
  gauge('probe_misses', 'Probes in a row without a good answer', ({ probe }) => probe.misses)
  gauge('probe_last_ok_timestamp_seconds', 'When a probe last had a good answer', ({ probe }) =>
    seconds(probe.lastOkAt?.getTime() ?? null),
  )
  gauge('window_attempts', 'INVITEs that the window of the calls channel counts', ({ calls }) => calls.attempts)
  gauge('window_faults', 'Faults among them', ({ calls }) => calls.faults)
}

/** Counts what the events of this node tell of trunks, of calls that are not served here, and of the fleet. */
export function eventCounters(register: Registry): (event: EventDraft) => void {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `tandem_${name}_total`, help, labelNames, registers: [register] })
  const events = counter('events', 'Events by name', ['event'])
  // From 0 on: of a series that begins at 1, as a rare event's would, Prometheus sees no increase.
  for (const event of EVENT_NAMES) events.inc({ event }, 0)
  const changes = counter('trunk_state_changes', 'Changes of the state of a trunk', ['trunk', 'to', 'channel'])
  const overrides = counter('trunk_overrides', 'Words of operators on a trunk, on this node', ['trunk', 'state'])
  const backends = counter('backend_state_changes', 'Changes of the state of a backend of agents', [
    'backend',
    'to',
    'channel',
  ])
  const blamed = counter('attempt_verdicts', 'INVITEs sent, by trunk and by who is to blame for their end', [
    'trunk',
    'blame',
  ])
  const redirects = counter('redirects', 'INVITEs answered 302', ['trunk', 'why'])
  const refusals = counter('refusals', 'INVITEs refused, by trunk and status', ['trunk', 'status'])
  const strangers = counter('strangers_refused', 'INVITEs of nobody we know that reached the application', ['why'])
  const lost = counter('nodes_lost', 'Other nodes whose heartbeat ended without a goodbye', [])
  const postDial = new Histogram({
    name: 'tandem_attempt_post_dial_delay_seconds',
    help: 'INVITE to the first 18x or final answer, by trunk',
    buckets: DELAY_SECONDS,
    labelNames: ['trunk'],
    registers: [register],
  })
  return (event) => {
    const trunk = event.trunk ?? 'none'
    events.inc({ event: event.event })
    switch (event.event) {
      case 'trunk.state':
        return changes.inc({ trunk, to: text(event.to), channel: text(event.channel) })
      case 'trunk.override':
        return overrides.inc({ trunk, state: text(event.state) })
      case 'agent.state':
        for (const backend of Array.isArray(event.backends) ? event.backends : [])
          backends.inc({ backend: text(backend), to: text(event.to), channel: text(event.channel) })
        return
      case 'call.attempt':
        blamed.inc({ trunk, blame: text(event.blame) })
        if (typeof event.pddMs === 'number') postDial.observe({ trunk }, event.pddMs / 1_000)
        return
      case 'call.redirected':
        return redirects.inc({ trunk, why: text(event.why) })
      case 'call.rejected':
        return refusals.inc({ trunk, status: text(event.sip) })
      case 'security.refused':
        return strangers.inc({ why: text(event.why) })
      case 'node.lost':
        return lost.inc()
      default:
    }
  }
}

/** A label: fields of events are whatever JSON holds, those that are read here are words and statuses of ours. */
const text = (field: unknown): string =>
  typeof field === 'string' || typeof field === 'number' ? String(field) : 'none'

/** How hunts ended, from the first INVITE or look-up on: `answered`, or what the deciding attempt came to. */
export function huntHistogram(register: Registry): (outcome: string, tookMs: number) => void {
  const hunts = new Histogram({
    name: 'tandem_hunt_seconds',
    help: 'From the first trunk that was tried to the answer or the failure, by outcome',
    buckets: DELAY_SECONDS,
    labelNames: ['outcome'],
    registers: [register],
  })
  return (outcome, tookMs) => hunts.observe({ outcome }, tookMs / 1_000)
}
