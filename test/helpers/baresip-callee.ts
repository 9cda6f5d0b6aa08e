import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseWav } from '../../lib/media/wav.ts'
import { isListening } from './listening.ts'
import { writeTone } from './tone.ts'
import { until } from './until.ts'

const PORT = 5080
const TONE_SECONDS = 60
/** Samples that are no silence, whatever the codec made of them. */
const LOUD = 1_000

/** A person with a telephone: baresip, which answers every call at once on port 5080 of an address of its own, plays a tone and records what it hears. */
export class BaresipCallee {
  readonly #child: ChildProcess
  readonly #folder: string
  #output = ''

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child
    this.#folder = folder
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
  }

  /** Resolves when it listens. @param user of its address, which INVITEs name */
  static async start(user: string, address: string): Promise<BaresipCallee> {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-callee-'))
    await writeTone(join(folder, 'tone.wav'), TONE_SECONDS)
    await writeFile(join(folder, 'accounts'), `<sip:${user}@${address};transport=udp>;regint=0;answermode=auto\n`)
    await writeFile(join(folder, 'config'), config(folder, address))
    const child = spawn('baresip', ['-f', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    const callee = new BaresipCallee(child, folder)
    await until(async () => child.exitCode !== null || isListening(address, PORT, 'udp'), 'baresip to listen')
    if (child.exitCode !== null) throw new Error(`baresip ended at once: ${callee.#output}`)
    return callee
  }

  /** What it has said so far. */
  get output(): string {
    return this.#output
  }

  /** Ends it; resolves with how many seconds of what it heard were no silence. */
  async stop(): Promise<number> {
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
`
