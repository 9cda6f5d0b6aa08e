import { availableParallelism } from 'node:os'
import type { CallOrder, OrderOutcome } from '../lib/call/call-order.ts'
import type { Config } from '../lib/config/resolve.ts'
import { shareOf } from '../lib/config/share.ts'
import { callId, nodeId } from '../lib/core/ids.ts'
import type { EmitEvent } from '../lib/observe/event.ts'
import { placeOf, routesOf } from '../lib/route/routes.ts'
import { superviseLocalAgent } from './agent/supervised-local-agent.ts'
import { watchBackends } from './agent/watch-backends.ts'
import { startApi } from './api/server.ts'
import { type CallWorkers, startCallWorkers } from './call-workers.ts'
import type { ConfigResult } from './config.ts'
import { nodeLocator } from './dns/node-locator.ts'
import { serveZone } from './dns/serve-zone.ts'
import { watchFleet } from './fleet/fleet.ts'
import { LiveCalls } from './fleet/live-calls.ts'
import { Heartbeat, listNodes, type NodeEntry } from './fleet/node-registry.ts'
import { Peers } from './fleet/peers.ts'
import { startLeases } from './fleet/start-leases.ts'
import { KeyWrap, wrappingKey } from './key-wrap.ts'
import { type ConfigSource, startManagedConfig } from './managed-config.ts'
import { startNodeMedia } from './media/start-media.ts'
import { nodeActions } from './node-actions.ts'
import { apiKeys, postgresOf, rejectedEvent, reloadedEvent } from './node-config.ts'
import { canaryTrunks, impediments, nodeViews, readiness, sipPlaceOf, trunkViews } from './node-views.ts'
import { EventLog } from './observe/event-log.ts'
import type { Log } from './observe/log.ts'
import { createMetrics } from './observe/metrics.ts'
import { startErrands } from './outbound/start-errands.ts'
import { Parts } from './parts.ts'
import { startRecordings } from './recordings/start-recordings.ts'
import { startRouter } from './route/start-router.ts'
import { CallBacks } from './session/call-backs.ts'
import { startSessions } from './session/sessions.ts'
import { Calls } from './signaling/calls.ts'
import type { PingResult } from './signaling/sip-ping.ts'
import { startSip } from './signaling/start-sip.ts'
import type { GuestVerdict } from './sip/server.ts'
import { startRetention } from './store/start-retention.ts'
import { startStore } from './store/store.ts'
import { watchTrunks } from './trunk/watch-trunks.ts'
import { VERSION } from './version.ts'
import type { NodeOfWorker } from './worker-messages.ts'

export interface NodeOptions {
  readonly config: Config
  readonly log: Log
  /** The config file with what is managed beside it; absent: of this node nothing is managed, or the node that this process works for does it. */
  readonly source?: ConfigSource
  /** Hears what the first start is busy with, for people who wait. */
  readonly onProgress: (step: string) => void
  /** This process handles a part of a node's calls (app/call-workers.ts). */
  readonly workerOf?: WorkerOf
  /** Ends the start early: it then rejects, with every part that had been started stopped again. */
  readonly signal?: AbortSignal
}

/** The node that a process handles calls of, and how it is told what came of a stranger's credentials, where its SIP server asks. */
export interface WorkerOf extends Omit<NodeOfWorker, 'hasServer'> {
  readonly judgeGuest: ((address: string, verdict: GuestVerdict) => void) | null
}

