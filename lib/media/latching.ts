import { seqDelta } from './sequence.ts'

/** A transport address; `address` is an IP literal. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

export type LatchVerdict = 'accept' | 'drop'

/** From the SDP's host but another port (a NAT that rewrites ports): so many consistent packets. */
const SAME_HOST_PACKETS = 2
/** From a host that the SDP does not name (a phone behind NAT): so many consistent packets. */
const OTHER_HOST_PACKETS = 5
/** The latched source must have been silent for so long before the same stream may come from elsewhere. */
const RELATCH_SILENCE_MS = 2000
/** How far the sequence may have moved on while the stream was away. */
const MAX_SEQUENCE_GAP = 3000

interface Candidate extends Endpoint {
  readonly ssrc: number
  sequence: number
  packets: number
}

/**
 * Symmetric RTP with protection against hijack (RFC 4961; the attack is "RTP bleed"). What the SDP names is believed at
 * once and always. Before that, another source is learnt only from consecutive packets of one SSRC, the more of
 * them the less it has to do with the SDP. Once latched, a stranger is dropped, unless it carries the very stream that has fallen
 * silent: the same SSRC, with sequence numbers that go on.
 */
export class Latching {
  #expected: Endpoint | null
  #latched: Endpoint | null = null
  #ssrc = 0
  #sequence = 0
  #lastAtMs = 0
  #candidate: Candidate | null = null
  /** Packets that were dropped because of where they came from. */
  strangers = 0

  /** `expected` is what the SDP names, or null where it names nothing reachable (0.0.0.0). */
  constructor(expected: Endpoint | null) {
    this.#expected = expected
  }

  /** Where to send: the latched source, until then what the SDP names. */
  get target(): Endpoint | null {
    return this.#latched ?? this.#expected
  }

  /** A new SDP from the far end: a changed address starts the latching over, the same one changes nothing. */
  expect(expected: Endpoint | null): void {
    if (expected === null || (this.#expected !== null && same(this.#expected, expected))) return
    this.#expected = expected
    this.#latched = null
    this.#candidate = null
  }

  /** Judges one RTP packet by its source. */
  judge(address: string, port: number, ssrc: number, sequence: number, nowMs: number): LatchVerdict {
    const latched = this.#latched
    if (latched !== null && latched.port === port && latched.address === address) {
      return this.#accept(ssrc, sequence, nowMs)
    }
    const expected = this.#expected
    if (expected !== null && expected.port === port && expected.address === address) {
      return this.#latch(expected, ssrc, sequence, nowMs)
    }
    if (this.#mayMove(ssrc, sequence, nowMs)) {
      const needed = expected?.address === address ? SAME_HOST_PACKETS : OTHER_HOST_PACKETS
      if (this.#countConsistent(address, port, ssrc, sequence) >= needed) {
        return this.#latch({ address, port }, ssrc, sequence, nowMs)
      }
    }
    this.strangers++
    return 'drop'
  }

  /** RTCP is taken from any port of the host that RTP is exchanged with. */
  trustsHost(address: string): boolean {
    return this.target?.address === address
  }

  #mayMove(ssrc: number, sequence: number, nowMs: number): boolean {
    if (this.#latched === null) return true
    if (nowMs - this.#lastAtMs < RELATCH_SILENCE_MS || ssrc !== this.#ssrc) return false
    const gap = seqDelta(this.#sequence, sequence)
    return gap > 0 && gap < MAX_SEQUENCE_GAP
  }

  #countConsistent(address: string, port: number, ssrc: number, sequence: number): number {
    const candidate = this.#candidate
    const follows =
      candidate !== null &&
      candidate.port === port &&
      candidate.address === address &&
      candidate.ssrc === ssrc &&
      seqDelta(candidate.sequence, sequence) === 1
    if (!follows) {
      this.#candidate = { address, port, ssrc, sequence, packets: 1 }
      return 1
    }
    candidate.sequence = sequence
    return ++candidate.packets
  }

  #latch(source: Endpoint, ssrc: number, sequence: number, nowMs: number): LatchVerdict {
    this.#latched = source
    this.#candidate = null
    return this.#accept(ssrc, sequence, nowMs)
  }

  #accept(ssrc: number, sequence: number, nowMs: number): LatchVerdict {
    this.#ssrc = ssrc
    this.#sequence = sequence
    this.#lastAtMs = nowMs
    return 'accept'
  }
}

const same = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.address === b.address
