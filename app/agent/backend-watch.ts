import { type BackendChange, changeEvents } from '../../lib/agent/backend-changes.ts'
import {
  type BackendEvent,
  type BackendHealth,
  type BackendVerdict,
  backendConfig,
  backendDeadlineMs,
  backendVerdict,
  isInDoubt,
  isLimited,
  isOut,
  isTryDue,
  newBackend,
  type ProbeResult,
  stepBackend,
} from '../../lib/agent/backend-health.ts'
import type { BackendReport } from '../../lib/agent/backend-outcome.ts'
import {
  type BackendCandidate,
  type BackendStanding,
  type BackendWord,
  judgePlace,
  standingOf,
} from '../../lib/agent/backend-place.ts'
import type { AgentSpec, BackendSpec } from '../../lib/agent/spec.ts'
import type { Config, ProbeMode } from '../../lib/config/resolve.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { backendsOf } from '../../lib/route/routes.ts'
import type { HealthConfig } from '../../lib/trunk/health.ts'

type AgentsConfig = Pick<Config, 'agents' | 'backends'>

export interface BackendWatchOptions {
  readonly config: AgentsConfig
  /** The backend of the local agent, whose address is known only while it runs. */
  readonly local: BackendSpec
  readonly probe: (backend: BackendSpec, mode: Exclude<ProbeMode, 'none'>, timeoutMs: number) => Promise<ProbeResult>
  readonly emit: EmitEvent
  /** Hears that `standings`, `away` or what is known of a backend has changed. */
  readonly onChange: () => void
}

/** A server, which several agents may share. */
interface Server {
  spec: BackendSpec
  mode: ProbeMode
  config: HealthConfig
  health: BackendHealth
  sessionAtMs: number
  sessionMs: number | null
  /** Those that have it. */
  places: Place[]
  /** Whether a call would come to nothing there, as it was told last. */
  isOut: boolean
}

/** A backend of an agent. */
interface Place {
  readonly agent: string
  readonly spec: BackendSpec
  readonly server: Server
  verdict: BackendVerdict
}

/** A backend of an agent as this node sees it now. */
export interface BackendSight {
  readonly agent: string
  readonly spec: BackendSpec
  readonly verdict: BackendVerdict
  readonly health: BackendHealth
  readonly config: HealthConfig
  /** How long its last session took to open; null: none was opened by a probe yet. */
  readonly sessionMs: number | null
}

/** A wait longer than this is cut in two: timers of Node overflow at 2^31 ms. */
const LONGEST_WAIT_MS = 3_600_000

/** Drives lib/agent/backend-health.ts for every server of this node's agents: clock, probes, events. */
export class BackendWatch {
  readonly #options: BackendWatchOptions
  readonly #servers = new Map<string, Server>()
  readonly #places = new Map<string, Place>()
  #sessionIntervalMs = 0
  #words: ReadonlyMap<string, BackendWord> = new Map()
  #standings: ReadonlyMap<string, BackendStanding> = new Map()
  #away: ReadonlySet<string> = new Set()
  #timer: NodeJS.Timeout | undefined
  readonly #probes = new Set<Promise<void>>()
  #closed = false

  constructor(options: BackendWatchOptions) {
    this.#options = options
    this.#know(options.config)
  }

  /** Begins to probe. */
  start(): void {
    this.#wake()
  }

  /** From a config read anew: what is known of a server that stays is kept. */
  setAgents(config: AgentsConfig): void {
    this.#know(config)
    this.#judge(this.#places.values())
    this.#publish()
    this.#wake()
  }

  #know({ agents, backends }: AgentsConfig): void {
    const nowMs = performance.now()
    this.#sessionIntervalMs = backends.probe.sessionIntervalMs
    const before = new Map(this.#servers)
    const verdicts = new Map([...this.#places].map(([id, { verdict }]) => [id, verdict]))
    for (const server of before.values()) server.places = []
    this.#servers.clear()
    this.#places.clear()
    for (const [agent, config] of Object.entries(agents)) {
      for (const [i, spec] of backendsOf(agent, config, this.#options.local).entries()) {
        const mode = config.backends[i]?.probe ?? 'none'
        const server = this.#server(spec, mode, backends, before, nowMs)
        const verdict = verdicts.get(spec.id) ?? judgePlace(null, backendVerdict(server.health), null, nowMs)
        const place = { agent, spec, server, verdict }
        server.places.push(place)
        this.#places.set(spec.id, place)
      }
    }
  }

  /** What operators say, by agent or by id of a backend; the latter wins. */
  obey(words: ReadonlyMap<string, BackendWord>): void {
    this.#words = words
    this.#judge(this.#places.values())
    this.#publish()
  }

  /** How every backend stands that is not active. */
  get standings(): ReadonlyMap<string, BackendStanding> {
    return this.#standings
  }

  /** Names of agents whose calls would come to nothing now. */
  get away(): ReadonlySet<string> {
    return this.#away
  }

  /** Every backend of every agent, in order. */
  get sights(): readonly BackendSight[] {
    return [...this.#places.values()].map(({ agent, spec, verdict, server: { health, config, sessionMs } }) => ({
      agent,
      spec,
      verdict,
      health,
      config,
      sessionMs,
    }))
  }

  /** The backends of a call, as they are chosen from. */
  candidates({ backends }: Pick<AgentSpec, 'backends'>): readonly BackendCandidate<BackendSpec>[] {
    return backends.map((backend) => {
      const place = this.#places.get(backend.id)
      if (place === undefined) return { backend, standing: 'active', limited: false, tryDue: false, out: false }
      const { verdict, server } = place
      const { health, config } = server
      return {
        backend,
        standing: standingOf(verdict),
        limited: isLimited(health),
        tryDue: isTryDue(health, config),
        out: isOut(health, config),
      }
    })
  }

  /** The next call tries this backend as its canary. */
  placeCanary(id: string): void {
    this.#feed(this.#places.get(id)?.server, { kind: 'canary' })
  }

  /** What a session of a call says. One of a backend that the config has dropped meanwhile says nothing. */
  hear({ backend, ...report }: BackendReport): void {
    this.#feed(this.#places.get(backend)?.server, { kind: 'report', ...report })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await Promise.all(this.#probes)
  }

  /** The server of a backend: one that is known already, where another agent, or the config before, has it. */
  #server(
    spec: BackendSpec,
    mode: ProbeMode,
    backends: Config['backends'],
    before: ReadonlyMap<string, Server>,
    nowMs: number,
  ): Server {
    const key = JSON.stringify([spec.kind, spec.baseUrl, spec.model, spec.apiKey])
    const shared = this.#servers.get(key)
    const lighter = shared === undefined ? mode : lighterOf(mode, shared.mode)
    const config = backendConfig(backends, lighter !== 'none')
    const server = shared ?? before.get(key) ?? newServer(nowMs, config)
    const next = Object.assign(server, { spec, mode: lighter, config })
    this.#servers.set(key, next)
    return next
  }

