import net from 'node:net'
import { OpenAIRealtimeWS } from 'openai/realtime/ws'
import type { RealtimeClientEvent, RealtimeServerEvent } from 'openai/resources/realtime/realtime'
import type { LocalAgent } from '../../../app/agent/local/local-agent.ts'

type EventOf<T extends RealtimeServerEvent['type']> = Extract<RealtimeServerEvent, { type: T }>

/** The official client on a local agent, with its events kept in order and a way to wait for one of them. */
export class Client {
  readonly rt: OpenAIRealtimeWS
  readonly events: RealtimeServerEvent[] = []
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  #seen = 0
  #wake: () => void = () => undefined

  constructor(agent: LocalAgent, apiKey: string, model = 'tandem-local', headers: Record<string, string> = {}) {
    const createConnection = (to: net.NetConnectOpts): net.Socket =>
      'port' in to ? net.connect({ host: to.host ?? '127.0.0.1', port: to.port }) : net.connect(to)
    this.rt = new OpenAIRealtimeWS(
      { model, options: { perMessageDeflate: false, headers, createConnection: Object.assign(createConnection) } },
      { apiKey, baseURL: agent.baseUrl },
    )
    // Errors are events as well; without a listener the client rejects a promise that nobody holds.
    this.rt.on('error', () => this.#wake())
    this.rt.on('event', (event) => {
      this.events.push(event)
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      this.rt.socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() })
        this.#wake()
      })
    })
  }

  /** The next event of that type that has not been waited past; rejects when the socket closes first. */
  async next<T extends RealtimeServerEvent['type']>(type: T): Promise<EventOf<T>> {
    for (;;) {
      for (; this.#seen < this.events.length; ) {
        const event = this.events[this.#seen++]
        if (event !== undefined && isType(event, type)) return event
      }
      if (this.rt.socket.readyState > 1) throw new Error(`closed before ${type}; had ${this.types().join(' ')}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  types(): string[] {
    return this.events.map((event) => event.type)
  }

  send(event: RealtimeClientEvent): void {
    this.rt.send(event)
  }

  /** Sends what the types of the client forbid. */
  sendRaw(event: object): void {
    this.rt.socket.send(JSON.stringify(event))
  }

  /** Configures G.711 µ-law with these turns, and waits until it is in force. */
  async useG711(tools: readonly string[] = [], turns: object = {}): Promise<void> {
    await this.next('session.created')
    const format = { type: 'audio/pcmu' as const }
    this.send({
      type: 'session.update',
      session: {
        type: 'realtime',
        audio: {
          input: { format, turn_detection: { type: 'server_vad', silence_duration_ms: 500, ...turns } },
          output: { format, voice: 'marin' },
        },
        tools: tools.map((name) => ({ type: 'function', name, parameters: {} })),
      },
    })
    await this.next('session.updated')
  }

  /** Appends audio in batches of 40 ms of µ-law, as fast as the socket takes them. */
  append(audio: Uint8Array): void {
    for (let at = 0; at < audio.length; at += 320) {
      const piece = Buffer.from(audio.subarray(at, at + 320)).toString('base64')
      this.send({ type: 'input_audio_buffer.append', audio: piece })
    }
  }

  /** The audio of every delta so far of that item, or of all. */
  audio(itemId?: string): Buffer {
    const deltas = this.events.flatMap((event) =>
      event.type === 'response.output_audio.delta' && (itemId === undefined || event.item_id === itemId)
        ? [event.delta]
        : [],
    )
    return Buffer.concat(deltas.map((delta) => Buffer.from(delta, 'base64')))
  }

  async close(): Promise<void> {
    this.rt.close()
    await this.closed
  }
}

const isType = <T extends RealtimeServerEvent['type']>(event: RealtimeServerEvent, type: T): event is EventOf<T> =>
  event.type === type

/** µ-law silence. */
export const silence = (ms: number): Buffer => Buffer.alloc(ms * 8, 0xff)
