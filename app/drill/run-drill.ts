import { setTimeout as delay } from 'node:timers/promises'
import { DEMO_SIP_PORT, type DemoTrunk } from '../../lib/demo/fleet-config.ts'
import type { DrillFacts, NodeFact } from '../../lib/drill/facts.ts'
import { judgeDrill } from '../../lib/drill/judge.ts'
import { drillNumber } from '../../lib/drill/numbers.ts'
import { wordOf } from '../../lib/drill/recovery.ts'
import { type DrillReport, type RunOutcome, reportScenario, type SkippedRun } from '../../lib/drill/report.ts'
import { type DrillFault, type DrillRun, type DrillScenario, subjectOf } from '../../lib/drill/scenario.ts'
import { drillMoments, drillSeconds } from '../../lib/drill/timeline.ts'
import { startCarrier } from '../demo/carrier.ts'
import type { Carrier } from '../demo/carrier-port.ts'
import { DemoFleet, demoAddresses } from '../demo/demo-fleet.ts'
import { Parts } from '../parts.ts'
import { DrillAgents } from './drill-agents.ts'
import { breakIt, impossible, mend } from './drill-faults.ts'
import { DrillLoad } from './drill-load.ts'
import { endedRecords } from './drill-records.ts'
import { DrillRedis, hasRedis } from './drill-redis.ts'
import { DrillWatch } from './drill-watch.ts'

export interface DrillOptions {
  readonly scenarios: readonly DrillScenario[]
  readonly onProgress: (step: string) => void
  readonly onReport: (report: DrillReport) => void
  /** Ends the drill early: it then rejects, with everything stopped. */
  readonly signal: AbortSignal
}

/** Callees who pick up at once: what is measured is Tandem's time, not theirs. */
const RING_MS = 50
const RELOAD_TIMEOUT_MS = 10_000
/** Load goes on for this long once the carrier is well, so that what wakes up there is seen. */
const AFTER_MS = 1_000

/** Breaks one thing after the other on one fleet of two nodes and two carriers. Every run has trunks of its own, without a past. */
export async function runDrill(options: DrillOptions): Promise<readonly DrillReport[]> {
  const parts = new Parts((part, error) => options.onProgress(`${part} did not stop: ${String(error)}`))
  try {
    const stage = await DrillStage.open(options, parts)
    const reports: DrillReport[] = []
    for (const scenario of options.scenarios) {
      const outcomes: RunOutcome[] = []
      const skipped: SkippedRun[] = []
      for (const run of scenario.runs) {
        const why = stage.impossible(run)
        if (why === null) outcomes.push(await stage.run(scenario, run))
        else skipped.push({ run: run.name, why })
      }
      const report = reportScenario(scenario, outcomes, skipped)
      options.onReport(report)
      reports.push(report)
    }
    return reports
  } finally {
    await parts.close()
  }
}

class DrillStage {
  readonly #fleet: DemoFleet
  readonly #carriers: readonly [Carrier, Carrier]
  readonly #agents: DrillAgents
  readonly #redis: DrillRedis | null
  readonly #watch: DrillWatch
  readonly #options: DrillOptions
  #numbers = 0

  private constructor(
    fleet: DemoFleet,
    carriers: readonly [Carrier, Carrier],
    agents: DrillAgents,
    redis: DrillRedis | null,
    watch: DrillWatch,
    options: DrillOptions,
  ) {
    this.#fleet = fleet
    this.#carriers = carriers
    this.#agents = agents
    this.#redis = redis
    this.#watch = watch
    this.#options = options
  }

  static async open(options: DrillOptions, parts: Parts): Promise<DrillStage> {
    const { onProgress, signal } = options
    const addresses = demoAddresses()
    const startOne = async (id: string, host: string): Promise<Carrier> => {
      const carrier = await startCarrier({ id, host, port: DEMO_SIP_PORT, ringMs: RING_MS })
      parts.add(`carrier ${id}`, () => carrier.close())
      return carrier
    }
    onProgress('starting two carriers')
    const [first, second] = addresses.carriers
    const [alpha, beta] = await Promise.all([startOne('alpha', first), startOne('beta', second)])
    const trunks = [alpha, beta].map(({ id, uri }) => ({ id, uri }))
    const agents = await DrillAgents.start()
    parts.add('agents', () => agents.close())
    const wantsRedis = options.scenarios.some(({ runs }) => runs.some(({ fault }) => fault.kind === 'redis-away'))
    const redis = wantsRedis && hasRedis() ? await DrillRedis.start(addresses.nodes[0]) : null
    parts.add('Redis', () => redis?.close())
    const fleet = await DemoFleet.start({ addresses, trunks, redisUrl: redis?.url, onProgress, signal })
    parts.add('fleet', () => fleet.close())
    const watch = await DrillWatch.open(fleet.nodes, [alpha, beta])
    parts.add('watch', () => watch.close())
    return new DrillStage(fleet, [alpha, beta], agents, redis, watch, options)
  }

