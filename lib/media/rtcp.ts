import type { ReceptionReport } from './reception.ts'

/** Packet types (RFC 3550 §12.1). */
const SR = 200
const RR = 201
const SDES = 202
const BYE = 203
const CNAME = 1
/** Seconds from 1900, where NTP begins, to 1970. */
const NTP_EPOCH_OFFSET_S = 2_208_988_800
/** Reports of one compound packet that are read; a leg has one source. */
const MAX_BLOCKS = 31

/** A sender's part of an SR (RFC 3550 §6.4.1). */
interface SenderInfo {
  readonly wallMs: number
  readonly rtpTimestamp: number
  readonly packets: number
  readonly octets: number
}

/** What we say in one compound packet: SR where we have sent since the last one, else RR; SDES CNAME always; BYE at the end. */
export interface RtcpReport {
  readonly ssrc: number
  readonly cname: string
  readonly sender: SenderInfo | null
  readonly reception: (ReceptionReport & LastSr) | null
  readonly bye: boolean
}

/** The last SR of the source, as a report block echoes it for round-trip measurement. Both 0 where there was none. */
export interface LastSr {
  /** Middle 32 bits of its NTP timestamp. */
  readonly lastSr: number
  /** Since it came, in 1/65536 s. */
  readonly delaySinceLastSr: number
}

/** Middle 32 bits of the NTP timestamp of a wall-clock time (RFC 3550 §4): 1/65536 s, wraps every 18 h. */
export function compactNtp(wallMs: number): number {
  const seconds = Math.floor(wallMs / 1000) + NTP_EPOCH_OFFSET_S
  const fraction = Math.floor(((wallMs % 1000) * 0x1_0000) / 1000)
  return (((seconds & 0xffff) << 16) | fraction) >>> 0
}

/** Writes a compound RTCP packet (RFC 3550 §6.1). */
export function formatRtcp(report: RtcpReport): Buffer {
  const parts = [formatReport(report), formatSdes(report.ssrc, report.cname)]
  if (report.bye) parts.push(formatBye(report.ssrc))
  return Buffer.concat(parts)
}

/** The far end's word on what we sent. Jitter in timestamp units. */
export interface ReportBlock extends LastSr {
  readonly ssrc: number
  readonly fractionLost: number
  readonly cumulativeLost: number
  readonly highestSequence: number
  readonly jitter: number
}

export interface ParsedRtcp {
  /** SSRC of the reporter; null where the compound has no SR or RR. */
  readonly ssrc: number | null
  /** Middle 32 bits of the SR's NTP timestamp. */
  readonly senderNtp: number | null
  readonly blocks: readonly ReportBlock[]
  readonly cname: string | null
  readonly bye: boolean
}

/** Reads a compound packet; null where its framing is wrong (RFC 3550 A.2). Unknown packet types are skipped. */
export function parseRtcp(packet: Buffer): ParsedRtcp | null {
  let ssrc: number | null = null
  let senderNtp: number | null = null
  let cname: string | null = null
  let bye = false
  const blocks: ReportBlock[] = []
  let at = 0
  while (at < packet.length) {
    if (at + 4 > packet.length || packet.readUInt8(at) >> 6 !== 2) return null
    const count = packet.readUInt8(at) & 0x1f
    const type = packet.readUInt8(at + 1)
    const end = at + 4 + packet.readUInt16BE(at + 2) * 4
    if (end > packet.length) return null
    const body = packet.subarray(at + 4, end)
    if (type === SR || type === RR) {
      const fixed = type === SR ? 24 : 4
      if (body.length < fixed + count * 24) return null
      ssrc = body.readUInt32BE(0)
      if (type === SR) senderNtp = ((body.readUInt16BE(6) << 16) | body.readUInt16BE(8)) >>> 0
      for (let i = 0; i < count && blocks.length < MAX_BLOCKS; i++) blocks.push(parseBlock(body, fixed + i * 24))
    } else if (type === SDES) {
      cname ??= parseCname(body)
    } else if (type === BYE) {
      bye = true
    }
    at = end
  }
  return { ssrc, senderNtp, blocks, cname, bye }
}

/**
 * Round trip from a report block (RFC 3550 §6.4.1): arrival less when our SR left less what the far end held it.
 * Null where it has seen no SR of ours, or says nonsense.
 */
export function roundTripMs(block: LastSr, arrivalWallMs: number): number | null {
  if (block.lastSr === 0) return null
  const units = (compactNtp(arrivalWallMs) - block.lastSr - block.delaySinceLastSr) | 0
  // A round trip of 0 can come out slightly negative, as the parts are rounded.
  if (units < -SLACK_UNITS || units > MAX_ROUND_TRIP_UNITS) return null
  return (Math.max(0, units) * 1000) / 0x1_0000
}

