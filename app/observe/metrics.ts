import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { EventDraft } from '../../lib/observe/event.ts'
import type { RouterOutcome } from '../../lib/route/router-decision.ts'
import { type AgentSources, agentGauges } from './agent-metrics.ts'
import { type MediaSources, mediaGauges } from './media-metrics.ts'
import { eventCounters, huntHistogram, type TrunkSources, trunkGauges } from './trunk-metrics.ts'

/** Numbers that parts of the node hold themselves and that are asked for when Prometheus scrapes. */
export interface MetricSources extends TrunkSources, MediaSources, AgentSources {
  readonly activeCalls?: () => number
  readonly mediaLegs?: () => number
  /** Records in the disk journal that are not in Postgres yet. */
  readonly journalDepth?: () => number
  readonly eventReaders?: () => number
  /** Other nodes that answer SIP and would serve a call. */
  readonly peersServing?: () => number
  readonly droppedLogLines?: () => number
  /** Parked sessions that this node has ended as nobody came back. */
  readonly expiredSessions?: () => number
  /** Counters of the SIP server by name, e.g. `requests_in`. They only grow. */
  readonly sipCounters?: () => Readonly<Record<string, number>>
  /** Certificates of tls sockets, and until when they are good. */
  readonly certificates?: () => readonly { readonly name: string; readonly endsAtMs: number }[]
}

/** The node's own numbers, on a registry of its own (docs/metrics.md). Labels have few values: never a number, a tenant or a call. */
export interface Metrics {
  readonly registry: Registry
  /** An INVITE from a known source, or a call that we place. */
  callStarted(direction: 'inbound' | 'outbound'): void
  /** `setupMs`: INVITE to 200 OK. */
  callAnswered(setupMs: number): void
  /** `durationMs`: 200 OK to the end; undefined where it was never answered. */
  callEnded(end: { readonly cause: EndCause; readonly by: EndedBy }, durationMs: number | undefined): void
  /** One INVITE of ours and its final status; `none` where none came. */
  attemptEnded(trunk: string, status: number | null): void
  /** Playout allowed to first agent audio on the wire. */
  agentFirstAudio(afterMs: number): void
  agentReady(setupMs: number): void
  /** A lost agent is back, or moved to a fresh session, after so long. */
  agentBack(gapMs: number): void
  bargeIn(silenceAfterMs: number): void
  /** A call was asked of the router. */
  routed(outcome: RouterOutcome): void
  /** A call of ours had its trunks tried: `answered`, or how the deciding attempt ended. */
  huntEnded(outcome: string, tookMs: number): void
  /** Counts what an event tells. */
  eventEmitted(event: EventDraft): void
  apiRequest(route: string, status: number, tookMs: number): void
  /** Names where gauges get their numbers from; a later call adds to the sources, or replaces them, by name. */
  observe(sources: MetricSources): void
  close(): void
}

/** How calls end that nobody wanted to end. They are counted from 0 on: of a series that begins at 1 Prometheus sees no increase. */
const FAULTS = ['trunk-fault', 'agent-fault', 'media-timeout', 'limit'] as const satisfies readonly EndCause[]
const CALL_SECONDS = [1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600]
const SETUP_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20]
const BARGE_IN_SECONDS = [0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2]
const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** Metrics named `tandem_…`, beside the defaults of Node (`process_…`, `nodejs_…` with the event loop's lag). */
export function createMetrics(node: string): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ node })
  collectDefaultMetrics({ register: registry })
  const sources = gauges(registry)
  return { registry, ...recorders(registry), observe: sources.observe, close: () => registry.clear() }
}