/** A running node. */
export interface RunningNode {
  /** Base URL of the HTTP API. */
  readonly url: string
  /** SIP sockets, as `udp/HOST:PORT`. */
  readonly sip: readonly string[]
  /** Takes trunks, groups, tenants, agents and limits from a config read anew; calls on the line keep what they have. */
  reload(result: ConfigResult): void
  /** Has done to a call of this process what an operator wants. */
  obey(call: string, order: CallOrder): OrderOutcome
  /** The node that this process works for may have been taken for dead: its calls are verified. */
  doubt(): void
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

async function start(options: NodeOptions, parts: Parts): Promise<RunningNode> {
  const { log, onProgress, signal, workerOf } = options
  const cores = availableParallelism()
  /** A worker has been given its share already. */
  const shareIn = (whole: Config): Config => (workerOf === undefined ? shareOf(whole, 0, cores) : whole)
  const config = shareIn(options.config)
  const { node } = config
  /** The config in force, as far as it can be reloaded. */
  let current = config
  const begin = (step: string): void => {
    signal?.throwIfAborted()
    onProgress(step)
  }
  const startedAt = new Date()
  const maxCalls = node.maxCalls === 'auto' ? Math.ceil((cores * CALLS_PER_CORE) / config.sip.workers) : node.maxCalls

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

  const fleet = await watchFleet({ config, store, events, emit, log }, parts)

  begin('starting the local agent')
  const local = await superviseLocalAgent(log)
  parts.add('local agent', () => local.close())

  begin('starting the SIP server')
  const routes = routesOf(config, local.backend)
  const agents = watchBackends({ config, local: local.backend, overrides: fleet.overrides, emit, log }, parts)
  const sip = await startSip({ config, log, trusted: routes, emit, signal, judgeGuest: workerOf?.judgeGuest }, parts)
  const { link } = sip

  begin('starting media')
  const media = await startNodeMedia({ config, sip: link, log, emit }, parts)

  const dataDir = workerOf?.dataDir ?? node.dataDir
  const recordings = await startRecordings(() => current, dataDir, log, parts)
  if (workerOf === undefined) startRetention({ config: () => current, store, log }, parts)
  const keyWrap = new KeyWrap(await wrappingKey(dataDir, config.store.keyWrap, 'tandem srtp'))

  const ping = (...args: Parameters<typeof link.ping>): Promise<PingResult> => link.ping(...args)
  const locator = nodeLocator(link.hostports)
  const trunks = await watchTrunks(
    { config, ping, locator, fleet, shared: store.shared, votes: workerOf === undefined, emit, log },
    parts,
  )

  const peers = new Peers({
    // To its workers a node is no other one.
    self: workerOf === undefined ? node.id : nodeId(workerOf.id),
    configured: node.peers.map(placeOf),
    nodes: () => listNodes(store.shared),
    ping: (uri) => ping(uri, PEER_PING.timeoutMs),
    intervalMs: PEER_PING.intervalMs,
    onAddresses: (hosts) => sip.access.setPeers(hosts),
    onError: (error) => log.log.debug({ err: error }, 'the other nodes could not be watched'),
  })
  parts.add('peers', () => peers.close())

  const liveCalls = new LiveCalls({
    shared: store.shared,
    onError: (error) => log.log.debug({ err: error }, 'a live call could not be shared'),
  })
  parts.add('live calls', () => liveCalls.close())

  const sessions = await startSessions({ config, store, routes, log }, parts)

  const router = await startRouter({ config, emit, log }, parts)

  let started = false
  const calls = new Calls({
    node: node.id,
    link,
    media: agents.carry(media.engine),
    journal: store.journal,
    emit,
    metrics,
    routes,
    trunkStates: () => trunks.health.states,
    onAudio: (trunk, audio) => trunks.health.feed(trunk, { kind: 'audio', audio }),
    region: node.region,
    address: node.address,
    choice: trunks.choice,
    locator,
    answers: (trunk, target) => trunks.health.answers(trunk, target),
    liveCalls,
    keyWrap,
    sessions,
    peers: () => peers.serving,
    redirectExpiresMs: config.sip.redirectExpiresMs,
    agents,
    recordings,
    strangers: sip.strangers,
    router,
    impediments: () =>
      impediments({
        started,
        full: calls.count >= maxCalls,
        recordable: store.ready(),
        sipUp: link.state.up,
        mediaUp: media.impediment() === null,
      }),
  })
  parts.add('calls', () => calls.close())
  let workers: CallWorkers | null = null
  const isWorker = workerOf !== undefined
  const onDoubt = (): void => workers?.doubt()
  const lease = startLeases({ config, isWorker, store, fleet, link, calls, onDoubt, sessions, emit, log }, parts)
  const callBacks = new CallBacks({
    sessions,
    trunkStates: () => trunks.health.states,
    place: (request) => calls.place(request, { goingOn: true }),
    log,
  })
  parts.add('callbacks', () => callBacks.close())
  sip.onTrace((batch) => calls.onTrace(batch))
  metrics.observe({
    activeCalls: () => calls.count,
    mediaLegs: () => media.engine.legs,
    journalDepth: () => store.state().behind,
    eventReaders: () => events.readers,
    peersServing: () => peers.serving.length,
    droppedLogLines: () => log.droppedLines,
    expiredSessions: () => store.sessions.expired,
    certificates: () => sip.certificates(),
    sipCounters: sip.counters,
    mediaWorkers: media.load,
    mediaServers: media.servers,
    trunks: () => trunkViews(current, trunks.health, fleet.overrides.current()),
    canaries: () => canaryTrunks(current, trunks.health),
    agents: agents.views,
  })

  const ownEntry = (): NodeEntry => ({
    id: node.id,
    region: node.region,
    address: node.address,
    sip: sipPlaceOf(node.address, link.hostports),
    sockets: link.hostports,
    dns: config.dns !== null,
    state: calls.draining ? 'draining' : started ? 'ready' : 'starting',
    impediments: [...calls.impediments()],
    version: VERSION,
    startedAt: startedAt.toISOString(),
    calls: calls.count,
    maxCalls,
  })
  // The fleet knows the node; its further processes are part of it.
  const heartbeat =
    workerOf === undefined
      ? new Heartbeat({
          shared: store.shared,
          entry: ownEntry,
          intervalMs: config.fleet.heartbeatMs,
          ttlMs: config.fleet.leaseMs,
          onRenewed: (sentAtMs) => lease.renewed(sentAtMs),
          onError: (error) => log.log.debug({ err: error }, 'a heartbeat was missed'),
        })
      : null
  parts.add('heartbeat', () => heartbeat?.close())

  if (workerOf === undefined && config.sip.workers > 1) begin('starting the call workers')
  workers = await startCallWorkers({ config: options.config, isWorker, sip, store, log }, parts)

  const drain = async (): Promise<void> => {
    if (!calls.draining) emit({ event: 'node.draining', calls: calls.count })
    const drained = Promise.all([calls.drain(node.drainTimeoutMs), workers?.drain()])
    heartbeat?.beat()
    await drained
  }
  const managed =
    options.source === undefined
      ? null
      : await startManagedConfig({ config, source: options.source, store, emit, log }, parts)
  const actions = await nodeActions(
    { self: node.id, store, calls, workers, recordings, overrides: fleet.overrides, drain: () => void drain(), log },
    parts,
  )
  const errands = startErrands({ self: node.id, isWorker, store, calls, sessions, emit, log }, parts)

  begin('starting the API')
  const api = await startApi({
    listen: config.http.listen,
    keys: await apiKeys(config),
    calls: store.calls,
    session: (id) => store.sessions.read(id),
    events,
    metrics,
    log: log.log,
    version: VERSION,
    readiness: () => readiness(calls.impediments(), store, media.impediment()),
    nodes: async () => nodeViews(ownEntry(), fleet.watch),
    trunks: () => trunkViews(current, trunks.health, fleet.overrides.current()),
    agents: agents.views,
    recording: actions.recording,
    audit: (limit, before) => store.audit.page(limit, before),
    actions,
    errands,
    managed,
  })
  parts.add('API', () => api.close())

  await serveZone({ config, own: ownEntry, nodes: () => fleet.watch.nodes, serving: () => peers.serving, log }, parts)

  const apply = (result: ConfigResult): void => {
    if (!result.ok) return emit(rejectedEvent(result.error))
    const next = shareIn(result.value)
    const routes = routesOf(next, local.backend)
    calls.setRoutes(routes)
    sessions.setTenants(routes.tenants)
    agents.setAgents(next)
    trunks.setTrunks(next.trunks)
    sip.access.setTrusted(routes)
    workers?.reload(result.value)
    void router.reload(next.router)
    current = next
    emit(reloadedEvent(config, current))
  }
  const reload = (result: ConfigResult): void => apply(result.ok && managed !== null ? managed.now() : result)
  managed?.onChange(() => apply(managed.now()))
  if (managed?.any === true) apply(managed.now())
  signal?.throwIfAborted()
  started = true
  emit({ event: 'node.ready', sip: link.hostports, http: api.url, version: VERSION })
  const obey = (call: string, order: CallOrder): OrderOutcome => calls.obey(callId(call), order)
  return {
    url: api.url,
    sip: link.hostports,
    reload,
    obey,
    doubt: () => lease.doubt(),
    drain,
    close: () => parts.close(),
  }
}

/** How often the other nodes are asked by OPTIONS whether they would serve a call, and how long they may take. */
const PEER_PING = { intervalMs: 1_000, timeoutMs: 1_000 } as const
