import { orderBackends } from '../../lib/agent/backend-place.ts'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { LegEvent, LegSpec, MediaEngine, MediaLeg, Standings, TalkerSpec } from '../media/port.ts'
import type { BackendWatch } from './backend-watch.ts'

/** No backend of an agent may be tried: operators have taken out each of them. */
export class AgentTakenOut extends Error {
  readonly code = 'agent-taken-out'

  constructor() {
    super('operators have taken out every backend of the agent')
    this.name = 'AgentTakenOut'
  }
}

/** A canary that never left. */
const UNTRIED = { reason: '', retryAfterMs: null, tookMs: 0, canary: true } as const

type Watch = Pick<BackendWatch, 'candidates' | 'placeCanary' | 'hear'>

/** A media engine whose agents have their backends by health, and whose legs tell how the backends were. */
export class ChosenBackends implements MediaEngine {
  readonly #engine: MediaEngine
  readonly #watch: Watch

  constructor(engine: MediaEngine, watch: Watch) {
    this.#engine = engine
    this.#watch = watch
  }

  get legs(): number {
    return this.#engine.legs
  }

  get joins(): boolean {
    return this.#engine.joins
  }

  /** Rejects with `AgentTakenOut` too. */
  open(spec: LegSpec): Promise<MediaLeg> {
    const onEvent = (event: LegEvent): void =>
      event.kind === 'agent.backend' ? this.#watch.hear(event.report) : spec.onEvent(event)
    return this.#with(spec.talker, (talker) => this.#engine.open({ ...spec, talker, onEvent }))
  }

  join(first: MediaLeg, second: MediaLeg): Promise<void> {
    return this.#engine.join(first, second)
  }

  /** Rejects with `AgentTakenOut` too. */
  talk(leg: MediaLeg, talker: TalkerSpec): Promise<void> {
    return this.#with(talker, (chosen) => this.#engine.talk(leg, chosen))
  }

  setStandings(standings: Standings): void {
    this.#engine.setStandings(standings)
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  async #with<T>(talker: TalkerSpec, use: (talker: TalkerSpec) => Promise<T>): Promise<T> {
    if (talker.kind !== 'agent') return use(talker)
    const agent = this.#choose(talker.agent)
    const [first] = agent.backends
    if (agent.canary === true) this.#watch.placeCanary(first.id)
    try {
      return await use({ kind: 'agent', agent })
    } catch (error) {
      // No media: nothing was tried, and the place is free.
      const report = { backend: first.id, outcome: 'nothing', ...UNTRIED } as const
      if (agent.canary === true) this.#watch.hear(report)
      throw error
    }
  }

  #choose(agent: AgentSpec): AgentSpec {
    const { backends, atFirst, canary } = orderBackends(this.#watch.candidates(agent))
    const [first, ...rest] = backends
    if (first === undefined) throw new AgentTakenOut()
    return { ...agent, backends: [first, ...rest], atFirst, canary }
  }
}