function recorders(register: Registry): Omit<Metrics, 'registry' | 'observe' | 'close'> {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `tandem_${name}_total`, help, labelNames, registers: [register] })
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: readonly L[] = []) =>
    new Histogram({ name: `tandem_${name}_seconds`, help, buckets, labelNames, registers: [register] })
  const started = counter('calls_started', 'Calls by direction', ['direction'])
  const ended = counter('calls_ended', 'Calls that ended, by cause and by whom', ['cause', 'by'])
  for (const cause of FAULTS) ended.inc({ cause, by: 'system' }, 0)
  const answered = histogram('call_setup', 'INVITE to 200 OK', SETUP_SECONDS)
  const lasted = histogram('call_duration', '200 OK to the end of the call', CALL_SECONDS)
  const attempts = counter('attempts', 'INVITEs sent, by trunk and final status', ['trunk', 'status'])
  const firstAudio = histogram('agent_first_audio', 'Playout allowed to first agent audio sent', SETUP_SECONDS)
  const ready = histogram('agent_setup', 'Agent socket open and configured', SETUP_SECONDS)
  const gaps = histogram('agent_gap', 'Agent lost to back', SETUP_SECONDS)
  const bargeIns = histogram('barge_in_silence', 'Barge-in event to silence', BARGE_IN_SECONDS)
  const routed = counter('router_calls', 'Calls asked of the router, by what came of it', ['outcome'])
  const requests = histogram('api_request', 'HTTP API by route and status', REQUEST_SECONDS, ['route', 'status'])
  return {
    callStarted: (direction) => started.inc({ direction }),
    callAnswered: (setupMs) => answered.observe(setupMs / 1000),
    callEnded: ({ cause, by }, durationMs) => {
      ended.inc({ cause, by })
      if (durationMs !== undefined) lasted.observe(durationMs / 1000)
    },
    attemptEnded: (trunk, status) => attempts.inc({ trunk, status: status === null ? 'none' : String(status) }),
    agentFirstAudio: (afterMs) => firstAudio.observe(afterMs / 1000),
    agentBack: (gapMs) => gaps.observe(gapMs / 1000),
    agentReady: (setupMs) => ready.observe(setupMs / 1000),
    bargeIn: (silenceAfterMs) => bargeIns.observe(silenceAfterMs / 1000),
    routed: (outcome) => routed.inc({ outcome }),
    huntEnded: huntHistogram(register),
    eventEmitted: eventCounters(register),
    apiRequest: (route, status, tookMs) => requests.observe({ route, status: String(status) }, tookMs / 1000),
  }
}

function gauges(register: Registry): Pick<Metrics, 'observe'> {
  let sources: MetricSources = {}
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name: `tandem_${name}`,
      help,
      registers: [register],
      collect() {
        this.set(read() ?? 0)
      },
    })
  gauge('active_calls', 'Calls that have not ended', () => sources.activeCalls?.())
  gauge('media_legs', 'Legs with open RTP ports', () => sources.mediaLegs?.())
  gauge('journal_depth', 'Records journaled and not yet in Postgres', () => sources.journalDepth?.())
  gauge('event_readers', 'Readers of the event stream', () => sources.eventReaders?.())
  gauge('peers_serving', 'Other nodes that would serve a call', () => sources.peersServing?.())
  gauge('sessions_expired', 'Parked sessions ended by this node as nobody came back', () => sources.expiredSessions?.())
  gauge('log_lines_dropped', 'Log lines dropped as nobody read them', () => sources.droppedLogLines?.())
  const sip = new Gauge({
    name: 'tandem_sip_server',
    help: 'Counters of the SIP server, by name',
    labelNames: ['counter'],
    registers: [register],
    collect() {
      for (const [counter, value] of Object.entries(sources.sipCounters?.() ?? {})) sip.set({ counter }, value)
    },
  })
  new Gauge({
    name: 'tandem_certificate_end_timestamp_seconds',
    help: 'Until when a certificate of a tls socket is good',
    labelNames: ['certificate'],
    registers: [register],
    collect() {
      this.reset()
      for (const { name, endsAtMs } of sources.certificates?.() ?? []) this.set({ certificate: name }, endsAtMs / 1_000)
    },
  })
  trunkGauges(register, () => sources)
  mediaGauges(register, () => sources)
  agentGauges(register, () => sources)
  return {
    observe: (added) => {
      sources = { ...sources, ...added }
    },
  }
}
