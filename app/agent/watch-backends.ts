import type { BackendSpec } from '../../lib/agent/spec.ts'
import type { Config } from '../../lib/config/resolve.ts'
import type { EmitEvent } from '../../lib/observe/event.ts'
import { agentViews } from '../agent-views.ts'
import type { AgentView } from '../api/options.ts'
import type { Overrides } from '../fleet/overrides.ts'
import type { MediaEngine } from '../media/port.ts'
import type { Log } from '../observe/log.ts'
import type { Parts } from '../parts.ts'
import { BackendWatch } from './backend-watch.ts'
import { ChosenBackends } from './chosen-backends.ts'
import { probeConnection } from './probe-connection.ts'

export interface WatchBackendsOptions {
  readonly config: Config
  readonly local: BackendSpec
  readonly overrides: Pick<Overrides, 'agents' | 'onChange'>
  readonly emit: EmitEvent
  readonly log: Log
}

/** The servers of a node's agents under watch. */
export interface WatchedBackends {
  /** Names of agents whose calls would come to nothing now. */
  readonly away: ReadonlySet<string>
  /** The agents, as the API shows them. */
  readonly views: () => readonly AgentView[]
  /** The engine as calls are to use it: their agents have the backends that are well, and tell how they were. */
  carry(engine: MediaEngine): MediaEngine
  /** From a config read anew. */
  setAgents(config: Config): void
}

/** Begins to watch the servers of the config's agents: probes, what calls tell, what operators say of them. */
export function watchBackends(options: WatchBackendsOptions, parts: Parts): WatchedBackends {
  const { config, local, overrides, emit, log } = options
  let engine: MediaEngine | null = null
  let told: ReadonlySet<string> = new Set()
  const watch = new BackendWatch({
    config,
    local,
    probe: async (backend, mode, timeoutMs) => {
      if (mode === 'connect') return probeConnection(backend, timeoutMs)
      // The client of the protocol takes 17 MB and a third of a second: a node that needs it in its media workers alone does without it here.
      const { probeSession } = await import('./probe-session.ts')
      return probeSession(backend, timeoutMs)
    },
    emit,
    onChange: () => onChange(),
  })
  /** A node without an agent must say so before a caller is lost to it. */
  const onChange = (): void => {
    engine?.setStandings(watch.standings)
    const { away } = watch
    for (const agent of away) if (!told.has(agent)) log.log.warn({ agent }, 'no server of the agent can be used')
    for (const agent of told) if (!away.has(agent)) log.log.info({ agent }, 'the agent can be reached again')
    told = away
  }
  parts.add('backend watch', () => watch.close())
  const obeyOperators = (): void => watch.obey(overrides.agents())
  const stop = overrides.onChange(obeyOperators)
  parts.add('words on agents', stop)
  obeyOperators()
  watch.start()
  return {
    get away() {
      return watch.away
    },
    views: () => agentViews(watch.sights, watch.away, overrides.agents()),
    carry: (carrier) => {
      engine = carrier
      carrier.setStandings(watch.standings)
      return new ChosenBackends(carrier, watch)
    },
    setAgents: (next) => watch.setAgents(next),
  }
}
