import { Gauge, type Registry } from 'prom-client'
import type { TrunkState } from '../../lib/trunk/state.ts'
import { figuresOf, seconds } from './figures.ts'

/** What is shown of an agent: as the API shows it, as far as it is a figure. */
export interface AgentFigures {
  readonly away: boolean
  readonly name: string
  readonly backends: readonly BackendFigures[]
}

interface BackendFigures {
  readonly id: string
  readonly state: TrunkState
  readonly override: object | null
  readonly canary: boolean
  readonly probe: { readonly lastOkAt: Date | null; readonly sessionMs: number | null; readonly misses: number }
  readonly calls: { readonly attempts: number; readonly faults: number }
}

export interface AgentSources {
  readonly agents?: () => readonly AgentFigures[]
}

/** Figures of every backend of every agent as they stand when Prometheus scrapes, by id (`intake/0`). */
export function agentGauges(register: Registry, sources: () => AgentSources): void {
  const backends = (): readonly BackendFigures[] =>
    sources()
      .agents?.()
      .flatMap((agent) => agent.backends) ?? []
  const { gauge, states } = figuresOf(register, 'backend', backends)
  states('state', 'State that calls of this node go by: 1 for the one that holds', ({ state }) => state)
  new Gauge({
    name: 'tandem_agent_away',
    help: '1 while calls of an agent would come to nothing',
    labelNames: ['agent'],
    registers: [register],
    collect() {
      this.reset()
      for (const { name, away } of sources().agents?.() ?? []) this.set({ agent: name }, away ? 1 : 0)
    },
  })
  gauge('override', '1 while an operator overrules the evidence', ({ override }) => (override === null ? 0 : 1))
  gauge('canary', '1 while a failed backend is tried with one call at a time', ({ canary }) => (canary ? 1 : 0))
  gauge('probe_session_seconds', 'How long the last session took that was opened to probe', ({ probe }) =>
    seconds(probe.sessionMs),
  )
  gauge('probe_misses', 'Probes in a row without a good answer', ({ probe }) => probe.misses)
  gauge('probe_last_ok_timestamp_seconds', 'When a probe last had a good answer', ({ probe }) =>
    seconds(probe.lastOkAt?.getTime() ?? null),
  )
  gauge(
    'window_attempts',
    'Sessions of calls that the window of the calls channel counts',
    ({ calls }) => calls.attempts,
  )
  gauge('window_faults', 'Faults among them', ({ calls }) => calls.faults)
}