  /** Why this machine cannot do a run; null: it can. */
  impossible({ fault }: DrillRun): string | null {
    return impossible(fault, this.#redis)
  }

  async run({ name }: DrillScenario, run: DrillRun): Promise<RunOutcome> {
    const { onProgress, signal } = this.#options
    const [broken, standby] = this.#carriers
    onProgress(`${name}: ${run.name}: ${run.what}`)
    const startAtMs = Date.now()
    const trunks = [broken, standby].map(
      ({ id, uri }): DemoTrunk => ({ id: `${id}-${run.name}`, uri, settings: run.settings }),
    )
    const subject = subjectOf(run.fault)
    const breakables = {
      carrier: broken,
      agents: this.#agents,
      fleet: this.#fleet,
      redis: this.#redis,
      watch: this.#watch,
    }
    await this.#reconfigure(trunks, subject === 'agents' ? this.#agents.agent(run.name) : undefined)
    let silenced = false
    const load = new DrillLoad({
      plan: run.load,
      nodes: this.#fleet.nodes,
      callers: () =>
        [broken, standby].flatMap((carrier, i) =>
          carrier === broken && silenced ? [] : { carrier, ingress: this.#fleet.ingress(i) },
        ),
      watch: this.#watch,
      number: () => drillNumber(this.#numbers++),
      onProblem: onProgress,
    })
    try {
      await delay(run.beforeMs, undefined, { signal })
      silenced = !run.load.inboundFromBroken
      const faultAtMs = Date.now()
      load.onFault()
      await breakIt(run.fault, breakables)
      await delay(run.faultMs - (Date.now() - faultAtMs), undefined, { signal })
      const wellAtMs = Date.now()
      await mend(run.fault, breakables)
      await this.#recovered({ subject, broken: { trunk: trunks[0]?.id ?? '', carrier: broken.id } }, faultAtMs, run)
      await load.stop()
      const records = await endedRecords(
        this.#fleet.nodes,
        { sinceMs: startAtMs, ids: load.taken(), patienceMs: run.promises.setupWithinMs + 1_000 },
        signal,
      )
      const facts: DrillFacts = {
        subject,
        broken: { trunk: `${broken.id}-${run.name}`, carrier: broken.id },
        deadNode: subject === 'node' ? this.#fleet.nodes[0].id : null,
        standby: { trunk: `${standby.id}-${run.name}`, carrier: standby.id },
        faultAtMs,
        silence: silenceOf(run.fault),
        wellAtMs,
        calls: load.calls.toSorted((a, b) => a.atMs - b.atMs),
        ...this.#watch.since(startAtMs),
        records,
      }
      return {
        run,
        subject,
        verdict: judgeDrill(facts, run.promises),
        moments: drillMoments(facts, run.what),
        seconds: drillSeconds(facts),
        wellMs: wellAtMs - faultAtMs,
      }
    } finally {
      load.close()
    }
  }

  /** Every node has the trunks and the agent of this run, and says so. */
  async #reconfigure(trunks: readonly DemoTrunk[], agent: ReturnType<DrillAgents['agent']> | undefined): Promise<void> {
    const waiting = new Set(this.#fleet.nodes.map(({ id }) => id))
    await this.#until(
      RELOAD_TIMEOUT_MS,
      () => this.#fleet.reconfigure({ trunks, agent }),
      ({ event, node, problems }) => {
        if (event === 'config.rejected')
          throw new Error(`node ${node} refuses the drill's config: ${problems?.join('; ')}`)
        if (event === 'config.reloaded') waiting.delete(node)
        return waiting.size === 0
      },
    )
    if (waiting.size > 0) throw new Error(`no new config after ${RELOAD_TIMEOUT_MS} ms at: ${[...waiting].join(', ')}`)
  }

  /** Until every node that had done without what was broken has it back, or as long as that may take. */
  async #recovered(
    of: Pick<DrillFacts, 'subject' | 'broken'>,
    faultAtMs: number,
    { promises }: DrillRun,
  ): Promise<void> {
    const { signal } = this.#options
    const { recoveredWithinMs } = promises
    const out = new Set<string>()
    const hear = (event: Pick<NodeFact, 'event' | 'node' | 'trunk' | 'to'>): void => {
      const word = wordOf(event, of)
      if (word === 'out') out.add(event.node)
      else if (word === 'back') out.delete(event.node)
    }
    for (const event of this.#watch.since(faultAtMs).nodeEvents) hear(event)
    const after = delay(AFTER_MS, undefined, { signal })
    if (recoveredWithinMs !== null && out.size > 0) {
      await this.#until(recoveredWithinMs, null, (event) => {
        hear({ ...event, trunk: event.trunk ?? null, to: event.to ?? null })
        return out.size === 0
      })
    }
    await after
  }

  /** Until an event is the one, or the time is over. */
  async #until(
    timeoutMs: number,
    act: (() => Promise<void>) | null,
    isIt: (event: Parameters<Parameters<DrillWatch['onEvent']>[0]>[0]) => boolean,
  ): Promise<void> {
    const found = new AbortController()
    let failure: unknown = null
    const deaf = this.#watch.onEvent((event) => {
      try {
        if (isIt(event)) found.abort()
      } catch (error) {
        failure = error
        found.abort()
      }
    })
    try {
      await act?.()
      const signal = AbortSignal.any([found.signal, this.#options.signal])
      await delay(timeoutMs, undefined, { signal }).catch(() => undefined)
      this.#options.signal.throwIfAborted()
      if (failure !== null) throw failure
    } finally {
      deaf()
    }
  }
}

function silenceOf({ kind }: DrillFault): DrillFacts['silence'] {
  if (kind === 'killed') return 'dead'
  return kind === 'silent' || kind === 'frozen' || kind === 'flap' ? 'unheard' : null
}
