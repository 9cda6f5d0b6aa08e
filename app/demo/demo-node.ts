import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DEMO_HTTP_PORT, type DemoNodePlace } from '../../lib/demo/fleet-config.ts'
import { withDeadline } from '../deadline.ts'
import { NodeApi } from './node-api.ts'

/** The command line itself: a demo node is started as a user starts one. */
const ENTRY = fileURLToPath(new URL('../tandem.js', import.meta.url))
const READY = /ready for calls/
const START_TIMEOUT_MS = 60_000
/** SIGTERM drains, a second one hangs up: a node that does not end then is killed. */
const STOP_TIMEOUT_MS = 8_000
/** What it said last, for the message of one that does not start. */
const KEPT_LINES = 30

/** One node of a demo: a process of its own, `tandem start --config FILE`. */
export class DemoNode {
  readonly id: string
  readonly address: string
  readonly api: NodeApi
  readonly #file: string
  #child: ChildProcess
  #serving = false
  readonly #lines: string[] = []
  readonly #onExit = (): void => void this.#child.kill('SIGKILL')

  private constructor({ id, address }: DemoNodePlace, file: string, apiKey: string) {
    this.id = id
    this.address = address
    this.api = new NodeApi(`http://${address}:${DEMO_HTTP_PORT}`, apiKey)
    this.#file = file
    this.#child = launch(file)
    // Whatever ends this process takes the node with it.
    process.on('exit', this.#onExit)
  }

  /** Resolves when it is ready for calls; rejects with its last words where it ends before. */
  static async start(
    place: DemoNodePlace,
    config: Readonly<Record<string, unknown>>,
    apiKey: string,
  ): Promise<DemoNode> {
    const file = join(place.dataDir, 'tandem.json')
    await writeFile(file, JSON.stringify(config))
    const node = new DemoNode(place, file, apiKey)
    try {
      await node.#ready()
    } catch (error) {
      await node.close()
      throw error
    }
    return node
  }

  /** Writes its config anew; it takes it up by itself and says so by `config.reloaded`. */
  async writeConfig(config: Readonly<Record<string, unknown>>): Promise<void> {
    await writeFile(`${this.#file}.new`, JSON.stringify(config))
    await rename(`${this.#file}.new`, this.#file)
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** False: it has ended, by itself or otherwise. */
  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Ready for calls, and nobody has told it to end. */
  get serving(): boolean {
    return this.#serving && this.runs
  }

  /** The last lines that it wrote. */
  get lastWords(): string {
    return this.#lines.join('\n')
  }

  /** kill -9: nobody is told. */
  async kill(): Promise<void> {
    await this.#end(() => this.#child.kill('SIGKILL'))
  }

  /** Starts it anew with the config that it had; resolves when it is ready for calls. */
  async revive(): Promise<void> {
    if (this.runs) return
    this.#child = launch(this.#file)
    await this.#ready()
  }

  /** Hangs up whoever is left, and resolves when it is gone. */
  async close(): Promise<void> {
    await withDeadline(
      this.#end(() => {
        this.#child.kill('SIGTERM')
        this.#child.kill('SIGINT')
      }),
      STOP_TIMEOUT_MS,
    )
    await this.kill()
    process.off('exit', this.#onExit)
  }

  async #end(signal: () => void): Promise<void> {
    if (!this.runs) return
    this.#serving = false
    const ended = once(this.#child, 'exit')
    signal()
    await ended
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(`is not ready after ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS)
      const fail = (what: string): void => {
        clearTimeout(timer)
        reject(new Error(`node ${this.id} ${what}:\n${this.lastWords}`))
      }
      const onLine = (line: string): void => {
        this.#lines.push(line)
        if (this.#lines.length > KEPT_LINES) this.#lines.shift()
        if (!READY.test(line)) return
        clearTimeout(timer)
        this.#serving = true
        resolve()
      }
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        if (stream !== null) createInterface(stream).on('line', onLine)
      }
      this.#child.once('error', (error) => fail(`cannot be run: ${error.message}`))
      this.#child.once('exit', () => fail('ended'))
    })
  }
}

/** In a process group of its own: a Ctrl-C in the terminal is for the demo, which ends its nodes in good order. */
function launch(file: string): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, ENTRY, 'start', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
}
