import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

const PROFILE = 'drachtio_mrf\tprofile\tsip:mod_sofia@127.0.0.1:5999\tRUNNING (0)\n'
const USAGE = '-USAGE: <uuid> [start | stop] [bidirectionalAudio_enabled] [bidirectionalAudio_stream_enabled]\n'

/** What a scripted server says to console commands; one that is not named is unknown to it. */
export const GOOD_ANSWERS: Readonly<Record<string, string>> = {
  'sofia status': PROFILE,
  uuid_audio_fork: USAGE,
  status: '3 session(s) - peak 4, last 5min 4\n200 session(s) max\n',
}

/**
 * The event socket of a FreeSWITCH that has no more than that: it lets in who knows the secret, answers commands by a table, and dies
 * as the test says. It carries no call without `ScriptedChannels`.
 */
export class ScriptedFreeSwitch {
  readonly secret = 'of the test'
  readonly answers = new Map(Object.entries(GOOD_ANSWERS))
  /** Answers what the table does not; null: it does not either. */
  onCommand: (command: string) => string | null = () => null
  /** While true it reads and says nothing, as one that is stopped. */
  frozen = false
  readonly #host: string
  readonly #sockets = new Set<Socket>()
  #server: Server
  port = 0

  private constructor(host: string) {
    this.#host = host
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(host = '127.0.0.1'): Promise<ScriptedFreeSwitch> {
    const peer = new ScriptedFreeSwitch(host)
    await peer.revive()
    return peer
  }

  /** Listens, where it listened before if it did. */
  async revive(): Promise<void> {
    this.#server.listen(this.port, this.#host)
    await once(this.#server, 'listening')
    const address = this.#server.address()
    this.port = typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Ends at once, as by SIGKILL. */
  async kill(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    await closed
    this.#server = createServer((socket) => this.#serve(socket))
  }

  #serve(socket: Socket): void {
    let text = ''
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      if (this.frozen) return
      text += data.toString()
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        socket.write(this.#answer(text.slice(0, end)))
        text = text.slice(end + 2)
      }
    })
    if (!this.frozen) socket.write('Content-Type: auth/request\n\n')
  }

  #answer(command: string): string {
    if (command.startsWith('auth ')) {
      const reply = command === `auth ${this.secret}` ? '+OK accepted' : '-ERR invalid'
      return `Content-Type: command/reply\nReply-Text: ${reply}\n\n`
    }
    if (!command.startsWith('api ')) return 'Content-Type: command/reply\nReply-Text: +OK\n\n'
    const name = command.slice('api '.length)
    const body = this.answers.get(name) ?? this.onCommand(name) ?? `-ERR ${name} Command not found!\n`
    return `Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`
  }
}
