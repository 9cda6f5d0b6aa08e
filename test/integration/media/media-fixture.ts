import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EmbeddedMedia, type MediaOptions, startMedia } from '../../../app/media/embedded/engine.ts'
import type { LegEvent, LegSpec, MediaEngine, MediaLeg, SrtpSpec, TalkerSpec } from '../../../app/media/port.ts'
import type { RecordingSpec } from '../../../app/recordings/writer.ts'
import { callId, legId } from '../../../lib/core/ids.ts'
import { emptyRtpHeader, parseRtp, RTP_HEADER_BYTES, type RtpHeader, writeRtpHeader } from '../../../lib/media/rtp.ts'
import { formatWavHeader, parseWav } from '../../../lib/media/wav.ts'

export const HOST = '127.0.0.1'

/** An agent that says back what it hears (echo-talker.ts). */
export const ECHO: TalkerSpec = {
  kind: 'agent',
  agent: {
    backends: [
      { id: 'a/0', kind: 'local', baseUrl: 'ws://127.0.0.1:1', model: 'none', apiKey: '', renewBeforeMs: 600_000 },
    ],
    voice: '',
    instructions: '',
    greeting: '',
    tools: [],
    variables: {},
    connectTimeoutMs: 1000,
    reconnectForMs: 30_000,
    comfortAfterMs: 300,
    batchMs: 40,
  },
}

/** Below the ports that the kernel gives to whoever asks for any: one of those may be taken at any moment by another test. */
const FIRST_PORT = 22_000
/** Each process that runs tests has a part of its own, as two run side by side. */
const PARTS = 50
const PART_PORTS = 200
let next = 0

/** A range of even size that nobody uses now. */
export async function freeRange(pairs: number): Promise<{ from: number; to: number }> {
  const size = pairs * 2
  const first = FIRST_PORT + (process.pid % PARTS) * PART_PORTS
  for (let tries = 0; tries < PART_PORTS; tries++) {
    if (next + size > PART_PORTS) next = 0
    const from = first + next
    next += size
    if (await areFree(from, size)) return { from, to: from + size - 1 }
  }
  throw new Error(`no ${size} ports in a row are free from ${first} to ${first + PART_PORTS - 1}`)
}

async function areFree(from: number, size: number): Promise<boolean> {
  const sockets = Array.from({ length: size }, () => createSocket('udp4'))
  try {
    await Promise.all(
      sockets.map((socket, i) => {
        socket.bind(from + i, HOST)
        return once(socket, 'listening')
      }),
    )
    return true
  } catch {
    return false
  } finally {
    await Promise.all(sockets.map(closeSocket))
  }
}

export async function startEngine(options: Partial<MediaOptions> & { pairs?: number } = {}): Promise<EmbeddedMedia> {
  const { pairs = 8, ...rest } = options
  return startMedia({
    address: HOST,
    rtpPorts: await freeRange(pairs),
    workers: 1,
    codecs: ['PCMU', 'PCMA', 'G722', 'opus'],
    onWarning: (message) => {
      throw new Error(`unexpected warning: ${message}`)
    },
    agentTalkerModule: new URL('./echo-talker.js', import.meta.url).href,
    ...rest,
  })
}

/** A leg with its events, which can be waited for. */
export class TestLeg {
  readonly events: LegEvent[] = []
  readonly #waiting: { kind: string; resolve: (event: LegEvent) => void }[] = []
  readonly media: MediaLeg

  private constructor(media: MediaLeg) {
    this.media = media
  }

