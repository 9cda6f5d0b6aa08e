import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import type { CallOrder, OrderOutcome } from '../lib/call/call-order.ts'
import type { Config } from '../lib/config/resolve.ts'
import { type Common, workerConfig } from '../lib/config/share.ts'
import { withDeadline } from './deadline.ts'
import type { Log } from './observe/log.ts'
import type { Parts } from './parts.ts'
import type { Sip } from './signaling/sip-side.ts'
import type { GuestVerdict } from './sip/server.ts'
import type { Store } from './store/store.ts'
import { Supervised } from './supervised.ts'
import type { FromCallWorker, ToCallWorker } from './worker-messages.ts'

/** A process that was lost, and could not be started anew, is tried again after this long. */
const RETRY_MS = 1_000

/** How long a process may take to hang up and write its records, before it is killed. */
const CLOSE_MS = 15_000

/** How long a process may take to say whether it has a call, and what came of an order. */
const ANSWER_MS = 5_000

const ABSENT: OrderOutcome = { kind: 'absent' }

export interface CallWorkersOptions {
  /** The whole node's. */
  readonly config: Config
  readonly common: Common
  /** Hears what came of a stranger's credentials; null where the SIP server is none of ours. */
  readonly judgeGuest: ((address: string, verdict: GuestVerdict) => void) | null
  readonly log: Log
}

/** Starts the further processes of a node, where its config asks for any; they have none themselves. */
export async function startCallWorkers(
  { config, isWorker, sip, store, log }: NodeParts,
  parts: Parts,
): Promise<CallWorkers | null> {
  if (isWorker || config.sip.workers === 1) return null
  const { engine } = config.sip
  const { embedded } = sip
  const choice = engine.kind === 'drachtio' ? engine : embedded?.place
  if (choice === undefined) throw new Error('an embedded SIP server without a place to connect to')
  const common = { sip: choice, postgresUrl: store.postgresUrl }
  return CallWorkers.start({ config, common, judgeGuest: embedded?.judgeGuest ?? null, log }, parts)
}

interface NodeParts {
  /** The whole node's. */
  readonly config: Config
  readonly isWorker: boolean
  readonly sip: Pick<Sip, 'embedded'>
  readonly store: Pick<Store, 'postgresUrl'>
  readonly log: Log
}

/** The further processes that handle calls of this node (`sip.workers`), each an application of the same SIP server. */
export class CallWorkers {
  readonly #all: readonly Supervised<CallWorker>[]
  #config: Config

  private constructor(all: readonly Supervised<CallWorker>[], config: Config) {
    this.#all = all
    this.#config = config
  }

  /** Resolves when all of them take calls; rejects where one does not start. */
  static async start(options: CallWorkersOptions, parts: Parts): Promise<CallWorkers> {
    const { log } = options
    const all: Supervised<CallWorker>[] = []
    const workers = new CallWorkers(all, options.config)
    parts.add('call workers', () => workers.#close())
    const indexes = Array.from({ length: options.config.sip.workers - 1 }, (_, i) => i + 1)
    const started = await Promise.all(
      indexes.map((index) =>
        Supervised.start({
          start: (onLost) => CallWorker.start({ ...options, config: workers.#config, index }, onLost),
          onLost: (error) =>
            log.log.error({ err: error, worker: index + 1 }, 'a call worker was lost; it is started anew'),
          retryMs: RETRY_MS,
        }),
      ),
    )
    all.push(...started)
    return workers
  }

  /** Takes a config read anew. */
  reload(config: Config): void {
    this.#config = config
    for (const worker of this.#living) worker.reload(config)
  }

  /** Has done to a call what an operator wants, where one of them has it. */
  async obey(call: string, order: CallOrder): Promise<OrderOutcome> {
    const outcomes = await Promise.all(this.#living.map((worker) => worker.obey(call, order)))
    return outcomes.find(({ kind }) => kind !== 'absent') ?? ABSENT
  }

  /** The node may have been taken for dead: they verify their calls. */
  doubt(): void {
    for (const worker of this.#living) worker.doubt()
  }

  /** They take no new calls; resolves when those on the line have ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#living.map((worker) => worker.drain()))
  }

  /** Those that are not being started anew. */
  get #living(): readonly CallWorker[] {
    return this.#all.flatMap(({ part }) => part ?? [])
  }

  async #close(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.close()))
  }
}

class CallWorker {
  readonly #child: ChildProcess
  readonly #options: CallWorkersOptions & { readonly index: number }
  readonly #asked = new Map<number, (outcome: OrderOutcome) => void>()
  readonly #drained: Promise<void>
  #onDrained: () => void = () => undefined
  #asks = 0

  static async start(
    options: CallWorkersOptions & { readonly index: number },
    onLost: (error: Error | undefined) => void,
  ): Promise<CallWorker> {
    const child = fork(new URL('./call-worker.js', import.meta.url), {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const worker = new CallWorker(child, options)
    await worker.#ready()
    child.once('exit', (code, signal) => onLost(new Error(`it ended with ${signal ?? code}`)))
    return worker
  }

  private constructor(child: ChildProcess, options: CallWorkersOptions & { readonly index: number }) {
    this.#child = child
    this.#options = options
    this.#drained = new Promise((resolve) => {
      this.#onDrained = resolve
    })
    // Whoever waits for a process that is gone waits no longer.
    child.once('exit', () => {
      this.#onDrained()
      for (const answer of this.#asked.values()) answer(ABSENT)
    })
  }

  reload(config: Config): void {
    this.#send({ kind: 'reload', config: this.#share(config) })
  }

  async obey(call: string, order: CallOrder): Promise<OrderOutcome> {
    this.#asks += 1
    const ask = this.#asks
    let outcome: OrderOutcome = ABSENT
    const answered = new Promise<void>((resolve) =>
      this.#asked.set(ask, (said) => {
        outcome = said
        resolve()
      }),
    )
    this.#send({ kind: 'order', ask, call, order })
    await withDeadline(answered, ANSWER_MS)
    this.#asked.delete(ask)
    return outcome
  }

  doubt(): void {
    this.#send({ kind: 'doubt' })
  }

  async drain(): Promise<void> {
    this.#send({ kind: 'drain' })
    await this.#drained
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit').then(() => undefined)
    this.#send({ kind: 'close' })
    await withDeadline(exited, CLOSE_MS)
    child.kill('SIGKILL')
    await exited
  }

  async #ready(): Promise<void> {
    const child = this.#child
    const { config, judgeGuest } = this.#options
    const { id, dataDir } = config.node
    const started = new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`a call worker ended at its start with ${code}`)))
      child.on('message', (message: FromCallWorker) => {
        if (message.kind === 'ready') resolve()
        else if (message.kind === 'failed') reject(new Error(`a call worker did not start: ${message.message}`))
        else this.#onMessage(message)
      })
    })
    const node = { id, dataDir, hasServer: judgeGuest !== null }
    this.#send({ kind: 'start', config: this.#share(config), node })
    await started
  }

  #onMessage(message: Exclude<FromCallWorker, { readonly kind: 'ready' | 'failed' }>): void {
    if (message.kind === 'drained') this.#onDrained()
    else if (message.kind === 'guest') this.#options.judgeGuest?.(message.address, message.verdict)
    else this.#asked.get(message.ask)?.(message.outcome)
  }

  #share(config: Config): Config {
    return workerConfig(config, this.#options.index, availableParallelism(), this.#options.common)
  }

  #send(message: ToCallWorker): void {
    if (this.#child.connected) this.#child.send(message, () => undefined)
  }
}
