import { randomBytes } from 'node:crypto'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { AgentSpec } from '../../lib/agent/spec.ts'
import type { Standing } from '../../lib/agent/succession.ts'
import { assertNever } from '../../lib/core/assert-never.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { supportedCodecs } from '../../lib/sip/codecs.ts'
import { isSuiteName, type SuiteName } from '../../lib/sip/crypto-suite.ts'
import { keysInLines, MASTER_KEYS_BYTES, type MasterKeys, masterKeysOf } from '../../lib/sip/sdes.ts'
import type { AgentMeter } from '../agent/meter.ts'
import { ComfortTalker } from './comfort-talker.ts'
import { Leg } from './embedded/leg.ts'
import { newLegMemory } from './embedded/leg-memory.ts'
import type {
  FromWorker,
  LegHandle,
  OpenRefusal,
  ReplyBody,
  Request,
  ToWorker,
  WorkerOptions,
} from './embedded/protocol.ts'
import { SocketPair } from './embedded/socket-pair.ts'
import { TickWheel } from './embedded/tick-wheel.ts'
import { WorkerMeter } from './embedded/worker-meter.ts'
import { ForkServer } from './freeswitch/fork-server.ts'
import { Voice } from './freeswitch/voice.ts'
import { JointTalker } from './joint-talker.ts'
import { openPhone } from './phone.ts'
import type { LegSummary, Standings, TalkerSpec } from './port.ts'
import { SilentTalker } from './silent-talker.ts'
import type { EmitLegEvent, Talker } from './talker.ts'

/** How often the main thread hears of this worker's load. */
const LOAD_INTERVAL_MS = 2000

interface AgentModule {
  readonly createAgentTalker: (spec: AgentSpec, emit: EmitLegEvent, meter: AgentMeter, standing: Standing) => Talker
}

/** A media worker thread: legs by their handle, one packet clock, and messages from the main thread one after another. */
class MediaWorker {
  readonly #port: MessagePort
  readonly #options: WorkerOptions
  readonly #agent: Promise<AgentModule | null>
  readonly #legs = new Map<LegHandle, Leg | Voice>()
  /** Where forks of FreeSWITCH connect to, by our address. */
  readonly #forks = new Map<string, Promise<ForkServer>>()
  readonly #now = (): number => performance.now()
  readonly #memory = newLegMemory()
  readonly #wheel = new TickWheel(this.#now)
  readonly #meter = new WorkerMeter(this.#wheel, this.#now())
  #standings: Standings = new Map()
  #stopping = false

  constructor(port: MessagePort, options: WorkerOptions) {
    this.#port = port
    this.#options = options
    this.#agent = importAgent(options.agentTalkerModule)
    // Loaded ahead of the first call; a failure is told to whoever opens an agent's leg.
    this.#agent.catch(() => undefined)
    setInterval(() => {
      this.#post({ kind: 'load', load: this.#meter.load(this.#legs.size, this.#now()) })
    }, LOAD_INTERVAL_MS).unref()
  }

