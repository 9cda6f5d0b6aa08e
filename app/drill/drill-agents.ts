import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type LocalAgent, startLocalAgent } from '../agent/local/local-agent.ts'

/** Cut sockets are gone within a round trip; nobody waits longer for one that is not. */
const GONE_WITHIN_MS = 1_000
const POLL_MS = 10

/** The one server of all agents of a drill, which can be broken; the nodes' own local agents stand in for it. */
export class DrillAgents {
  readonly #server: LocalAgent
  readonly #apiKey: string

  private constructor(server: LocalAgent, apiKey: string) {
    this.#server = server
    this.#apiKey = apiKey
  }

  /** The agent's backends for a run, as a config file has them: by another model it is a server of which nodes know nothing yet. */
  agent(run: string): Readonly<Record<string, unknown>> {
    return {
      backend: 'custom',
      url: `${this.#server.baseUrl}/realtime`,
      model: run,
      apiKey: this.#apiKey,
      fallback: [{ backend: 'local' }],
    }
  }

  static async start(): Promise<DrillAgents> {
    const apiKey = randomBytes(16).toString('hex')
    return new DrillAgents(await startLocalAgent({ apiKey }), apiKey)
  }

  /** Cuts every conversation. Those that come afterwards are taken again, or refused until `mend`. */
  async breakIt(kind: 'agents-cut' | 'agents-away'): Promise<void> {
    await this.#server.setFaults({ dropAfterMs: 0, refuseStatus: 503 })
    if (kind === 'agents-away') return
    const giveUpAtMs = performance.now() + GONE_WITHIN_MS
    while ((await this.#server.sessions()).live > 0 && performance.now() < giveUpAtMs) await delay(POLL_MS)
    await this.mend()
  }

  mend(): Promise<void> {
    return this.#server.setFaults({})
  }

  close(): Promise<void> {
    return this.#server.close()
  }
}
