import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { DEFAULT_PACE } from '../../../lib/agent/local/burst.ts'
import { checkFaults, type Faults } from '../../../lib/agent/local/faults.ts'
import type { ServerOptions, ServerReport } from './server.ts'
import type { AgentNotice, AgentOrder } from './worker.ts'

export interface LocalAgentOptions {
  /** A loopback address to listen on; the default is 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** What a client must show as `Authorization: Bearer …` or `api-key`. */
  readonly apiKey: string
  /** How long a session may last; the default is an hour, as at OpenAI. */
  readonly sessionSeconds?: number
  readonly faults?: Faults
  /** From `response.created` to the first audio; 300 ms. */
  readonly firstDeltaMs?: number
  /** Seconds of audio sent in a second; 8. Infinity for all at once. */
  readonly speedUp?: number
  /** Mean bytes of an audio delta of G.711; 1601, which is no number of frames. */
  readonly deltaBytes?: number
  /** The thread died; calls are refused until it is started anew. Not called after `close`. */
  readonly onLost?: (error: Error) => void
}

/** The local agent, running in a thread of its own. It holds no process alive by itself. */
export interface LocalAgent {
  /** `ws://127.0.0.1:PORT/v1`; a client appends `/realtime?model=…`. */
  readonly baseUrl: string
  readonly port: number
  /** Replaces the faults of all sessions, open and to come. Throws for faults that do not exist. */
  setFaults(faults: Faults): Promise<void>
  /** What each session was sent, has heard and holds. */
  sessions(): Promise<ServerReport>
  /** Closes every session (1001), the port and the thread. Safe to call twice. */
  close(): Promise<void>
}

/** OpenAI's limit of a session. */
const SESSION_SECONDS = 3_600

/**
 * Starts a server of the OpenAI Realtime protocol (GA) on loopback: for a first run without a key, and for tests. It hears when someone
 * speaks and answers by a synthetic voice, and says that it is no AI. `lib/agent/local/dialogue.ts` tells what it answers,
 * `lib/agent/local/faults.ts` how it can be made to fail. Rejects where the port cannot be had.
 */
export async function startLocalAgent(options: LocalAgentOptions): Promise<LocalAgent> {
  const server = readOptions(options)
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: server })
  // Until it listens it keeps the process alive, so that nobody waits for ever.
  const [notice]: AgentNotice[] = await once(worker, 'message')
  if (notice?.kind !== 'listening') {
    await worker.terminate()
    const why = notice?.kind === 'refused' ? notice.message : 'the thread gave no port'
    throw new Error(`The local agent cannot listen on ${server.host}:${server.port}: ${why}`)
  }
  worker.unref()
  const thread = new AgentThread(worker, options.onLost)
  const { port } = notice
  return {
    baseUrl: `ws://${server.host}:${port}/v1`,
    port,
    setFaults: async (faults) => {
      const checked = checkFaults(faults)
      if (!checked.ok) throw new TypeError(checked.error)
      await thread.ask({ kind: 'faults', faults: checked.value })
    },
    sessions: async () => (await thread.ask({ kind: 'report' })) ?? { live: 0, detectors: 0, sessions: [] },
    close: () => thread.close(),
  }
}

function readOptions(options: LocalAgentOptions): ServerOptions {
  const host = options.host ?? '127.0.0.1'
  if (!/^127\.\d+\.\d+\.\d+$/.test(host))
    throw new RangeError(`The local agent listens on loopback only, not on ${host}.`)
  const faults = checkFaults(options.faults ?? {})
  if (!faults.ok) throw new TypeError(faults.error)
  const pace = {
    firstDeltaMs: options.firstDeltaMs ?? DEFAULT_PACE.firstDeltaMs,
    speedUp: options.speedUp ?? DEFAULT_PACE.speedUp,
    deltaBytes: options.deltaBytes ?? DEFAULT_PACE.deltaBytes,
  }
  if (!(pace.firstDeltaMs >= 0 && pace.speedUp > 0 && pace.deltaBytes >= 1)) {
    throw new RangeError(`The pace of the local agent is impossible: ${JSON.stringify(pace)}`)
  }
  const sessionSeconds = options.sessionSeconds ?? SESSION_SECONDS
  if (!(sessionSeconds > 0 && sessionSeconds <= 86_400)) throw new RangeError(`sessionSeconds: ${sessionSeconds}`)
  return { host, port: options.port ?? 0, apiKey: options.apiKey, sessionSeconds, pace, faults: faults.value }
}

type Question = AgentOrder extends infer Order ? (Order extends AgentOrder ? Omit<Order, 'id'> : never) : never

/** Orders to the thread and their answers. */
class AgentThread {
  readonly #worker: Worker
  readonly #asked = new Map<number, (report: ServerReport | undefined) => void>()
  #nextId = 0
  #gone = false
  #closing: Promise<void> | undefined

  constructor(worker: Worker, onLost: ((error: Error) => void) | undefined) {
    this.#worker = worker
    let cause = new Error('The thread of the local agent ended.')
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('message', (notice: AgentNotice) => {
      if (notice.kind === 'done') this.#answer(notice.id, notice.report)
    })
    worker.on('exit', () => {
      this.#gone = true
      for (const id of this.#asked.keys()) this.#answer(id, undefined)
      if (this.#closing === undefined) onLost?.(cause)
    })
  }

  /** Undefined where the thread is gone. */
  ask(question: Question): Promise<ServerReport | undefined> {
    if (this.#gone) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const id = this.#nextId++
      this.#asked.set(id, resolve)
      this.#worker.ref()
      this.#worker.postMessage({ ...question, id } satisfies AgentOrder)
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.ask({ kind: 'close' })
      .then(() => this.#worker.terminate())
      .then(() => undefined)
    return this.#closing
  }

  #answer(id: number, report: ServerReport | undefined): void {
    const resolve = this.#asked.get(id)
    this.#asked.delete(id)
    if (this.#asked.size === 0) this.#worker.unref()
    resolve?.(report)
  }
}
