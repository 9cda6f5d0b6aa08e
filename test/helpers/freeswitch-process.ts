import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EventSocket } from '../../app/media/freeswitch/event-socket.ts'
import { loopbackAddress } from './loopback.ts'
import { tempFolder } from './postgres.ts'
import { ROOT } from './root.ts'
import { until } from './until.ts'

/** FreeSWITCH as `freeswitch/freeswitch.xml` configures it, with a loopback address of its own in place of 127.0.0.1. */
export class FreeSwitchProcess {
  readonly host: string
  readonly port = 8021
  readonly secret = 'a secret of the test'
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(binary: string, folder: string, host: string) {
    this.#folder = folder
    this.host = host
    const paths = ['conf', 'log', 'db', 'run'].flatMap((name) => [`-${name}`, join(folder, name)])
    this.#child = spawn(binary, ['-nf', '-nc', '-np', '-nonat', '-nonatmap', ...paths], {
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

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await ended
    }
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
