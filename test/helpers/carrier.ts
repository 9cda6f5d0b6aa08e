import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isListening } from './listening.ts'
import { ROOT } from './root.ts'
import { lastRow } from './sipp.ts'
import { until } from './until.ts'

export interface CarrierOptions {
  /** One of sipp-scenarios/, that of a callee. */
  readonly scenario: string
  readonly address: string
  /** What `uas-refuses` says instead of `503 Service Unavailable`. */
  readonly status?: string
  /** `-d`: how long a pause without its own length lasts. */
  readonly pauseMs?: number
  readonly tcp?: boolean
  /** Answers 200 to every OPTIONS; each counts as a call that came. */
  readonly answersOptions?: boolean
}

const PORT = 5080
/** SIPp waits for calls under way, and keeps those that have ended for a while. */
const QUIT_MS = 6_000

/** A carrier that takes calls: SIPp as UAS, on port 5080 of an address of its own, until it is stopped. */
export class Carrier {
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child
    this.#folder = folder
  }

  /** Resolves when it listens. */
  static async start({
    scenario,
    address,
    status = '503 Service Unavailable',
    pauseMs = 500,
    tcp = false,
    answersOptions = false,
  }: CarrierOptions): Promise<Carrier> {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-carrier-'))
    const script = await readFile(join(ROOT, 'sipp-scenarios', `${scenario}.xml`), 'utf8')
    await writeFile(join(folder, 'scenario.xml'), script.replace('503 Service Unavailable', status))
    const args = [
      ...['-sf', join(folder, 'scenario.xml'), '-i', address, '-mi', address, '-p', String(PORT)],
      ...['-d', String(pauseMs), '-nostdin', '-trace_err', '-error_file', join(folder, 'errors')],
      ...['-trace_stat', '-stf', join(folder, 'stats'), '-fd', '1'],
      ...(tcp ? ['-t', 't1'] : []),
      ...(answersOptions ? ['-aa'] : []),
    ]
    const child = spawn('sipp', args, { stdio: 'ignore' })
    const carrier = new Carrier(child, folder)
    await until(
      async () => child.exitCode !== null || isListening(address, PORT, tcp ? 'tcp' : 'udp'),
      'SIPp to listen',
    )
    if (child.exitCode !== null) throw new Error(`SIPp ended at once: ${(await carrier.stop()).errors}`)
    return carrier
  }

  /** It stands still as a machine does that hangs: what comes waits in its socket. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** It is gone at once, with all its calls; nobody listens at its address any more. */
  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** Ends it, and says what came: INVITEs, and what went otherwise than its scenario says. */
  async stop(): Promise<{ readonly calls: number; readonly failed: number; readonly errors: string }> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      // SIGUSR1 lets SIPp write its last statistics and wait for calls under way; a second one ends those too.
      this.#child.kill('SIGUSR1')
      this.#child.kill('SIGCONT')
      const late = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_MS)
      await once(this.#child, 'exit')
      clearTimeout(late)
    }
    const stats = lastRow(await readFile(join(this.#folder, 'stats'), 'utf8').catch(() => ''))
    const errors = await readFile(join(this.#folder, 'errors'), 'utf8').catch(() => '')
    await rm(this.#folder, { recursive: true, force: true })
    return { calls: Number(stats.get('IncomingCall(C)') ?? 0), failed: Number(stats.get('FailedCall(C)') ?? 0), errors }
  }
}