  onMessage(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        this.#legs.get(message.leg)?.start()
        return
      case 'mute':
        this.#legs.get(message.leg)?.mute(message.muted)
        return
      case 'transferred':
        this.#legs.get(message.leg)?.seat.talker.transferred?.(message.callId, message.problem)
        return
      case 'dtmf':
        this.#legs.get(message.leg)?.dtmf(message.digit, message.durationMs)
        return
      case 'agreed': {
        const voice = this.#legs.get(message.leg)
        if (voice instanceof Voice) voice.agreed(message.codec, message.maySpeak)
        return
      }
      case 'standings':
        this.#standings = message.standings
        return
      case 'stop':
        void this.#stop()
        return
      default:
        void this.#reply(message)
    }
  }

  async #reply(message: Request): Promise<void> {
    const { request } = message
    try {
      this.#post({ request, ...(await this.#perform(message)) })
    } catch (cause) {
      this.#post({ request, kind: 'error', message: messageOf(cause) })
    }
  }

  async #perform(message: Request): Promise<ReplyBody> {
    switch (message.kind) {
      case 'open':
        return { kind: 'open', result: await this.#open(message) }
      case 'answer':
        return { kind: 'answer', result: this.#rtpLeg(message.leg).answer(message.sdp) }
      case 'offer':
        return { kind: 'offer', sdp: this.#rtpLeg(message.leg).offer(message.which, message.srtp) }
      case 'accept':
        return { kind: 'accept', result: this.#rtpLeg(message.leg).accept(message.sdp) }
      case 'ready':
        return { kind: 'ready', result: await this.#leg(message.leg).seat.talker.ready() }
      case 'talk':
        await this.#talk(message.leg, message.talker)
        return { kind: 'talk' }
      case 'join':
        this.#join(this.#rtpLeg(message.leg), this.#rtpLeg(message.other))
        return { kind: 'join' }
      case 'silence':
        return { kind: 'silence', silentMs: this.#rtpLeg(message.leg).silentMs() }
      case 'openVoice':
        return { kind: 'openVoice', result: await this.#openVoice(message) }
      case 'expectFork':
        return { kind: 'expectFork', url: await this.#voice(message.leg).expectFork(message.address) }
      case 'forked':
        return { kind: 'forked', connected: await this.#voice(message.leg).forked() }
      case 'close':
        return { kind: 'close', summary: await this.#close(message.leg) }
      default:
        return assertNever(message)
    }
  }

  async #open({
    leg: handle,
    rtpPort,
    talker: spec,
    previousSdp,
    recording,
    srtp,
    previousKeys,
  }: Extract<Request, { kind: 'open' }>): Promise<Result<void, OpenRefusal>> {
    if (this.#options.rtp === null) return err({ code: 'bind-failed', message: 'this worker has no RTP' })
    const { bindAddress, address, codecs, silenceTimeoutMs } = this.#options.rtp
    const bound = await bindPair(bindAddress, rtpPort)
    if (!bound.ok) return bound
    const emit = this.#emitOf(handle)
    let talker: Talker
    try {
      talker = await this.#createTalker(spec, emit)
    } catch (cause) {
      await bound.value.close()
      return err({ code: 'talker-failed', message: messageOf(cause) })
    }
    if (this.#stopping) {
      await Promise.all([talker.close(), bound.value.close()])
      return err({ code: 'talker-failed', message: 'the media worker is being stopped' })
    }
    const random = randomBytes(16)
    const leg = new Leg(
      {
        kind: spec.kind === 'phone' ? 'phone' : 'agent',
        digits: spec.kind === 'phone' ? (spec.digits ?? '') : '',
        local: {
          address,
          rtpPort,
          sessionId: String(random.readUIntBE(0, 6)),
          codecs: supportedCodecs(codecs),
          direction: 'sendrecv',
        },
        srtp,
        ...keysOf(previousKeys),
        previousSdp,
        sockets: bound.value,
        seed: {
          ssrc: random.readUInt32BE(6),
          // In the lower half, so that the first wrap is far away (RFC 3711 §3.3.1 wishes it).
          sequence: random.readUInt16BE(10) & 0x7fff,
          timestamp: random.readUInt32BE(12),
        },
        memory: this.#memory,
        cname: `${random.toString('hex', 0, 6)}@tandem`,
        silenceTimeoutMs,
        recording,
        onStrangerPacket: () => {
          this.#meter.strangerPackets++
        },
        onForgedPacket: () => {
          this.#meter.forgedPackets++
        },
        emit,
        warn: (text) => this.#post({ kind: 'warning', leg: handle, message: text }),
        now: this.#now,
        wallNow: () => Date.now(),
        vary: () => Math.random(),
      },
      talker,
    )
    this.#legs.set(handle, leg)
    this.#wheel.add(leg)
    return ok(undefined)
  }

  async #openVoice({
    leg: handle,
    talker: spec,
    recording,
  }: Extract<Request, { kind: 'openVoice' }>): Promise<Result<void, OpenRefusal>> {
    const emit = this.#emitOf(handle)
    try {
      const voice = new Voice({
        talker: await this.#createTalker(spec, emit),
        pool: this.#memory.playout,
        recording,
        forks: (address) => this.#forksAt(address),
        emit,
        warn: (text) => this.#post({ kind: 'warning', leg: handle, message: text }),
        now: this.#now,
      })
      this.#legs.set(handle, voice)
      this.#wheel.add(voice)
      return ok(undefined)
    } catch (cause) {
      return err({ code: 'talker-failed', message: messageOf(cause) })
    }
  }

  #forksAt(address: string): Promise<ForkServer> {
    const known = this.#forks.get(address)
    if (known !== undefined) return known
    const starting = ForkServer.start(address)
    this.#forks.set(address, starting)
    starting.catch(() => this.#forks.delete(address))
    return starting
  }

  async #createTalker(spec: TalkerSpec, emit: EmitLegEvent): Promise<Talker> {
    if (spec.kind === 'none') return new SilentTalker()
    if (spec.kind === 'comfort') return new ComfortTalker()
    if (spec.kind === 'phone') return openPhone(spec, emit, this.#now)
    const agent = await this.#agent
    if (agent === null) throw new Error('this media engine carries phones only')
    return agent.createAgentTalker(spec.agent, emit, this.#meter.agents, (id) => this.#standings.get(id) ?? 'active')
  }

  async #talk(handle: LegHandle, spec: TalkerSpec): Promise<void> {
    const talker = await this.#createTalker(spec, this.#emitOf(handle))
    const leg = this.#legs.get(handle)
    if (leg !== undefined) return leg.seat.seat(talker)
    await talker.close()
    throw new Error(`leg ${handle} is not open any more`)
  }

  #join(first: Leg, second: Leg): void {
    const [one, two] = JointTalker.pair(
      (digit) => first.press(digit),
      (digit) => second.press(digit),
    )
    first.seat.seat(one)
    second.seat.seat(two)
  }

  #emitOf(handle: LegHandle): EmitLegEvent {
    return (event) => this.#post({ kind: 'event', leg: handle, event })
  }

  #rtpLeg(handle: LegHandle): Leg {
    const leg = this.#leg(handle)
    if (leg instanceof Voice) throw new Error(`leg ${handle} has no RTP here`)
    return leg
  }

  #voice(handle: LegHandle): Voice {
    const leg = this.#leg(handle)
    if (leg instanceof Leg) throw new Error(`leg ${handle} has its RTP here`)
    return leg
  }

  #leg(handle: LegHandle): Leg | Voice {
    const leg = this.#legs.get(handle)
    if (leg === undefined) throw new Error(`leg ${handle} is not open`)
    return leg
  }

  async #close(handle: LegHandle): Promise<LegSummary> {
    const leg = this.#leg(handle)
    this.#wheel.delete(leg)
    const summary = await leg.close()
    this.#legs.delete(handle)
    return summary
  }

  async #stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#legs.keys()].map((handle) => this.#close(handle)))
    for (const starting of this.#forks.values()) await (await starting.catch(() => null))?.close()
    this.#port.close()
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message)
  }
}

async function bindPair(address: string, rtpPort: number): Promise<Result<SocketPair, OpenRefusal>> {
  try {
    return ok(await SocketPair.open(address, rtpPort))
  } catch (cause) {
    const busy = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    return err({ code: busy ? 'port-busy' : 'bind-failed', message: messageOf(cause) })
  }
}

/** Keys of one leg alone, never in another one's SDP; or those of the leg that it goes on with. */
function keysOf(previous: string | null): { readonly keys: MasterKeys; readonly previousSuites: readonly SuiteName[] } {
  const known = keysInLines(previous ?? '')
  const keys = { ...masterKeysOf(randomBytes(MASTER_KEYS_BYTES)), ...known }
  return { keys, previousSuites: Object.keys(known).filter(isSuiteName) }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

async function importAgent(url: string | null | undefined): Promise<AgentModule | null> {
  if (url === null) return null
  return url === undefined ? import('../agent/talker.ts') : await import(url)
}

if (parentPort !== null) {
  const worker = new MediaWorker(parentPort, workerData)
  parentPort.on('message', (message: ToWorker) => worker.onMessage(message))
}
