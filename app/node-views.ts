import { formatHostPort } from '../lib/config/addresses.ts'
import type { Config } from '../lib/config/resolve.ts'
import type { TrunkId } from '../lib/core/ids.ts'
import type { Impediment, SipPlace } from '../lib/route/snapshot.ts'
import { healthFigures } from '../lib/trunk/health.ts'
import type { NodeView, OverrideView, Readiness, TrunkView } from './api/options.ts'
import type { NodeEntry } from './fleet/node-registry.ts'
import type { NodeWatch } from './fleet/node-watch.ts'
import type { OperatorOverride } from './fleet/overrides.ts'
import type { Store } from './store/store.ts'
import type { TrunkHealth, TrunkSight } from './trunk/trunk-health.ts'

/** What a node shows of itself, to the API and to the other nodes. */

/** The address that is advertised, with the port of the first socket. */
export function sipPlaceOf(address: string, hostports: readonly string[]): SipPlace {
  const [, protocol, port] = /^(\w+)\/.*:(\d+)$/.exec(hostports[0] ?? '') ?? []
  return {
    hostPort: formatHostPort({ host: address, port: Number(port ?? 5060) }),
    transport: protocol === 'tcp' || protocol === 'tls' ? protocol : null,
  }
}

/** Why no new call could be served, as far as the parts of the node tell. */
export function impediments(node: {
  readonly started: boolean
  readonly full: boolean
  readonly recordable: boolean
  readonly sipUp: boolean
  readonly mediaUp: boolean
}): ReadonlySet<Impediment> {
  const found = new Set<Impediment>()
  if (!node.started) found.add('starting')
  if (node.full) found.add('full')
  if (!node.recordable) found.add('store')
  if (!node.sipUp) found.add('sip')
  if (!node.mediaUp) found.add('media')
  return found
}

/** Ready is who would serve a call now; a Postgres that is away does not hinder that, as records wait in the journal. */
export function readiness(found: ReadonlySet<Impediment>, store: Store, mediaFault: string | null): Readiness {
  const away = store.state().postgresAway
  const parts = (['starting', 'draining', 'full', 'agent', 'media', 'sip', 'store'] as const).map((part) => ({
    part,
    ok: !found.has(part),
    ...(found.has(part) && { reason: (part === 'media' ? mediaFault : null) ?? REASONS[part] }),
  }))
  return {
    parts: [
      ...parts,
      { part: 'postgres', ok: true, ...(away !== null && { reason: `away, records wait in the journal: ${away}` }) },
    ],
  }
}

const REASONS: Readonly<Record<Impediment, string>> = {
  starting: 'the node is still starting',
  draining: 'the node takes no new calls',
  full: 'the node carries as many calls as it may',
  agent: 'no agent backend can be reached',
  media: 'no media server can take a call',
  sip: 'the SIP server is away',
  store: 'records can be kept neither in Postgres nor in the journal',
}

/** The nodes of the fleet, as the API shows them: this one, those that heartbeat, and those that were lost lately. */
export function nodeViews(own: NodeEntry, watch: NodeWatch): readonly NodeView[] {
  const others = watch.nodes.filter(({ id }) => id !== own.id)
  return [
    nodeView(own, true),
    ...others.map((entry) => nodeView(entry, false)),
    ...watch.lost.map((entry) => ({ ...nodeView(entry, false), state: 'lost' as const })),
  ]
}

const nodeView = (
  { startedAt, sip: _sip, sockets: _sockets, dns: _dns, impediments: _impediments, ...entry }: NodeEntry,
  self: boolean,
): NodeView => ({ ...entry, self, startedAt: new Date(startedAt) })

/** Failed trunks that are tried with one call at a time. */
export function canaryTrunks(config: Config, trunks: TrunkHealth): ReadonlySet<TrunkId> {
  const isCanary = ({ id }: { readonly id: TrunkId }): boolean => trunks.health(id)?.state.calls.phase.kind === 'canary'
  return new Set(config.trunks.filter(isCanary).map(({ id }) => id))
}

/** The trunks, as the API shows them. */
export function trunkViews(
  config: Config,
  trunks: TrunkHealth,
  overrides: ReadonlyMap<TrunkId, OperatorOverride>,
): readonly TrunkView[] {
  return config.trunks.flatMap(({ id, profile }) => {
    const health = trunks.health(id)
    if (health === null) return []
    const override = overrides.get(id)
    return {
      id,
      carrier: profile,
      group: Object.entries(config.groups).find(([, group]) => group.trunks.includes(id))?.[0] ?? null,
      ...healthView(health),
      override: override === undefined ? null : overrideView(override),
    }
  })
}

function healthView({ state, config, honoured, fleet, nowMs }: TrunkSight) {
  const wallTime = (atMs: number): Date => new Date(Date.now() - Math.round(nowMs - atMs))
  const { probe, calls } = healthFigures(state, nowMs, config)
  const { lastGoodAtMs, rttMs, misses } = probe
  return {
    state: honoured.state,
    since: wallTime(honoured.sinceAtMs),
    reason: honoured.reason,
    fleet: fleet.state,
    votes: Object.fromEntries(fleet.votes),
    probe: { lastOkAt: lastGoodAtMs === null ? null : wallTime(lastGoodAtMs), rttMs, misses },
    calls,
    mos: null,
  }
}

/** An operator's word, as the API shows it. */
export const overrideView = ({ state, reason, actor, since, expiresAt }: OperatorOverride): OverrideView => ({
  state,
  reason,
  actor,
  since,
  expiresAt,
})
