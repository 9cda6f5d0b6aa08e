import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseWav } from '../../lib/media/wav.ts'
import { isListening } from './listening.ts'
import { writeTone } from './tone.ts'
import { until } from './until.ts'

const PORT = 5080
/** Where it takes commands. */
const CONTROL_PORT = 4_444
const TONE_SECONDS = 60
/** Samples that are no silence, whatever the codec made of them. */
const LOUD = 1_000

/** A person with a telephone: baresip, which answers every call at once on port 5080 of an address of its own, plays a tone, records what it hears, and obeys. */
export class BaresipCallee {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #address: string
  #output = ''
  #stopped: Promise<number> | null = null

  private constructor(child: ChildProcess, folder: string, address: string) {
    this.#child = child
    this.#folder = folder
    this.#address = address
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
  }

  /** Resolves when it listens. @param user of its address, which INVITEs name @param others further ones */
  static async start(user: string, address: string, ...others: readonly string[]): Promise<BaresipCallee> {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-callee-'))
    await writeTone(join(folder, 'tone.wav'), TONE_SECONDS)
    const accounts = [user, ...others].map(
      (each) => `<sip:${each}@${address};transport=udp>;regint=0;answermode=auto\n`,
    )
    await writeFile(join(folder, 'accounts'), accounts.join(''))
    await writeFile(join(folder, 'config'), config(folder, address))
    const child = spawn('baresip', ['-f', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    const callee = new BaresipCallee(child, folder, address)
    await until(async () => child.exitCode !== null || isListening(address, PORT, 'udp'), 'baresip to listen')
    if (child.exitCode !== null) throw new Error(`baresip ended at once: ${callee.#output}`)
    return callee
  }

  /** What it has said so far. */
  get output(): string {
    return this.#output
  }

  /** A command of its menu, such as `dial` or `transfer`; resolves with its answer. */
  async obey(command: string, params: string): Promise<string> {
    const socket = connect(CONTROL_PORT, this.#address)
    try {
      const order = JSON.stringify({ command, params })
      socket.write(`${order.length}:${order},`)
      const [answer] = await once(socket, 'data')
      return String(answer)
    } finally {
      socket.destroy()
    }
  }

  /** Ends it; resolves with how many seconds of what it heard were no silence. Safe to call twice. */
  stop(): Promise<number> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<number> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('-dec.wav'))
    const calls = await Promise.all(names.map(async (name) => parseWav(await readFile(join(this.#folder, name)))))
    await rm(this.#folder, { recursive: true, force: true })
    const heard = calls.flatMap((call) => (call.ok ? [...call.value] : []))
    return heard.filter((sample) => Math.abs(sample) > LOUD).length / 8_000
  }
}

const config = (folder: string, address: string): string => `
ctrl_tcp_listen ${address}:${CONTROL_PORT}
poll_method epoll
sip_listen ${address}:${PORT}
audio_source aufile,${join(folder, 'tone.wav')}
audio_player aufile,${join(folder, 'heard.wav')}
audio_alert aufile,${join(folder, 'alert.wav')}
rtp_ports 26000-26100
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
snd_path ${folder}
module account.so
module menu.so
module ctrl_tcp.so
`
