import { type DecodedPacket, decode, encode, type Packet, type Question, RECURSION_DESIRED } from 'dns-packet'

/** DNS messages (RFC 1035 §4) by the package `dns-packet`; what is hostile about them is caught here. */

/** The message in these bytes; null where they are none. */
export function decodeMessage(bytes: Uint8Array): DecodedPacket | null {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch {
    return null
  }
}

export const encodeMessage = (packet: Packet): Buffer => encode(packet)

const HEADER_BYTES = 12

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
