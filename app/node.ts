import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { formatHostPort } from '../lib/config/addresses.ts'
import { formatProblem } from '../lib/config/problem.ts'
import type { Config } from '../lib/config/resolve.ts'
import type { CallId } from '../lib/core/ids.ts'
import type { EmitEvent } from '../lib/observe/event.ts'
import { placeOf, routesOf } from '../lib/route/routes.ts'
import { superviseLocalAgent } from './agent/supervised-local-agent.ts'
import { writeApiKey } from './api/api-key.ts'
import type { ApiKey } from './api/options.ts'
import { startApi } from './api/server.ts'
import type { ConfigResult } from './config.ts'
import { nodeLocator } from './dns/node-locator.ts'
import { watchFleet } from './fleet/fleet.ts'
import { Heartbeat, listNodes, type NodeEntry } from './fleet/node-registry.ts'
import { operatorEvent } from './fleet/overrides.ts'
import { Peers } from './fleet/peers.ts'
import { RemoteDrain } from './fleet/remote-drain.ts'
import { startMedia } from './media/embedded/engine.ts'
import { impediments, nodeViews, readiness, sipPlaceOf, trunkViews } from './node-views.ts'
import { EventLog } from './observe/event-log.ts'
import type { Log } from './observe/log.ts'
import { createMetrics } from './observe/metrics.ts'
import { Parts } from './parts.ts'
import { Calls } from './signaling/calls.ts'
import { EmbeddedSip } from './signaling/embedded-sip.ts'
import { SipLink } from './signaling/sip-link.ts'
import type { AccessSnapshot } from './sip/server.ts'
import type { Deed } from './store/audit.ts'
import { type Store, startStore } from './store/store.ts'
import { HealthFile } from './trunk/health-file.ts'
import { TrunkChoice } from './trunk/trunk-choice.ts'
import { TrunkHealth } from './trunk/trunk-health.ts'
import { VERSION } from './version.ts'

export interface NodeOptions {
  readonly config: Config
  readonly log: Log
  /** Hears what the first start is busy with, for people who wait. */
  readonly onProgress: (step: string) => void
  /** Ends the start early: it then rejects, with every part that had been started stopped again. */
  readonly signal?: AbortSignal
}

/** A running node. */
export interface RunningNode {
  /** Base URL of the HTTP API. */
  readonly url: string
  /** SIP sockets, as `udp/HOST:PORT`. */
  readonly sip: readonly string[]
  /** Takes trunks, groups, tenants, agents and limits from a config read anew; calls on the line keep what they have. */
  reload(result: ConfigResult): void
  /** Takes no new calls and resolves when those on the line have ended, or the limit of the config is over. */
  drain(): Promise<void>
  /** Hangs up whoever is left and stops every part, in reverse order of its start. */
  close(): Promise<void>
}

/** Calls that a core carries with as much left for bursts, the local agent included (docs/performance.md). */
const CALLS_PER_CORE = 60

