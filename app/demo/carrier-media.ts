import { randomBytes } from 'node:crypto'
import { type CarrierFault, sendsRtp } from '../../lib/demo/carrier-fault.ts'
import { PortPool } from '../../lib/media/port-pool.ts'
import { isRtcp } from '../../lib/media/rtp.ts'
import { MASTER_KEYS_BYTES, masterKeysOf } from '../../lib/sip/sdes.ts'
import type { TransportAddress } from '../../lib/sip/sdp.ts'
import { Leg } from '../media/embedded/leg.ts'
import { newLegMemory } from '../media/embedded/leg-memory.ts'
import { type OnPacket, type RtpSockets, SocketPair } from '../media/embedded/socket-pair.ts'
import { TickWheel } from '../media/embedded/tick-wheel.ts'
import { openPhone } from '../media/phone.ts'
import type { LegEvent } from '../media/port.ts'

/** A thousand calls at once; each carrier has an address, and so the whole range, of its own. */
const RTP_PORTS = { from: 30_000, to: 31_999 }
/** Pairs that somebody else holds are skipped, up to so many a call. */
const MAX_BUSY_PAIRS = 16
/** RTP and RTCP silent for so long end a call, as at any carrier: whoever hung up could not be heard. */
const SILENCE_TIMEOUT_MS = 20_000

/** The fault in force, as all calls of a carrier see it at once. */
export interface FaultNow {
  readonly fault: CarrierFault
  /** The line is cut: by `silent`, or by `flap` just now. */
  readonly cut: boolean
}

/** One side of a call at a carrier: what it says, and what it hears. */
export interface CarrierLeg {
  readonly leg: Leg
  readonly heard: Heard
  close(): Promise<void>
}

/** Opens the audio of a carrier's calls on its own address. Everybody at a carrier says the same. */
export class CarrierMedia {
  readonly #host: string
  readonly #speech: Int16Array
  readonly #now: () => FaultNow
  readonly #ports = new PortPool(RTP_PORTS)
  readonly #memory = newLegMemory()
  readonly #wheel = new TickWheel(() => performance.now())

  /** @param speech 16-bit samples of 8000 Hz */
  constructor(host: string, speech: Int16Array, now: () => FaultNow) {
    this.#host = host
    this.#speech = speech
    this.#now = now
  }

  /** Rejects where no port is free. */
  async open(onEvent: (event: LegEvent) => void): Promise<CarrierLeg> {
    const { pair, port } = await this.#bind()
    const heard = new Heard()
    const random = randomBytes(16)
    const phone = await openPhone({ kind: 'phone', playSamples: this.#speech }, onEvent, () => performance.now())
    const leg = new Leg(
      {
        kind: 'phone',
        digits: '',
        local: {
          address: this.#host,
          rtpPort: port,
          sessionId: String(random.readUIntBE(0, 6)),
          codecs: ['PCMU', 'PCMA'],
          direction: 'sendrecv',
        },
        srtp: 'off',
        keys: masterKeysOf(randomBytes(MASTER_KEYS_BYTES)),
        previousSdp: null,
        previousSuites: [],
        sockets: new FaultySockets(pair, this.#now, heard),
        seed: {
          ssrc: random.readUInt32BE(6),
          sequence: random.readUInt16BE(10) & 0x7fff,
          timestamp: random.readUInt32BE(12),
        },
        memory: this.#memory,
        cname: `${random.toString('hex', 0, 6)}@carrier`,
        silenceTimeoutMs: SILENCE_TIMEOUT_MS,
        recording: null,
        onStrangerPacket: () => undefined,
        onForgedPacket: () => undefined,
        emit: onEvent,
        warn: (text) => process.emitWarning(text),
        now: () => performance.now(),
        wallNow: () => Date.now(),
        vary: () => Math.random(),
      },
      phone,
    )
    this.#wheel.add(leg)
    return {
      leg,
      heard,
      close: async () => {
        this.#wheel.delete(leg)
        await leg.close()
        this.#ports.give(port)
      },
    }
  }

  async #bind(): Promise<{ readonly pair: SocketPair; readonly port: number }> {
    for (let tries = 1; ; tries += 1) {
      const port = this.#ports.take()
      if (port === null) throw new Error('the carrier has no RTP port left')
      try {
        return { pair: await SocketPair.open(this.#host, port), port }
      } catch (cause) {
        this.#ports.give(port)
        if (tries >= MAX_BUSY_PAIRS) throw cause
      }
    }
  }
}

/** RTP packets that came to one leg, and the longest time without one since the call was up. */
export class Heard {
  packets = 0
  #longestGapMs = 0
  #lastAtMs: number | null = null

  /** The call is up; packets from before count for nothing. */
  start(nowMs: number): void {
    this.packets = 0
    this.#lastAtMs = nowMs
  }

  onPacket(nowMs: number): void {
    if (this.#lastAtMs === null) return
    this.packets += 1
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastAtMs)
    this.#lastAtMs = nowMs
  }

  /** The time since the last packet is a gap as well. */
  longestGapMs(nowMs: number): number {
    return Math.round(Math.max(this.#longestGapMs, this.#lastAtMs === null ? 0 : nowMs - this.#lastAtMs))
  }
}

/** The sockets of a leg behind the carrier's fault. */
class FaultySockets implements RtpSockets {
  readonly #pair: SocketPair
  readonly #now: () => FaultNow
  readonly #heard: Heard

  constructor(pair: SocketPair, now: () => FaultNow, heard: Heard) {
    this.#pair = pair
    this.#now = now
    this.#heard = heard
  }

  listen(onRtp: OnPacket, onRtcp: OnPacket): void {
    this.#pair.listen(
      (packet, from) => {
        if (this.#now().cut) return
        if (!isRtcp(packet)) this.#heard.onPacket(performance.now())
        onRtp(packet, from)
      },
      (packet, from) => {
        if (!this.#now().cut) onRtcp(packet, from)
      },
    )
  }

  sendRtp(packet: Uint8Array, to: TransportAddress): void {
    const { cut, fault } = this.#now()
    if (!cut && sendsRtp(fault, Math.random())) this.#pair.sendRtp(packet, to)
  }

  /** A media path that carries no RTP carries no RTCP either. */
  sendRtcp(packet: Uint8Array, to: TransportAddress, muxed: boolean): void {
    const { cut, fault } = this.#now()
    if (!cut && fault.kind !== 'mute') this.#pair.sendRtcp(packet, to, muxed)
  }

  close(): Promise<void> {
    return this.#pair.close()
  }
}