  static async open(
    engine: Pick<MediaEngine, 'open'>,
    talker: TalkerSpec,
    recording: RecordingSpec | null = null,
    srtp: SrtpSpec = 'off',
    more: Partial<LegSpec> = {},
  ): Promise<TestLeg> {
    const early: LegEvent[] = []
    let leg: TestLeg | null = null
    const media = await engine.open({
      callId: callId('01JD0000000000000000000000'),
      legId: legId('leg'),
      talker,
      recording,
      srtp,
      ...more,
      onEvent: (event) => (leg === null ? early.push(event) : leg.#onEvent(event)),
    })
    leg = new TestLeg(media)
    for (const event of early) leg.#onEvent(event)
    return leg
  }

  /** The first event of the kind, past or to come. */
  event<K extends LegEvent['kind']>(kind: K): Promise<Extract<LegEvent, { kind: K }>> {
    const isOfKind = (event: LegEvent): event is Extract<LegEvent, { kind: K }> => event.kind === kind
    const past = this.events.find(isOfKind)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((resolve) => {
      this.#waiting.push({
        kind,
        resolve: (event) => {
          if (isOfKind(event)) resolve(event)
        },
      })
    })
  }

  #onEvent(event: LegEvent): void {
    this.events.push(event)
    for (const { kind, resolve } of this.#waiting) if (kind === event.kind) resolve(event)
  }
}

/** Offer and answer between two legs, as a SIP dialog between them would. */
export async function connect(caller: TestLeg, callee: TestLeg): Promise<void> {
  const answer = await callee.media.answer(await caller.media.offer())
  if (!answer.ok) throw new Error(answer.error.message)
  const accepted = await caller.media.accept(answer.value)
  if (!accepted.ok) throw new Error(accepted.error.message)
}

export async function inTempDir<T>(run: (path: (name: string) => string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-media-'))
  try {
    return await run((name) => join(folder, name))
  } finally {
    await rm(folder, { recursive: true })
  }
}

export async function writeWav(path: string, samples: Int16Array): Promise<void> {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)
  await writeFile(path, Buffer.concat([formatWavHeader(data.length), data]))
}

export function readWavSamples(file: Buffer): Int16Array {
  const parsed = parseWav(file)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

/** A far end made of one UDP socket, for what no phone of ours would do. */
export class RawPeer {
  readonly socket: Socket
  readonly ssrc: number
  sequence = 1000
  timestamp = 50_000

  private constructor(socket: Socket, ssrc: number) {
    this.socket = socket
    this.ssrc = ssrc
  }

  static async open(ssrc = 0x1234): Promise<RawPeer> {
    return new RawPeer(await udpSocket(), ssrc)
  }

  get port(): number {
    return this.socket.address().port
  }

  offer(extra: readonly string[] = [], direction = 'sendrecv', version = 1): string {
    return [
      'v=0',
      `o=- 1 ${version} IN IP4 ${HOST}`,
      's=-',
      `c=IN IP4 ${HOST}`,
      't=0 0',
      `m=audio ${this.port} RTP/AVP 0 101`,
      'a=rtpmap:101 telephone-event/8000',
      `a=${direction}`,
      ...extra,
      '',
    ].join('\r\n')
  }

  /** Sends audio and moves the stream on by its length. */
  send(port: number, payload: Uint8Array, payloadType = 0): void {
    const packet = Buffer.alloc(RTP_HEADER_BYTES + payload.length)
    const { sequence, timestamp, ssrc } = this
    writeRtpHeader(packet, { payloadType, marker: false, sequence, timestamp, ssrc })
    packet.set(payload, RTP_HEADER_BYTES)
    this.socket.send(packet, port, HOST)
    this.sequence = (this.sequence + 1) & 0xffff
    this.timestamp += payload.length
  }

  /** The next packet that `wanted` accepts. */
  async receive(wanted: (header: RtpHeader, payload: Buffer) => boolean): Promise<void> {
    for (;;) {
      const [packet]: Buffer[] = await once(this.socket, 'message')
      const header = emptyRtpHeader()
      if (packet === undefined || parseRtp(packet, header) !== null) continue
      if (wanted(header, packet.subarray(header.payloadStart, header.payloadEnd))) return
    }
  }

  close(): Promise<void> {
    return closeSocket(this.socket)
  }
}

export function audioPort(sdp: string): number {
  const port = /m=audio (\d+) /.exec(sdp)?.[1]
  if (port === undefined) throw new Error('no audio port')
  return Number(port)
}

async function udpSocket(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, HOST)
  await once(socket, 'listening')
  return socket
}

const closeSocket = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.close(() => resolve())
  })
