import { connect } from 'node:net'
import { isAway, NEW_REACH, type ReachEvidence, stepReach } from '../../lib/agent/agent-reach.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'

const INTERVAL_MS = 5_000
/** After a probe that failed the next one comes sooner: a second one decides. */
const FAST_INTERVAL_MS = 1_000
const TIMEOUT_MS = 2_000

export interface AgentWatchOptions {
  readonly agents: Routes['agents']
  /** Hears of an agent that has become reachable or not. */
  readonly onChange: (agent: string, away: boolean) => void
  readonly intervalMs?: number
  readonly timeoutMs?: number
}

/**
 * Knows which agents no call would get through to: it connects to their servers every few seconds, and hears of the calls that
 * could not. A node without an agent must say so before a caller is lost to it.
 */
export class AgentWatch {
  readonly #options: AgentWatchOptions
  readonly #reach = new Map<string, typeof NEW_REACH>()
  readonly #told = new Set<string>()
  #endpoints: ReadonlyMap<string, readonly Endpoint[]>
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void>
  #closed = false

  constructor(options: AgentWatchOptions) {
    this.#options = options
    this.#endpoints = endpointsOf(options.agents)
    this.#round = this.#probe()
  }

  /** Names of agents that cannot be reached now. */
  get away(): ReadonlySet<string> {
    const nowMs = performance.now()
    const away = new Set<string>()
    for (const [agent, reach] of this.#reach) if (isAway(reach, nowMs)) away.add(agent)
    return away
  }

  setAgents(agents: Routes['agents']): void {
    this.#endpoints = endpointsOf(agents)
    for (const agent of this.#reach.keys()) if (!this.#endpoints.has(agent)) this.#reach.delete(agent)
  }

  /** What a call found when it opened its agent. */
  report(agent: string, evidence: ReachEvidence): void {
    if (!this.#endpoints.has(agent)) return
    this.#reach.set(agent, stepReach(this.#reach.get(agent) ?? NEW_REACH, evidence, performance.now()))
    const away = this.away.has(agent)
    if (away === this.#told.has(agent)) return
    if (away) this.#told.add(agent)
    else this.#told.delete(agent)
    this.#options.onChange(agent, away)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#round
  }

  #schedule(): void {
    const { intervalMs = INTERVAL_MS } = this.#options
    const isInDoubt = [...this.#reach.values()].some(({ closedProbes }) => closedProbes === 1)
    this.#timer = setTimeout(
      () => {
        this.#round = this.#probe()
      },
      isInDoubt ? Math.min(FAST_INTERVAL_MS, intervalMs) : intervalMs,
    )
  }

  /** One connection to each server, however many agents share it. */
  async #probe(): Promise<void> {
    const all = new Map([...this.#endpoints.values()].flat().map((endpoint) => [keyOf(endpoint), endpoint]))
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS
    const open = new Map<string, boolean>()
    await Promise.all([...all].map(async ([key, endpoint]) => open.set(key, await isOpen(endpoint, timeoutMs))))
    if (this.#closed) return
    for (const [agent, endpoints] of this.#endpoints) {
      // An agent of a config that was read meanwhile is looked at in the next round.
      if (endpoints.some((endpoint) => !open.has(keyOf(endpoint)))) continue
      this.report(agent, endpoints.some((endpoint) => open.get(keyOf(endpoint))) ? 'open' : 'closed')
    }
    this.#schedule()
  }
}

/** Begins to watch the agents of a node. */
export function watchAgents({ agents, log }: { agents: Routes['agents']; log: Log }, parts: Parts): AgentWatch {
  const watch = new AgentWatch({
    agents,
    onChange: (agent, away) => {
      if (away) log.log.warn({ agent }, 'no server of the agent can be reached')
      else log.log.info({ agent }, 'the agent can be reached again')
    },
  })
  parts.add('agent watch', () => watch.close())
  return watch
}

interface Endpoint {
  readonly host: string
  readonly port: number
}

const keyOf = ({ host, port }: Endpoint): string => `${host} ${port}`

/** Where the servers of each agent listen; tenants differ in their order only. */
function endpointsOf(agents: Routes['agents']): ReadonlyMap<string, readonly Endpoint[]> {
  const found = new Map<string, readonly Endpoint[]>()
  for (const ofTenant of agents.values())
    for (const [name, { backends }] of ofTenant)
      found.set(
        name,
        backends.map(({ baseUrl }) => endpointOf(baseUrl)),
      )
  return found
}

function endpointOf(baseUrl: string): Endpoint {
  const { protocol, hostname, port } = new URL(baseUrl)
  const isPlain = protocol === 'ws:' || protocol === 'http:'
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (isPlain ? 80 : 443) : Number(port) }
}

/** Whether somebody takes a TCP connection. */
function isOpen({ host, port }: Endpoint, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const done = (open: boolean) => (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(open)
    }
    // A look-up that hangs is no idle socket: only a timer of our own ends it.
    const timer = setTimeout(done(false), timeoutMs)
    socket.once('connect', done(true))
    socket.once('error', done(false))
  })
}
