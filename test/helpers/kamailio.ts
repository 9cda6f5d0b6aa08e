import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isListening } from './listening.ts'
import { until } from './until.ts'

export interface KamailioOptions {
  readonly address: string
  /** Whom it answers. */
  readonly caller: string
  /** Whether it keeps a transaction for each INVITE, and so repeats a 302 that is lost. */
  readonly stateful: boolean
  /** Processes that take requests. */
  readonly children: number
  /** Value of the Contact header; `$rU` in it is the dialled number. */
  readonly contact: string
}

const PORT = 5060
const QUIT_MS = 5_000

/** Kamailio (Debian's package) as a redirect server: it answers every INVITE of one caller 302, and logs nothing. */
export class Kamailio {
  readonly address: string
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(child: ChildProcess, address: string, folder: string) {
    this.#child = child
    this.address = address
    this.#folder = folder
  }

  /** Resolves when it listens. */
  static async start(options: KamailioOptions): Promise<Kamailio> {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-kamailio-'))
    const config = join(folder, 'kamailio.cfg')
    await writeFile(config, script(options))
    const child = spawn('kamailio', ['-f', config, '-DD', '-E', '-Y', folder, '-m', '256', '-M', '16'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const kamailio = new Kamailio(child, options.address, folder)
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000)
    })
    await until(async () => child.exitCode !== null || isListening(options.address, PORT), 'Kamailio to listen')
    if (child.exitCode === null) return kamailio
    await kamailio.stop()
    throw new Error(`Kamailio ended at once: ${said}`)
  }

  /** Its first process, the parent of all others. */
  get pid(): number {
    return this.#child.pid ?? -1
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const late = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_MS)
      await ended
      clearTimeout(late)
    }
    await rm(this.#folder, { recursive: true, force: true })
  }

  static async version(): Promise<string> {
    const child = spawn('kamailio', ['-v'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const text = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.on('error', reject)
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        said += part
      })
      child.on('close', () => resolve(said))
    })
    return /kamailio (\d+\.\d+\.\d+)/.exec(text)?.[1] ?? 'unknown'
  }
}

/** The same answer as ours, in so few lines as it takes. */
const script = ({ address, caller, stateful, children, contact }: KamailioOptions): string => `#!KAMAILIO
debug=-1
log_stderror=yes
children=${children}
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:${address}:${PORT}
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "textops.so"
request_route {
  if (src_ip != ${caller}) drop;
  if (is_method("ACK")) { ${stateful ? 't_check_trans(); ' : ''}exit; }
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  ${stateful ? 'if (!t_newtran()) exit;' : ''}
  append_to_reply("Contact: ${contact}\\r\\nExpires: 30\\r\\nReason: Q.850;cause=38;text=\\"trunk is degraded\\"\\r\\n");
  ${stateful ? 't_reply' : 'sl_send_reply'}("302", "Moved Temporarily");
}
`
