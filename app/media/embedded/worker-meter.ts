import { type AgentMeter, newAgentMeter } from '../../agent/meter.ts'
import type { WorkerLoad } from './protocol.ts'
import type { TickWheel } from './tick-wheel.ts'

/** How long the worst lag and the delays are gathered: longer than Prometheus is away between two scrapes. */
const WINDOW_MS = 60_000

/** What a media worker tells of itself. */
export class WorkerMeter {
  /** Of all agents of the worker. */
  readonly agents: AgentMeter = newAgentMeter()
  strangerPackets = 0
  forgedPackets = 0
  readonly #wheel: TickWheel
  #windowEndMs: number
  #maxLagMs = 0
  #skippedTicks = 0

  constructor(wheel: TickWheel, nowMs: number) {
    this.#wheel = wheel
    this.#windowEndMs = nowMs + WINDOW_MS
  }

  load(legs: number, nowMs: number): WorkerLoad {
    const { faults, appendDelay } = this.agents
    const lag = this.#wheel.takeLag()
    this.#skippedTicks += lag.skippedTicks
    this.#maxLagMs = Math.max(this.#maxLagMs, lag.maxLagMs)
    const load = {
      legs,
      maxLagMs: this.#maxLagMs,
      skippedTicks: this.#skippedTicks,
      strangerPackets: this.strangerPackets,
      forgedPackets: this.forgedPackets,
      appendDelayP99Ms: appendDelay.quantileMs(0.99),
      agentFaults: faults,
    }
    if (nowMs >= this.#windowEndMs) {
      this.#windowEndMs = nowMs + WINDOW_MS
      this.#maxLagMs = 0
      appendDelay.clear()
    }
    return load
  }
}
