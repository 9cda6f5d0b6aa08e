import type { MasterKey, Suite } from '../../sip/crypto-suite.ts'
import { seqDelta } from '../sequence.ts'
import { PacketCipher } from './packet-cipher.ts'
import { ReplayWindow } from './replay-window.ts'

const SEQUENCES = 0x1_0000
/** SSRCs of one far end that are known at a time: each new one of an authentic packet takes the place of the oldest. */
const MAX_STREAMS = 8
/** Roll-over counters that are tried for the first packet of a stream: its real beginning may be lost, just before a wrap. */
const ROLLOVERS_TRIED = 2
/** The same for a stream that is joined in its midst, until one has been heard: each is 22 minutes of packets of 20 ms. */
const ROLLOVERS_TRIED_IN_MIDST = 16
const MAX_RTCP_INDEX = 0x7fff_ffff

/** What one side sends: one SSRC, whose packets go out in order. */
export class SrtpSender {
  readonly #cipher: PacketCipher
  #rollOvers = 0
  #last: number | null = null
  #rtcpIndex = 0

  constructor(suite: Suite, master: MasterKey) {
    this.#cipher = PacketCipher.of(suite, master)
  }

  /** @param headerBytes of the header with CSRCs and extension */
  protectRtp(packet: Uint8Array, headerBytes: number): Buffer {
    const sequence = sequenceOf(packet)
    // RFC 3711 §3.3.1: the sender counts by itself how often the number has wrapped.
    if (this.#last !== null && sequence < this.#last) this.#rollOvers++
    this.#last = sequence
    return this.#cipher.protectRtp(packet, headerBytes, this.#rollOvers * SEQUENCES + sequence)
  }

  protectRtcp(packet: Uint8Array): Buffer {
    const sealed = this.#cipher.protectRtcp(packet, this.#rtcpIndex)
    this.#rtcpIndex = (this.#rtcpIndex + 1) % (MAX_RTCP_INDEX + 1)
    return sealed
  }
}

/** `repeated` is also what comes too late to tell (RFC 3711 §3.3.2); it was not authenticated, and need not be. */
export type DropReason = 'forged' | 'repeated'

interface Received {
  /** The highest index so far; null: reports have come, and no RTP yet. */
  newest: number | null
  readonly rtp: ReplayWindow
  readonly rtcp: ReplayWindow
}

/** What a far end sends under one master key. Only packets that are authentic, and come for the first time, move anything. */
export class SrtpReceiver {
  readonly #cipher: PacketCipher
  readonly #rollOvers: number | null
  readonly #streams = new Map<number, Received>()

  /** @param rollOvers how often the far end's sequence number has wrapped at least, where its stream is joined in its midst; null: it is heard from its beginning */
  constructor(suite: Suite, master: MasterKey, rollOvers: number | null = null) {
    this.#cipher = PacketCipher.of(suite, master)
    this.#rollOvers = rollOvers
  }

  /** How often the sequence number of a far end's newest stream has wrapped: what another node needs to go on. */
  get rollOvers(): number {
    const newest = [...this.#streams.values()].findLast((stream) => stream.newest !== null)?.newest ?? 0
    return Math.max(Math.floor(newest / SEQUENCES), this.#rollOvers ?? 0)
  }

  /** The packet in clear, or why it is dropped. `packet` has at least 12 bytes. */
  unprotectRtp(packet: Uint8Array, headerBytes: number): Buffer | DropReason {
    const ssrc = uint32At(packet, 8)
    const stream = this.#streams.get(ssrc)
    if (stream === undefined || stream.newest === null) return this.#first(packet, headerBytes, ssrc)
    const index = nearestIndex(stream.newest, sequenceOf(packet))
    if (index < 0 || !stream.rtp.accepts(index)) return 'repeated'
    const clear = this.#cipher.unprotectRtp(packet, headerBytes, index)
    if (clear === null) return 'forged'
    stream.rtp.add(index)
    stream.newest = Math.max(stream.newest, index)
    return clear
  }

  /** The packet in clear, or why it is dropped. `packet` has at least 8 bytes. */
  unprotectRtcp(packet: Uint8Array): Buffer | DropReason {
    const opened = this.#cipher.unprotectRtcp(packet)
    if (opened === null) return 'forged'
    const stream = this.#streamOf(uint32At(packet, 4))
    if (!stream.rtcp.accepts(opened.index)) return 'repeated'
    stream.rtcp.add(opened.index)
    return opened.packet
  }

  /** Nobody can tell how often a stream has wrapped whose beginning was not heard: the packet itself proves a guess. */
  #first(packet: Uint8Array, headerBytes: number, ssrc: number): Buffer | DropReason {
    const first = this.#rollOvers ?? 0
    const isInMidst = this.#rollOvers !== null && ![...this.#streams.values()].some(({ newest }) => newest !== null)
    const tries = isInMidst ? ROLLOVERS_TRIED_IN_MIDST : ROLLOVERS_TRIED
    for (let rollOvers = first; rollOvers < first + tries; rollOvers++) {
      const index = rollOvers * SEQUENCES + sequenceOf(packet)
      const clear = this.#cipher.unprotectRtp(packet, headerBytes, index)
      if (clear === null) continue
      const stream = this.#streamOf(ssrc)
      stream.newest = index
      stream.rtp.add(index)
      return clear
    }
    return 'forged'
  }

  #streamOf(ssrc: number): Received {
    const known = this.#streams.get(ssrc)
    if (known !== undefined) return known
    const stream = { newest: null, rtp: new ReplayWindow(), rtcp: new ReplayWindow() }
    this.#streams.set(ssrc, stream)
    const [oldest] = this.#streams.keys()
    if (this.#streams.size > MAX_STREAMS && oldest !== undefined) this.#streams.delete(oldest)
    return stream
  }
}

/** RFC 3711 §3.3.1: the index nearest to the newest one that has this sequence number; negative: from before the first. */
const nearestIndex = (newest: number, sequence: number): number => newest + seqDelta(newest % SEQUENCES, sequence)

const uint32At = (bytes: Uint8Array, at: number): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
const sequenceOf = (packet: Uint8Array): number => new DataView(packet.buffer, packet.byteOffset).getUint16(2)
