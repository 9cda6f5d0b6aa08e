import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EventSocket } from '../../app/media/freeswitch/event-socket.ts'
import { parseStatus } from '../../lib/media/freeswitch-facts.ts'
import { loopbackAddress } from './loopback.ts'
import { tempFolder } from './postgres.ts'
import { ROOT } from './root.ts'
import { until } from './until.ts'

/** FreeSWITCH as `freeswitch/freeswitch.xml` configures it, with a loopback address of its own in place of 127.0.0.1. */
export class FreeSwitchProcess {
  readonly host: string
  readonly port = 8021
  readonly secret = 'a secret of the test'
  readonly #binary: string
  readonly #folder: string
  #child: ChildProcess

  private constructor(binary: string, folder: string, host: string) {
    this.#binary = binary
    this.#folder = folder
    this.host = host
    this.#child = this.#spawn()
  }

  #spawn(): ChildProcess {
    const folder = this.#folder
    const paths = ['conf', 'log', 'db', 'run'].flatMap((name) => [`-${name}`, join(folder, name)])
    return spawn(this.#binary, ['-nf', '-nc', '-np', '-nonat', '-nonatmap', ...paths], {
      stdio: 'ignore',
      env: {
        ...process.env,
        FREESWITCH_BIND: this.host,
        FREESWITCH_ADDRESS: this.host,
        FREESWITCH_PASSWORD: this.secret,
      },
    })
  }

  /** Resolves when its event socket lets us in. */
  static async start(binary: string): Promise<FreeSwitchProcess> {
    const folder = await tempFolder()
    await Promise.all(['conf', 'log', 'db', 'run'].map((name) => mkdir(join(folder, name))))
    const host = loopbackAddress()
    const config = await readFile(join(ROOT, 'freeswitch', 'freeswitch.xml'), 'utf8')
    await writeFile(join(folder, 'conf', 'freeswitch.xml'), config.replaceAll('"127.0.0.1"', `"${host}"`))
    const server = new FreeSwitchProcess(binary, folder, host)
    await until(() => server.#answers(), 'FreeSWITCH', 20_000)
    return server
  }

  /** As `media.engine` has it, with as many servers as are given. */
  static url(first: FreeSwitchProcess, ...others: readonly FreeSwitchProcess[]): string {
    const places = [first, ...others].map(({ host, port }) => `${host}:${port}`)
    return `freeswitch://:${encodeURIComponent(first.secret)}@${places.join()}`
  }

  /** SIGSTOP and SIGCONT: it stands still and goes on. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  /** Starts it again on the same addresses, once it is gone; resolves when its event socket lets us in. */
  async revive(): Promise<void> {
    this.#child = this.#spawn()
    await until(() => this.#answers(), 'FreeSWITCH', 20_000)
  }

  /** How many sessions it has. */
  async sessions(): Promise<number> {
    const { host, port, secret } = this
    const socket = await EventSocket.connect({ host, port, secret, onEnd: () => undefined })
    const load = parseStatus(await socket.api('status'))
    socket.close()
    return load?.sessions ?? Number.NaN
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #answers(): Promise<boolean> {
    try {
      const { host, port, secret } = this
      const socket = await EventSocket.connect({ host, port, secret, onEnd: () => undefined })
      const profile = await socket.api('sofia status')
      socket.close()
      return profile.includes('RUNNING')
    } catch {
      return false
    }
  }
}
