import { SAMPLES_PER_MS } from '../../../lib/media/g711.ts'
import { mos } from '../../../lib/media/mos.ts'
import type { Reception } from '../../../lib/media/reception.ts'
import { formatRtcp, parseRtcp, type ReportBlock, roundTripMs } from '../../../lib/media/rtcp.ts'
import type { StreamStats } from '../../../lib/observe/call-record.ts'
import type { RtpSender } from './rtp-sender.ts'

/** RFC 3550 §6.2: the interval of a session of two; each is varied by half, so that legs do not report in step. */
const INTERVAL_MS = 5000

/** The RTCP of one leg: reports out, reports in, and what both say of the call's quality. */
export class RtcpSession {
  readonly #sender: RtpSender
  readonly #reception: Reception
  readonly #cname: string
  readonly #vary: () => number
  #nextAtMs: number
  #packetsAtLastReport = 0
  #lastSr = { ntp: 0, atMs: 0 }
  #block: ReportBlock | null = null
  #roundTripMs = 0
  /** Of the last RTCP packet from the far end; null before the first. */
  lastAtMs: number | null = null

  /** `vary` gives 0 … 1, evenly. */
  constructor(sender: RtpSender, reception: Reception, cname: string, vary: () => number, nowMs: number) {
    this.#sender = sender
    this.#reception = reception
    this.#cname = cname
    this.#vary = vary
    this.#nextAtMs = nowMs + (INTERVAL_MS / 2) * (0.5 + vary())
  }

  /** The compound packet that is due, or null. */
  due(nowMs: number, wallMs: number): Buffer | null {
    if (nowMs < this.#nextAtMs) return null
    this.#nextAtMs = nowMs + INTERVAL_MS * (0.5 + this.#vary())
    return this.#format(nowMs, wallMs, false)
  }

  /** The last packet of the leg (RFC 3550 §6.6). */
  bye(nowMs: number, wallMs: number): Buffer {
    return this.#format(nowMs, wallMs, true)
  }

  onPacket(packet: Buffer, nowMs: number, wallMs: number): void {
    const parsed = parseRtcp(packet)
    if (parsed === null) return
    this.lastAtMs = nowMs
    if (parsed.senderNtp !== null) this.#lastSr = { ntp: parsed.senderNtp, atMs: nowMs }
    const block = parsed.blocks.find(({ ssrc }) => ssrc === this.#sender.ssrc)
    if (block === undefined) return
    this.#block = block
    this.#roundTripMs = roundTripMs(block, wallMs) ?? this.#roundTripMs
  }

  /** What the far end sent us, as we saw it. */
  incoming(): StreamStats {
    const { packets, lost, expected, jitterMs, burstRatio } = this.#reception
    const quality = { lossPercent: percent(lost, expected), burstRatio, jitterMs, delayMs: this.#roundTripMs / 2 }
    return { packets, lost, jitterMs: round(jitterMs), mos: packets === 0 ? null : mos(quality) }
  }

  /** What we sent, as the far end reports it; its MOS is null where it never reported. */
  outgoing(): StreamStats {
    const { packets } = this.#sender
    if (this.#block === null) return { packets, lost: 0, jitterMs: 0, mos: null }
    const lost = Math.max(0, this.#block.cumulativeLost)
    const jitterMs = this.#block.jitter / SAMPLES_PER_MS
    const quality = { lossPercent: percent(lost, packets), burstRatio: 1, jitterMs, delayMs: this.#roundTripMs / 2 }
    return { packets, lost, jitterMs: round(jitterMs), mos: mos(quality) }
  }

  #format(nowMs: number, wallMs: number, bye: boolean): Buffer {
    const { packets, octets, timestamp, ssrc } = this.#sender
    const sent = packets !== this.#packetsAtLastReport
    this.#packetsAtLastReport = packets
    const report = this.#reception.report()
    const { ntp, atMs } = this.#lastSr
    const held = ntp === 0 ? 0 : Math.round(((nowMs - atMs) * 0x1_0000) / 1000)
    return formatRtcp({
      ssrc,
      cname: this.#cname,
      sender: sent ? { wallMs, rtpTimestamp: timestamp, packets, octets } : null,
      reception: report === null ? null : { ...report, lastSr: ntp, delaySinceLastSr: held },
      bye,
    })
  }
}

const percent = (part: number, whole: number): number => (whole === 0 ? 0 : Math.min(100, (100 * part) / whole))
const round = (ms: number): number => Math.round(ms * 100) / 100