const SLACK_UNITS = 0x1_0000 / 100
const MAX_ROUND_TRIP_UNITS = 10 * 0x1_0000

/**
 * ```
 * |V=2|P|    RC   |   PT=SR=200   |             length            |
 * |                         SSRC of sender                        |
 * |              NTP timestamp, most significant word             |
 * |             NTP timestamp, least significant word             |
 * |                         RTP timestamp                         |
 * |                     sender's packet count                     |
 * |                      sender's octet count                     |
 * ```
 * An RR is the same without the five words after the SSRC.
 */
function formatReport(report: RtcpReport): Buffer {
  const { sender, reception } = report
  const fixed = sender === null ? 8 : 28
  const packet = Buffer.alloc(fixed + (reception === null ? 0 : 24))
  packet.writeUInt8(0x80 | (reception === null ? 0 : 1), 0)
  packet.writeUInt8(sender === null ? RR : SR, 1)
  packet.writeUInt16BE(packet.length / 4 - 1, 2)
  packet.writeUInt32BE(report.ssrc, 4)
  if (sender !== null) {
    packet.writeUInt32BE((Math.floor(sender.wallMs / 1000) + NTP_EPOCH_OFFSET_S) >>> 0, 8)
    packet.writeUInt32BE(Math.floor(((sender.wallMs % 1000) * 0x1_0000_0000) / 1000), 12)
    packet.writeUInt32BE(sender.rtpTimestamp >>> 0, 16)
    packet.writeUInt32BE(sender.packets >>> 0, 20)
    packet.writeUInt32BE(sender.octets >>> 0, 24)
  }
  if (reception !== null) writeBlock(packet, fixed, reception)
  return packet
}

/**
 * ```
 * |                 SSRC_1 (SSRC of first source)                 |
 * | fraction lost |       cumulative number of packets lost       |
 * |           extended highest sequence number received           |
 * |                      interarrival jitter                      |
 * |                         last SR (LSR)                         |
 * |                   delay since last SR (DLSR)                  |
 * ```
 */
function writeBlock(packet: Buffer, at: number, block: ReportBlock): void {
  packet.writeUInt32BE(block.ssrc, at)
  packet.writeUInt8(block.fractionLost, at + 4)
  packet.writeIntBE(block.cumulativeLost, at + 5, 3)
  packet.writeUInt32BE(block.highestSequence, at + 8)
  packet.writeUInt32BE(block.jitter >>> 0, at + 12)
  packet.writeUInt32BE(block.lastSr, at + 16)
  packet.writeUInt32BE(block.delaySinceLastSr >>> 0, at + 20)
}

function parseBlock(body: Buffer, at: number): ReportBlock {
  return {
    ssrc: body.readUInt32BE(at),
    fractionLost: body.readUInt8(at + 4),
    cumulativeLost: body.readIntBE(at + 5, 3),
    highestSequence: body.readUInt32BE(at + 8),
    jitter: body.readUInt32BE(at + 12),
    lastSr: body.readUInt32BE(at + 16),
    delaySinceLastSr: body.readUInt32BE(at + 20),
  }
}

/** One chunk with one item, ended by at least one zero byte up to the next word (RFC 3550 §6.5). */
function formatSdes(ssrc: number, cname: string): Buffer {
  const name = Buffer.from(cname, 'latin1').subarray(0, 255)
  const words = Math.ceil((4 + 2 + name.length + 1) / 4)
  const packet = Buffer.alloc(4 + words * 4)
  packet.writeUInt8(0x81, 0)
  packet.writeUInt8(SDES, 1)
  packet.writeUInt16BE(words, 2)
  packet.writeUInt32BE(ssrc, 4)
  packet.writeUInt8(CNAME, 8)
  packet.writeUInt8(name.length, 9)
  name.copy(packet, 10)
  return packet
}

function parseCname(body: Buffer): string | null {
  let at = 4
  while (at + 2 <= body.length) {
    const type = body.readUInt8(at)
    if (type === 0) return null
    const length = body.readUInt8(at + 1)
    if (at + 2 + length > body.length) return null
    if (type === CNAME) return body.toString('latin1', at + 2, at + 2 + length)
    at += 2 + length
  }
  return null
}

function formatBye(ssrc: number): Buffer {
  const packet = Buffer.alloc(8)
  packet.writeUInt8(0x81, 0)
  packet.writeUInt8(BYE, 1)
  packet.writeUInt16BE(1, 2)
  packet.writeUInt32BE(ssrc, 4)
  return packet
}