  #feed(server: Server | undefined, event: BackendEvent): void {
    if (server === undefined || this.#closed) return
    this.#step(server, event)
    this.#arm()
  }

  #step(server: Server, event: BackendEvent): void {
    const { state, effects } = stepBackend(server.health, event, performance.now(), server.config)
    const wasOut = server.isOut
    server.health = state
    server.isOut = isOut(state, server.config)
    if (this.#judge(server.places) || wasOut !== server.isOut) this.#publish()
    for (const { serial } of effects) {
      const probe = this.#probe(server, serial)
      this.#probes.add(probe)
      void probe.finally(() => this.#probes.delete(probe))
    }
  }

  /** By a session where one is due, or where a connection would prove too little. */
  async #probe(server: Server, serial: number): Promise<void> {
    const sentAtMs = performance.now()
    const isDue = sentAtMs - server.sessionAtMs >= this.#sessionIntervalMs || isInDoubt(server.health)
    const mode = server.mode === 'session' && isDue ? 'session' : 'connect'
    const result = await this.#options.probe(server.spec, mode, server.config.probe.timeoutMs)
    if (mode === 'session') {
      server.sessionAtMs = sentAtMs
      server.sessionMs = result.kind === 'good' ? performance.now() - sentAtMs : server.sessionMs
    }
    this.#feed(server, { kind: 'probed', serial, result })
  }

  /** What calls go by now; whether that has changed. Agents that share a server are told of in one event. */
  #judge(places: Iterable<Place>): boolean {
    const nowMs = performance.now()
    const changes: BackendChange[] = []
    for (const place of places) {
      const { agent, spec, server, verdict: from } = place
      const word = this.#words.get(spec.id) ?? this.#words.get(agent) ?? null
      const to = judgePlace(from, backendVerdict(server.health), word, nowMs)
      place.verdict = to
      if (to.state !== from.state) changes.push({ id: spec.id, kind: spec.kind, from: from.state, to })
    }
    for (const draft of changeEvents(changes)) this.#options.emit(draft)
    return changes.length > 0
  }

  #publish(): void {
    const all = [...this.#places.values()]
    const standings = all.map(({ spec, verdict }) => [spec.id, standingOf(verdict)] as const)
    this.#standings = new Map(standings.filter(([, standing]) => standing !== 'active'))
    const served = new Set(all.filter((place) => !isDown(place)).map(({ agent }) => agent))
    this.#away = new Set(all.map(({ agent }) => agent).filter((agent) => !served.has(agent)))
    this.#options.onChange()
  }

  /** One timer, for whichever server wants to be woken first. */
  #arm(): void {
    clearTimeout(this.#timer)
    const atMs = Math.min(...[...this.#servers.values()].map(({ health }) => backendDeadlineMs(health)))
    if (this.#closed || atMs === Number.POSITIVE_INFINITY) return
    const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(atMs - performance.now())))
    this.#timer = setTimeout(() => this.#wake(), waitMs).unref()
  }

  #wake(): void {
    if (this.#closed) return
    const nowMs = performance.now()
    for (const server of this.#servers.values()) {
      if (backendDeadlineMs(server.health) <= nowMs) this.#step(server, { kind: 'tick', random: Math.random() })
    }
    this.#arm()
  }
}

/** Whether a call would come to nothing at a backend of an agent. */
const isDown = ({ verdict, server }: Place): boolean =>
  verdict.channel === 'operator' ? verdict.state === 'failed' : server.isOut

const newServer = (nowMs: number, config: HealthConfig): Omit<Server, 'spec' | 'mode' | 'config'> => ({
  health: newBackend(nowMs, config),
  sessionAtMs: Number.NEGATIVE_INFINITY,
  sessionMs: null,
  places: [],
  isOut: false,
})

/** A session may cost money: where two agents differ on it, the cheaper probe is right for both. */
function lighterOf(a: ProbeMode, b: ProbeMode): ProbeMode {
  const order = ['none', 'connect', 'session'] as const
  return order.indexOf(a) <= order.indexOf(b) ? a : b
}
