import { backendFigures } from '../lib/agent/backend-health.ts'
import type { BackendSight } from './agent/backend-watch.ts'
import type { AgentView, BackendView } from './api/options.ts'
import type { OperatorOverride } from './fleet/overrides.ts'
import { overrideView } from './node-views.ts'

/** The agents with their backends, as the API shows them. */
export function agentViews(
  sights: readonly BackendSight[],
  away: ReadonlySet<string>,
  overrides: ReadonlyMap<string, OperatorOverride>,
): readonly AgentView[] {
  const agents = new Map<string, BackendView[]>()
  for (const sight of sights) {
    const backends = agents.get(sight.agent) ?? []
    backends.push(backendView(sight, backends.length, overrides.get(sight.spec.id) ?? overrides.get(sight.agent)))
    agents.set(sight.agent, backends)
  }
  return [...agents].map(([name, backends]) => ({ name, away: away.has(name), backends }))
}

function backendView(
  { spec, verdict, health, config, sessionMs }: BackendSight,
  place: number,
  override: OperatorOverride | undefined,
): BackendView {
  const nowMs = performance.now()
  const wallTime = (atMs: number): Date => new Date(Date.now() - Math.round(nowMs - atMs))
  const { probe, calls } = backendFigures(health, nowMs, config)
  return {
    id: spec.id,
    place,
    backend: spec.kind,
    host: new URL(spec.baseUrl).host,
    model: spec.model,
    state: verdict.state,
    since: wallTime(verdict.sinceAtMs),
    reason: verdict.reason,
    channel: verdict.channel,
    override: override === undefined ? null : overrideView(override),
    probe: {
      lastOkAt: probe.lastGoodAtMs === null ? null : wallTime(probe.lastGoodAtMs),
      rttMs: probe.rttMs,
      sessionMs,
      misses: probe.misses,
    },
    calls,
    canary: health.reach.calls.phase.kind === 'canary',
  }
}
