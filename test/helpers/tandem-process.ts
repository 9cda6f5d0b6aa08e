import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { loopbackAddress } from './loopback.ts'
import { tempFolder } from './postgres.ts'
import { postmasterOf } from './process-tree.ts'
import { ROOT } from './root.ts'

export const KEY = 'test-key'
/** The number that every test node answers with its agent. */
export const NUMBER = '+12025550100'
export const GREETING = 'Hello, this is the clinic. How can I help?'

export interface TandemOptions {
  /** `node.id`. */
  readonly id?: string
  /** Keys that replace those of the test config, top level only. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  /** A folder that outlives the node, for restarts; the default is a fresh one that `stop` removes. */
  readonly dataDir?: string
  readonly address?: string
  /** The whole config as text, in place of the test config. */
  readonly configText?: (address: string, dataDir: string) => string
}

/** A node started by the launcher as a user would, on a loopback address of its own. */
export class TandemProcess {
  readonly address: string
  readonly dataDir: string
  readonly #child: ChildProcess
  readonly #ownsData: boolean
  readonly #waiting = new Set<() => void>()
  #output = ''

  private constructor(child: ChildProcess, address: string, dataDir: string, ownsData: boolean) {
    this.#child = child
    this.address = address
    this.dataDir = dataDir
    this.#ownsData = ownsData
    const onLine = (line: string): void => {
      this.#output += `${line}\n`
      for (const wake of [...this.#waiting]) wake()
    }
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) createInterface(stream).on('line', onLine)
    child.on('exit', () => onLine(`exit ${child.exitCode ?? child.signalCode}`))
  }

  /** Resolves when the node says that it is ready for calls. */
  static async start(options: TandemOptions = {}): Promise<TandemProcess> {
    const node = await TandemProcess.launch(options)
    await node.said(/ready for calls/)
    return node
  }

  /** Starts it and waits for nothing. */
  static async launch(options: TandemOptions = {}): Promise<TandemProcess> {
    const address = options.address ?? loopbackAddress()
    const dataDir = options.dataDir ?? (await tempFolder())
    const file = join(dataDir, 'tandem.json')
    const config = { ...testConfig(options.id ?? 'test-1', address, dataDir), ...options.config }
    await writeFile(file, options.configText?.(address, dataDir) ?? JSON.stringify(config))
    const child = spawn(join(ROOT, 'tandem'), ['start', '--config', file], {
      cwd: ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const node = new TandemProcess(child, address, dataDir, options.dataDir === undefined)
    running.add(node)
    return node
  }

  /** Resolves when its output has what the pattern asks for; rejects where the node ends without it. */
  said(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.#output), 30_000, `the node to say ${pattern}`)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves with its exit code when it has ended by itself. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    return this.#child.exitCode
  }

  /** Its config file, for a test that changes it. */
  get configFile(): string {
    return join(this.dataDir, 'tandem.json')
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get output(): string {
    return this.#output
  }

  get url(): string {
    return `http://${this.address}:8080`
  }

  get uri(): string {
    return `sip:${NUMBER}@${this.address}:5060`
  }

  /** Environment with which the launcher's commands find this node. */
  get env(): Record<string, string> {
    return { TANDEM_URL: this.url, TANDEM_API_KEY: KEY }
  }

  async api<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(`${this.url}${path}`, { ...init, headers: { authorization: `Bearer ${KEY}` } })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    const body: T = JSON.parse(await response.text())
    return body
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#write('POST', path, body)
  }

  put<T>(path: string, body: object): Promise<T> {
    return this.#write('PUT', path, body)
  }

  async #write<T>(method: string, path: string, body: object): Promise<T> {
    const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }
    const response = await fetch(`${this.url}${path}`, { method, headers, body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    const answer: T = JSON.parse(await response.text())
    return answer
  }

  /** An answer of the API that is no JSON. */
  async text(path: string): Promise<string> {
    return (await fetch(`${this.url}${path}`, { headers: { authorization: `Bearer ${KEY}` } })).text()
  }

  /** The metrics as Prometheus scrapes them. */
  async metrics(): Promise<string> {
    return this.text('/metrics')
  }

  /** Ends it as an operator would and resolves with its exit code; removes its folder. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM')
      await once(this.#child, 'exit')
    }
    // What those left that were killed in the same folder has ended with it.
    for (const node of running) if (node.dataDir === this.dataDir) running.delete(node)
    if (this.#ownsData) await rm(this.dataDir, { recursive: true, force: true })
    return this.#child.exitCode
  }

  /** kill -9: nothing in the process gets to say goodbye. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }

  /** Leaves nothing behind of a node that its test has not stopped: no process, no Postgres of it, no folder. */
  abandon(): void {
    this.#child.kill('SIGKILL')
    const postmaster = postmasterOf(this.dataDir)
    if (existsSync(`/proc/${postmaster}`)) process.kill(postmaster, 'SIGQUIT')
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  async #until(done: () => boolean, timeoutMs: number, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const check = (): void => {
        const exited = this.#child.exitCode !== null || this.#child.signalCode !== null
        if (!done() && !exited) return
        finish()
        if (done()) resolve()
        else reject(new Error(`the node ended while waiting for ${what}:\n${this.#output}`))
      }
      const timer = setTimeout(() => {
        finish()
        reject(new Error(`waited ${timeoutMs} ms for ${what}:\n${this.#output}`))
      }, timeoutMs)
      const finish = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(check)
      }
      this.#waiting.add(check)
      check()
    })
  }
}

/** Nodes that no test has stopped yet. A test that fails leaves its node to the end of the run. */
const running = new Set<TandemProcess>()
process.on('exit', () => {
  for (const node of running) node.abandon()
})

export function testConfig(id: string, address: string, dataDir: string): Record<string, unknown> {
  return {
    node: { id, address, dataDir },
    sip: { listen: [`udp:${address}:5060`, `tcp:${address}:5060`] },
    http: { listen: `${address}:8080`, keys: [{ name: 'test', key: KEY, role: 'admin' }] },
    agents: { intake: { backend: 'local', instructions: 'You take intake calls.', greeting: GREETING } },
    trunks: [{ id: 'local', sources: ['127.0.0.1'] }],
    groups: { us: { trunks: ['local'] } },
    tenants: [{ id: 'clinic', group: 'us', numbers: [NUMBER], agent: 'intake' }],
  }
}