/** The composition root: config in, a running node out. Where a part fails to start, those before it are stopped. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const parts = new Parts((part, error) => options.log.log.error({ err: error, part }, 'a part did not stop'))
  try {
    return await start(options, parts)
  } catch (error) {
    await parts.close()
    throw error
  }
}

async function start({ config, log, onProgress, signal }: NodeOptions, parts: Parts): Promise<RunningNode> {
  const { node } = config
  /** The config in force, as far as it can be reloaded. */
  let current = config
  const begin = (step: string): void => {
    signal?.throwIfAborted()
    onProgress(step)
  }
  const startedAt = new Date()
  const maxCalls = node.maxCalls === 'auto' ? availableParallelism() * CALLS_PER_CORE : node.maxCalls

  const store = await startStore({
    postgres: postgresOf(config),
    redis: config.store.redis,
    dataDir: node.dataDir,
    node: node.id,
    onProgress,
  })
  parts.add('store', () => store.close())

  const metrics = createMetrics(node.id)
  parts.add('metrics', () => metrics.close())
  const events = new EventLog({
    node: node.id,
    journal: store.journal,
    store: store.calls,
    log: log.log,
    onEmit: (event) => metrics.eventEmitted(event),
  })
  const emit: EmitEvent = (draft) => void events.emit(draft)

  store.onState((change) => emit({ level: change.event === 'store.degraded' ? 'error' : 'info', ...change }))

  const { overrides, watch } = await watchFleet({ config, store, events, emit, log }, parts)

  begin('starting the local agent')
  const local = await superviseLocalAgent(log)
  parts.add('local agent', () => local.close())

  begin('starting media')
  const media = await startMedia({
    address: isIP(node.address) === 0 ? (await lookup(node.address)).address : node.address,
    // Behind a NAT that maps one address to one, `node.address` is not ours to bind: RTP listens where SIP does.
    bindAddress: config.sip.listen[0]?.host ?? node.address,
    rtpPorts: config.media.rtpPorts,
    workers: config.media.workers === 'auto' ? availableParallelism() : config.media.workers,
    codecs: config.media.codecs,
    silenceTimeoutMs: config.media.silenceTimeoutMs,
    onWarning: (message) => log.log.warn(message),
  })
  parts.add('media', () => media.close())

  begin('starting the SIP server')
  const routes = routesOf(config, local.backend)
  let peerHosts: readonly string[] = []
  const access = (sources: readonly string[]): AccessSnapshot => ({
    allowAll: false,
    sources: [...sources, ...peerHosts.filter((host) => isIP(host) !== 0)],
    unknown: config.sip.unknown,
    ban: config.sip.ban,
  })
  const sip = await EmbeddedSip.start(
    {
      listen: config.sip.listen.map(({ protocol, ...address }) => `${protocol}:${formatHostPort(address)}`),
      advertise: node.address,
      userAgent: `Tandem/${VERSION}`,
      onTrace: (batch) => calls?.onTrace(batch),
      onLost: (error) => log.log.error({ err: error }, 'the SIP server was lost and is started anew'),
    },
    access(routes.sources),
  )
  parts.add('SIP server', () => sip.close())

  const connected = await SipLink.connect({ host: '127.0.0.1', port: sip.adminPort, secret: sip.secret })
  if (!connected.ok) throw connected.error
  const link = connected.value
  parts.add('SIP link', () => link.close())

  const trunks = new TrunkHealth({
    trunks: config.trunks,
    ping: (uri, timeoutMs) => link.ping(uri, timeoutMs),
    emit,
    file: new HealthFile(node.dataDir, (error) => log.log.warn({ err: error }, 'the health of trunks was not stored')),
  })
  parts.add('trunk health', () => trunks.close())
  /** What operators say of trunks, to the machines of their health; where that was never read, a stored word holds. */
  const obeyOperators = (): void => {
    if (!overrides.known) return
    const inForce = overrides.current()
    for (const { id } of current.trunks) trunks.feed(id, operatorEvent(inForce.get(id)))
  }
  overrides.onChange(obeyOperators)
  obeyOperators()

  let started = false
  const calls: Calls = new Calls({
    node: node.id,
    link,
    media,
    journal: store.journal,
    emit,
    metrics,
    routes,
    trunkStates: () => trunks.states,
    onAudio: (trunk, audio) => trunks.feed(trunk, { kind: 'audio', audio }),
    region: node.region,
    address: node.address,
    choice: new TrunkChoice(trunks),
    locator: nodeLocator(config.sip.listen),
    peers: () => peers?.serving ?? [],
    redirectExpiresMs: config.sip.redirectExpiresMs,
    impediments: () => impediments(started, calls.count >= maxCalls, store.ready()),
  })
  parts.add('calls', () => calls.close())
  const peers: Peers = new Peers({
    self: node.id,
    configured: node.peers.map(placeOf),
    nodes: () => listNodes(store.shared),
    ping: (uri) => link.ping(uri, PEER_PING.timeoutMs),
    intervalMs: PEER_PING.intervalMs,
    onAddresses: (hosts) => {
      peerHosts = hosts
      sip.setAccess(access(routesOf(current, local.backend).sources))
    },
    onError: (error) => log.log.debug({ err: error }, 'the other nodes could not be watched'),
  })
  parts.add('peers', () => peers.close())
  metrics.observe({
    activeCalls: () => calls.count,
    mediaLegs: () => media.legs,
    journalDepth: () => store.state().behind,
    eventReaders: () => events.readers,
    peersServing: () => peers.serving.length,
    droppedLogLines: () => log.droppedLines,
    sipCounters: () => sip.counters,
    mediaWorkers: () => media.load,
  })

  const ownEntry = (): NodeEntry => ({
    id: node.id,
    region: node.region,
    address: node.address,
    sip: sipPlaceOf(node.address, sip.hostports),
    state: calls.draining ? 'draining' : started ? 'ready' : 'starting',
    impediments: [...calls.impediments()],
    version: VERSION,
    startedAt: startedAt.toISOString(),
    calls: calls.count,
    maxCalls,
  })
  const heartbeat = new Heartbeat({
    shared: store.shared,
    entry: ownEntry,
    intervalMs: config.fleet.heartbeatMs,
    ttlMs: config.fleet.leaseMs,
    onError: (error) => log.log.debug({ err: error }, 'a heartbeat was missed'),
  })
  parts.add('heartbeat', () => heartbeat.close())

  const drain = (): Promise<void> => {
    if (!calls.draining) emit({ event: 'node.draining', calls: calls.count })
    const drained = calls.drain(node.drainTimeoutMs)
    heartbeat.beat()
    return drained
  }
  /** What someone did that must not fail because it cannot be written down. */
  const note = (deed: Deed): void => {
    store.audit.record(deed).catch((error: unknown) => log.log.error({ err: error, ...deed }, 'the audit lacks a deed'))
  }
  const drainFor = (actor: string): void => {
    note({ actor, action: 'node.drain', subject: node.id, details: {} })
    void drain()
  }
  const remoteDrain = await RemoteDrain.start({ self: node.id, shared: store.shared, onAsked: drainFor })
  parts.add('remote drain', () => remoteDrain.close())

  begin('starting the API')
  const api = await startApi({
    listen: config.http.listen,
    keys: await apiKeys(config),
    calls: store.calls,
    events,
    metrics,
    log: log.log,
    version: VERSION,
    readiness: () => readiness(calls.impediments(), store),
    nodes: async () => nodeViews(ownEntry(), watch),
    trunks: () => trunkViews(current, trunks, overrides.current()),
    audit: (limit, before) => store.audit.page(limit, before),
    actions: {
      place: (request, actor) => {
        const placed = calls.place(request)
        if (placed.ok) note({ actor, action: 'call.place', subject: placed.value.id, details: {} })
        return placed
      },
      hangUp: async (id, actor) => {
        if (!calls.hangUp(id, 'operator', 'normal')) return hangUpElsewhere(store, id)
        note({ actor, action: 'call.hangUp', subject: id, details: {} })
        return 'done'
      },
      drain: async (id, actor) => {
        if (id !== node.id) return remoteDrain.ask(id, actor)
        drainFor(actor)
        return 'done'
      },
      override: (trunk, order) => overrides.set(trunk, order),
      clearOverride: async (trunk, actor) => void (await overrides.clear(trunk, actor)),
    },
  })
  parts.add('API', () => api.close())

  signal?.throwIfAborted()
  started = true
  emit({ event: 'node.ready', sip: sip.hostports, http: api.url, version: VERSION })
  const reload = (result: ConfigResult): void => {
    if (!result.ok) return emit({ event: 'config.rejected', level: 'error', problems: result.error.map(formatProblem) })
    const routes = routesOf(result.value, local.backend)
    calls.setRoutes(routes)
    trunks.setTrunks(result.value.trunks)
    sip.setAccess(access(routes.sources))
    current = result.value
    obeyOperators()
    const { notices } = result.value
    const needsRestart = RESTART_PARTS.filter((part) => JSON.stringify(config[part]) !== JSON.stringify(current[part]))
    emit({
      event: 'config.reloaded',
      ...(needsRestart.length > 0 && { level: 'warn', needsRestart }),
      ...(notices.length > 0 && { notices: notices.map(formatProblem) }),
    })
  }
  return { url: api.url, sip: sip.hostports, reload, drain, close: () => parts.close() }
}

/** How often the other nodes are asked by OPTIONS whether they would serve a call, and how long they may take. */
const PEER_PING = { intervalMs: 1_000, timeoutMs: 1_000 } as const

/** Parts of the config that are read at the start alone. */
const RESTART_PARTS = ['node', 'fleet', 'log', 'sip', 'media', 'store', 'http'] as const

const postgresOf = ({ store }: Config): string => (store.postgres.kind === 'embedded' ? 'embedded' : store.postgres.url)

async function hangUpElsewhere(store: Store, id: CallId): Promise<'unknown' | 'ended' | 'elsewhere'> {
  const call = await store.calls.call(id)
  if (call === null) return 'unknown'
  return call.state === 'ended' ? 'ended' : 'elsewhere'
}

/** The keys of the config, or one that is made into the data folder for the commands on this machine. */
async function apiKeys({ http, node }: Config): Promise<readonly ApiKey[]> {
  if (http.keys.length > 0) return http.keys
  return [{ name: 'local', key: await writeApiKey(node.dataDir), role: 'admin' }]
}
