import { isRtcp, rtpHeaderBytes } from '../../../lib/media/rtp.ts'
import { SrtpReceiver, SrtpSender } from '../../../lib/media/srtp/stream-cipher.ts'
import { type MasterKey, SUITES, type SuiteName } from '../../../lib/sip/crypto-suite.ts'
import type { TransportAddress } from '../../../lib/sip/sdp.ts'
import type { AgreedSrtp } from '../../../lib/sip/secure-audio.ts'

/** Shorter ones are no RTCP: a header and an SSRC (RFC 3550 §6.4.2). */
const MIN_RTCP_BYTES = 8

/** The SRTP of one leg. Until keys are agreed on, and where none are, packets pass as they are. */
export class SrtpSession {
  readonly #onForged: (from: TransportAddress) => void
  /** What receivers are told of how often the far end's numbers have wrapped. */
  readonly #rollOvers: number | null
  /** By suite, as our key is: one that is taken up again must never protect two packets by one index. */
  readonly #senders = new Map<SuiteName, SrtpSender>()
  #agreed: AgreedSrtp | null = null
  #sender: SrtpSender | null = null
  #receiver: SrtpReceiver | null = null
  #rtcpMux = false

  /**
   * @param joins the far end has been sending to somebody else, perhaps for hours
   * @param onForged a packet was dropped that the far end's key did not make
   */
  constructor(joins: boolean, onForged: (from: TransportAddress) => void) {
    this.#rollOvers = joins ? 0 : null
    this.#onForged = onForged
  }

  /** Takes what was agreed on. Streams go on where the keys are the same; another key of the far end is followed at once. */
  agree(agreed: AgreedSrtp | null, rtcpMux: boolean): void {
    this.#rtcpMux = rtcpMux
    const before = this.#agreed
    this.#agreed = agreed
    if (agreed === null) {
      this.#sender = null
      this.#receiver = null
      return
    }
    const { suite, local, remote } = agreed
    const sender = this.#senders.get(suite) ?? new SrtpSender(SUITES[suite], local)
    this.#senders.set(suite, sender)
    this.#sender = sender
    if (before?.suite === suite && isSame(before.remote, remote)) return
    this.#receiver = new SrtpReceiver(SUITES[suite], remote, this.#rollOvers)
  }

  /** What came to the RTP socket, in clear; null: it is dropped, and has moved nothing. */
  openRtp(packet: Buffer, from: TransportAddress): Buffer | null {
    if (this.#receiver === null) return packet
    if (this.#rtcpMux && isRtcp(packet)) return this.openRtcp(packet, from)
    const headerBytes = rtpHeaderBytes(packet)
    // What is no RTP at all is counted where RTP is read.
    if (typeof headerBytes === 'string') return packet
    return this.#judge(this.#receiver.unprotectRtp(packet, headerBytes), from)
  }

  openRtcp(packet: Buffer, from: TransportAddress): Buffer | null {
    if (this.#receiver === null) return packet
    return this.#judge(packet.length < MIN_RTCP_BYTES ? 'forged' : this.#receiver.unprotectRtcp(packet), from)
  }

  sealRtp(packet: Uint8Array): Uint8Array {
    if (this.#sender === null) return packet
    const headerBytes = rtpHeaderBytes(packet)
    if (typeof headerBytes === 'string') throw new Error(`our own RTP packet is ${headerBytes}`)
    return this.#sender.protectRtp(packet, headerBytes)
  }

  sealRtcp(packet: Uint8Array): Uint8Array {
    return this.#sender === null ? packet : this.#sender.protectRtcp(packet)
  }

  /** A packet that came twice is nobody's fault: networks do that. */
  #judge(opened: Buffer | 'forged' | 'repeated', from: TransportAddress): Buffer | null {
    if (opened === 'forged') this.#onForged(from)
    return typeof opened === 'string' ? null : opened
  }
}

const isSame = (a: MasterKey, b: MasterKey): boolean => a.key.equals(b.key) && a.salt.equals(b.salt)
