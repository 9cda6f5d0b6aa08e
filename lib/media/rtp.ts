/** Bytes of an RTP header without CSRCs and extension (RFC 3550 §5.1). */
export const RTP_HEADER_BYTES = 12

/** The most that we read of one datagram: no audio packet over Ethernet is longer. */
export const MAX_RTP_BYTES = 1500

/** A parsed header, and where the payload lies in the packet. Reused from packet to packet by its owner. */
export interface RtpHeader {
  payloadType: number
  marker: boolean
  sequence: number
  timestamp: number
  ssrc: number
  payloadStart: number
  payloadEnd: number
}

/** Why a datagram is not an RTP packet; a name for a counter, as nobody is told. */
export type RtpFault = 'too-short' | 'too-long' | 'bad-version' | 'bad-csrc' | 'bad-extension' | 'bad-padding'

export const emptyRtpHeader = (): RtpHeader => ({
  payloadType: 0,
  marker: false,
  sequence: 0,
  timestamp: 0,
  ssrc: 0,
  payloadStart: 0,
  payloadEnd: 0,
})

/**
 * Reads an RTP packet into `header`, without allocating. Null where it is well formed, else what is wrong with it
 * (`header` is then undefined in meaning). RFC 3550 §5.1, §5.3.1, A.1:
 *
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                           timestamp                           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           synchronization source (SSRC) identifier            |
 * +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
 * |            contributing source (CSRC) identifiers             |
 * |                             ....                              |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * ```
 */
export function parseRtp(packet: Uint8Array, header: RtpHeader): RtpFault | null {
  const length = packet.length
  const start = rtpHeaderBytes(packet)
  if (typeof start === 'string') return start
  let end = length
  if ((byte(packet, 0) & 0x20) !== 0) {
    const padding = byte(packet, length - 1)
    end -= padding
    if (padding === 0 || end < start) return 'bad-padding'
  }

  const second = byte(packet, 1)
  header.marker = (second & 0x80) !== 0
  header.payloadType = second & 0x7f
  header.sequence = uint16(packet, 2)
  header.timestamp = uint32(packet, 4)
  header.ssrc = uint32(packet, 8)
  header.payloadStart = start
  header.payloadEnd = end
  return null
}

/**
 * Bytes before the payload: header, CSRCs and extension, which is what SRTP leaves in clear (RFC 3711 §3.1). The padding behind is
 * encrypted with the payload, and not looked at.
 */
export function rtpHeaderBytes(packet: Uint8Array): number | Exclude<RtpFault, 'bad-padding'> {
  const length = packet.length
  if (length < RTP_HEADER_BYTES) return 'too-short'
  if (length > MAX_RTP_BYTES) return 'too-long'
  const first = byte(packet, 0)
  if (first >> 6 !== 2) return 'bad-version'
  const start = RTP_HEADER_BYTES + (first & 0x0f) * 4
  if (start > length) return 'bad-csrc'
  if ((first & 0x10) === 0) return start
  if (start + 4 > length) return 'bad-extension'
  const end = start + 4 + uint16(packet, start + 2) * 4
  return end > length ? 'bad-extension' : end
}

/** What a sender says of one packet. */
export interface RtpFields {
  readonly payloadType: number
  readonly marker: boolean
  readonly sequence: number
  readonly timestamp: number
  readonly ssrc: number
}

/** Writes a plain 12-byte header (no padding, extension, CSRC) at the start of `packet`. Numbers are taken modulo their field. */
export function writeRtpHeader(packet: Uint8Array, fields: RtpFields): void {
  packet[0] = 0x80
  packet[1] = (fields.marker ? 0x80 : 0) | (fields.payloadType & 0x7f)
  packet[2] = fields.sequence >>> 8
  packet[3] = fields.sequence
  packet[4] = fields.timestamp >>> 24
  packet[5] = fields.timestamp >>> 16
  packet[6] = fields.timestamp >>> 8
  packet[7] = fields.timestamp
  packet[8] = fields.ssrc >>> 24
  packet[9] = fields.ssrc >>> 16
  packet[10] = fields.ssrc >>> 8
  packet[11] = fields.ssrc
}

/**
 * Whether a datagram on a port shared by RTP and RTCP is RTCP: payload types 64-95 are left free for it,
 * so that the second byte of an RTCP packet, 192-223, tells (RFC 5761 §4).
 */
export function isRtcp(packet: Uint8Array): boolean {
  const type = byte(packet, 1)
  return type >= 192 && type <= 223
}

// Bounds are checked by the callers; `?? 0` only satisfies noUncheckedIndexedAccess and costs nothing measurable.
const byte = (packet: Uint8Array, at: number): number => packet[at] ?? 0
const uint16 = (packet: Uint8Array, at: number): number => (byte(packet, at) << 8) | byte(packet, at + 1)
const uint32 = (packet: Uint8Array, at: number): number => ((uint16(packet, at) << 16) | uint16(packet, at + 2)) >>> 0
