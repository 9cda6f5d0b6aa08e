import { SAMPLES_PER_MS } from './g711.ts'
import { seqDelta, timestampDelta } from './sequence.ts'

/** A jump ahead of more than this many packets is a restart of the sender, not loss (RFC 3550 A.1 MAX_DROPOUT). */
const MAX_DROPOUT = 3000
/** A packet this far behind is a restart, not reordering (RFC 3550 A.1 MAX_MISORDER). */
const MAX_MISORDER = 100
/** A report says at most this much, signed 24 bits (RFC 3550 §6.4.1). */
const MAX_REPORTED_LOST = 0x7f_ffff

/** What a report block says of a source (RFC 3550 §6.4.1). */
export interface ReceptionReport {
  readonly ssrc: number
  /** Since the last report, in 1/256. */
  readonly fractionLost: number
  readonly cumulativeLost: number
  readonly highestSequence: number
  /** In timestamp units. */
  readonly jitter: number
}

/**
 * Loss and jitter of what arrives from one far end (RFC 3550 §6.4.1, A.1, A.3, A.8). A new SSRC or a restart of the
 * sequence begins a new source; counts of the sources before are kept. Time comes as an argument.
 */
export class Reception {
  #ssrc = -1
  #baseSequence = 0
  #highestSequence = 0
  #cycles = 0
  #restartAt = -1
  #received = 0
  #expectedBefore = 0
  #receivedBefore = 0
  #lossRuns = 0
  #jitter = 0
  #lastTransit: number | null = null
  #reportedExpected = 0
  #reportedReceived = 0

  /** SSRC of the source now, or −1 before the first packet. */
  get ssrc(): number {
    return this.#ssrc
  }

  /** Packets that arrived, of all sources. Duplicates count, as in RFC 3550 A.3. */
  get packets(): number {
    return this.#receivedBefore + this.#received
  }

  get expected(): number {
    return this.#expectedBefore + this.#expectedNow()
  }

  /** Expected less arrived, never below 0. */
  get lost(): number {
    return Math.max(0, this.expected - this.packets)
  }

  get jitterMs(): number {
    return this.#jitter / SAMPLES_PER_MS
  }

  /** Mean run of lost packets against random loss of the same rate (ITU-T G.107 BurstR); 1 where nothing was lost. */
  get burstRatio(): number {
    if (this.lost === 0 || this.#lossRuns === 0) return 1
    const meanRun = this.lost / this.#lossRuns
    return Math.max(1, meanRun * (this.packets / this.expected))
  }

  /**
   * Counts a packet. `timed` is false for packets whose timestamp is not that of their arrival, such as
   * repeated RFC 4733 events: they must not move the jitter.
   */
  onPacket(ssrc: number, sequence: number, timestamp: number, nowMs: number, timed: boolean): void {
    if (ssrc !== this.#ssrc) this.#begin(ssrc, sequence)
    else if (!this.#advance(sequence)) return
    this.#received++
    if (timed) this.#measureJitter(timestamp, nowMs)
  }

  /** The next report block; the fraction lost counts from the block before. Null where nothing was received. */
  report(): ReceptionReport | null {
    if (this.#ssrc === -1) return null
    const expected = this.#expectedNow() - this.#reportedExpected
    const received = this.#received - this.#reportedReceived
    this.#reportedExpected += expected
    this.#reportedReceived += received
    const lost = Math.max(0, expected - received)
    return {
      ssrc: this.#ssrc,
      fractionLost: expected === 0 ? 0 : Math.min(255, Math.floor((lost * 256) / expected)),
      cumulativeLost: Math.min(MAX_REPORTED_LOST, Math.max(0, this.#expectedNow() - this.#received)),
      highestSequence: (((this.#cycles & 0xffff) << 16) | this.#highestSequence) >>> 0,
      jitter: Math.floor(this.#jitter),
    }
  }

  #expectedNow(): number {
    return this.#ssrc === -1 ? 0 : this.#cycles * 0x1_0000 + this.#highestSequence - this.#baseSequence + 1
  }

  #begin(ssrc: number, sequence: number): void {
    this.#expectedBefore += this.#expectedNow()
    this.#receivedBefore += this.#received
    this.#ssrc = ssrc
    this.#baseSequence = sequence
    this.#highestSequence = sequence
    this.#cycles = 0
    this.#restartAt = -1
    this.#received = 0
    this.#reportedExpected = 0
    this.#reportedReceived = 0
    this.#lastTransit = null
  }

  /** Moves the highest sequence number; false where one more packet must prove that the sequence has restarted. */
  #advance(sequence: number): boolean {
    const delta = seqDelta(this.#highestSequence, sequence)
    if (delta > 0 && delta < MAX_DROPOUT) {
      if (sequence < this.#highestSequence) this.#cycles++
      if (delta > 1) this.#lossRuns++
      this.#highestSequence = sequence
    } else if (delta >= MAX_DROPOUT || delta < -MAX_MISORDER) {
      if (sequence !== this.#restartAt) {
        this.#restartAt = (sequence + 1) & 0xffff
        return false
      }
      this.#begin(this.#ssrc, sequence)
    }
    return true
  }

  #measureJitter(timestamp: number, nowMs: number): void {
    const transit = (Math.round(nowMs * SAMPLES_PER_MS) - timestamp) | 0
    if (this.#lastTransit !== null) {
      const distance = Math.abs(timestampDelta(this.#lastTransit, transit))
      this.#jitter += (distance - this.#jitter) / 16
    }
    this.#lastTransit = transit
  }
}
