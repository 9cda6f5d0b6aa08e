import { type DecodedPacket, decode, encode, type Packet, type Question, RECURSION_DESIRED } from 'dns-packet'

/** DNS messages (RFC 1035 §4) by the package `dns-packet`; what is hostile about them is caught here. */

const HEADER_BYTES = 12
/** The shortest question: the root's name, type and class; the shortest record has TTL and length besides. */
const MIN_QUESTION_BYTES = 5
const MIN_RECORD_BYTES = 11

/** The message in these bytes; null where they are none. */
export function decodeMessage(bytes: Uint8Array): DecodedPacket | null {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!holdsItsCounts(message)) return null
  try {
    return decode(message)
  } catch {
    return null
  }
}

/**
 * Whether as much as the header announces could stand in the message at all. The package believes it and makes the records up: a datagram
 * of 65 bytes took it 100 ms.
 */
function holdsItsCounts(message: Buffer): boolean {
  if (message.length < HEADER_BYTES) return false
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => message.readUInt16BE(at))
  const records = (answers ?? 0) + (authorities ?? 0) + (additionals ?? 0)
  return HEADER_BYTES + (questions ?? 0) * MIN_QUESTION_BYTES + records * MIN_RECORD_BYTES <= message.length
}

export const encodeMessage = (packet: Packet): Buffer => encode(packet)

/** One question as it stands in a message; null where it cannot be written. */
export function encodeQuestion(question: Question): Buffer | null {
  try {
    return encode({ type: 'query', questions: [question] }).subarray(HEADER_BYTES)
  } catch {
    return null
  }
}

/** RFC 1035 §4.1.1. The package keeps it in the flags, which it types as a number. */
export const RCODE = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5 } as const
export const rcodeOf = ({ flags = 0 }: Packet): number => flags & 0x0f
export const opcodeOf = ({ flags = 0 }: Packet): number => (flags >> 11) & 0x0f

/** Names as they are compared: DNS knows no case (RFC 4343). */
export const foldName = (name: string): string => name.toLowerCase().replace(/\.$/, '')

/** Whether a name can be asked for: labels of 1 to 63 visible characters, 253 in all (RFC 1035 §2.3.4). */
export const isName = (name: string): boolean =>
  name.length <= 253 &&
  foldName(name)
    .split('.')
    .every((label) => /^[\x21-\x7e]{1,63}$/.test(label))

/** A question to a resolver. */
export const formatQuestion = (id: number, name: string, type: 'A' | 'AAAA' | 'SRV' | 'NAPTR'): Buffer =>
  encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ name: foldName(name), type }] })
