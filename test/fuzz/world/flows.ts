import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { STREAM_LIMITS, StreamTransport } from '../../../app/sip/transport/stream.ts'
import { TCP } from '../../../app/sip/transport/stream-kind.ts'
import type { Arrival, Standing, TransportHandler } from '../../../app/sip/transport/transport.ts'
import { mutate } from '../mutate.ts'
import { Prng } from '../prng.ts'
import { SIP_CORPUS, SIP_WORDS } from '../targets/sip-message.ts'
import type { World } from './world.ts'

const HOST = '127.0.0.1'

/** Connections of one sequence at most, and what each says. */
const MAX_CONNECTIONS = 8
const MAX_WRITES = 6

/** How long the last connections may take to go. */
const PATIENCE_MS = 5_000

/** What is answered to a message. */
const REPLY = Buffer.from('SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n')

/** The TCP transport with peers that connect, say anything in pieces, and leave in every way there is. Its sockets are real. */
export class FlowsWorld implements World, TransportHandler {
  #transport: StreamTransport | undefined
  #prng = new Prng(1)
  messages = 0

  static async open(): Promise<FlowsWorld> {
    const world = new FlowsWorld()
    const listening = await StreamTransport.listen(TCP, { host: HOST, port: 0 }, world, STREAM_LIMITS)
    if (!listening.ok) throw new Error(listening.error.message)
    world.#transport = listening.value
    return world
  }

  get #open(): StreamTransport {
    if (this.#transport === undefined) throw new Error('the transport is not open')
    return this.#transport
  }

  standingOf(): Standing {
    return this.#prng.pick(['known', 'known', 'stranger', 'banned'])
  }

  onMessage(_bytes: Buffer, { remoteHost, remotePort, flow }: Arrival): void {
    this.messages += 1
    if (this.#prng.oneIn(3)) return
    const gone = this.#prng.oneIn(10)
    const remote = {
      protocol: 'tcp',
      host: remoteHost,
      port: gone ? 9 : remotePort,
      flow: gone ? undefined : flow,
    } as const
    this.#open.send(REPLY, remote, () => {})
  }

  onTrouble(): void {}

  async play(prng: Prng): Promise<void> {
    this.#prng = prng
    const peers = Array.from({ length: 1 + prng.below(MAX_CONNECTIONS) }, () => this.#peer())
    await Promise.all(peers)
    const deadlineMs = performance.now() + PATIENCE_MS
    while (this.#open.connectionCount > 0) {
      if (performance.now() > deadlineMs)
        throw new Error(`left when all have gone: flows ${this.#open.connectionCount}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async close(): Promise<void> {
    await this.#open.close()
  }

  /** One peer, from its first word to its last. */
  async #peer(): Promise<void> {
    const prng = this.#prng
    const socket = connect(this.#open.local.port, HOST)
    socket.on('error', () => socket.destroy())
    const closed = once(socket, 'close').catch(() => {})
    for (let i = prng.below(MAX_WRITES); i > 0; i--) await this.#say(socket)
    if (prng.oneIn(3)) socket.destroy()
    else if (prng.oneIn(2)) socket.resetAndDestroy()
    else socket.end()
    // Who has only closed its own half is closed by the server where that has understood it; else it goes by itself.
    setTimeout(() => socket.destroy(), 50)
    socket.resume()
    await closed
  }

  async #say(socket: Socket): Promise<void> {
    const prng = this.#prng
    const bytes = prng.oneIn(2) ? prng.pick(SIP_CORPUS) : mutate(SIP_CORPUS, SIP_WORDS, prng)
    const at = prng.below(bytes.length + 1)
    for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) {
      if (socket.destroyed) return
      socket.write(piece)
      if (prng.oneIn(2)) await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
