import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  type Question,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet'
import { decodeMessage, encodeMessage, encodeQuestion, opcodeOf, RCODE } from './codec.ts'
import { answerQuestion, type ZoneAnswer, type ZoneView } from './zone.ts'

/** What became of a message. */
export type DnsOutcome = 'answered' | 'nothing' | 'refused' | 'malformed' | 'truncated'

export interface DnsResponse {
  readonly bytes: Buffer
  readonly outcome: DnsOutcome
}

/** What a datagram holds without EDNS0, what no network cuts in pieces with it (DNS flag day 2020), and what TCP holds. */
const MAX_BYTES = { plain: 512, edns: 1_232, tcp: 65_535 } as const
const HEADER_BYTES = 12
/** EDNS0 and a signature; a question has no use for more. */
const MAX_ADDITIONALS = 2
/** Extended RCODE BADVERS (RFC 6891 §6.1.3), its upper bits. */
const BAD_VERSION = 1

/**
 * The answer to a message, whatever its bytes are. Null: it is no question, and to answer would be to answer forgers. No answer is
 * longer than 1,232 bytes over UDP, and none but to a question for our zone is longer than its question.
 */
export function respond(bytes: Buffer, overTcp: boolean, view: ZoneView): DnsResponse | null {
  if (bytes.length < HEADER_BYTES) return null
  const flags = bytes.readUInt16BE(2)
  if ((flags & 0x8000) !== 0) return null
  if (opcodeOf({ flags }) !== 0) return bare(bytes, RCODE.notImp, 'refused')
  const packet = readQuery(bytes)
  const question = packet?.questions?.[0]
  if (packet === null || question === undefined) return bare(bytes, RCODE.formErr, 'malformed')
  const opts = (packet.additionals ?? []).filter((one) => one.type === 'OPT')
  if (opts.length > 1) return bare(bytes, RCODE.formErr, 'malformed')
  const [opt] = opts
  const reply = { packet, question, hasEdns: opt !== undefined }
  if (opt !== undefined && opt.ednsVersion > 0) return write(reply, NO_ANSWER, MAX_BYTES.plain, BAD_VERSION)
  const maxBytes = overTcp ? MAX_BYTES.tcp : sizeOf(opt?.udpPayloadSize)
  if (question.class !== 'IN' || isTransfer(question.type)) return write(reply, REFUSAL, maxBytes)
  if (isAny(question.type)) return write(reply, anyAnswer(question, view), maxBytes)
  return write(reply, answerQuestion(question, view), maxBytes)
}

const sizeOf = (asked: number | undefined): number =>
  asked === undefined ? MAX_BYTES.plain : Math.min(Math.max(asked, MAX_BYTES.plain), MAX_BYTES.edns)

/** A question, and nothing else but EDNS0; null where it is not quite that. */
function readQuery(bytes: Buffer): DecodedPacket | null {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at))
  // Looked at before anything is decoded: lists of hostile lengths are not even begun.
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > MAX_ADDITIONALS) return null
  const packet = decodeMessage(bytes)
  const [question] = packet?.questions ?? []
  if (question === undefined) return null
  // Names are text here: one with dots or bytes in its labels that text cannot hold would be another when it is echoed.
  const echo = encodeQuestion(question)
  return echo?.equals(bytes.subarray(HEADER_BYTES, HEADER_BYTES + echo.length)) ? packet : null
}

/** The types of names that the package knows, and those that only queries have, are text. */
const isTransfer = (type: string): boolean => type === 'AXFR' || type === 'IXFR'
const isAny = (type: string): boolean => type === 'ANY'

const NO_ANSWER: ZoneAnswer = { rcode: 0, authoritative: false, answers: [], authorities: [], additionals: [] }
const REFUSAL: ZoneAnswer = { ...NO_ANSWER, rcode: RCODE.refused }

/** Who asks for everything gets a word instead (RFC 8482 §4.2): it is attackers who do. */
function anyAnswer({ name }: Question, view: ZoneView): ZoneAnswer {
  const answer = answerQuestion({ name, type: 'ANY' }, view)
  if (answer.rcode !== RCODE.noError) return answer
  return {
    ...answer,
    authorities: [],
    answers: [{ type: 'HINFO', name, ttl: 3_600, data: { cpu: 'RFC8482', os: '' } }],
  }
}

interface Reply {
  readonly packet: DecodedPacket
  readonly question: Question
  readonly hasEdns: boolean
}

function write(reply: Reply, answer: ZoneAnswer, maxBytes: number, extendedRcode = 0): DnsResponse {
  const { rcode, answers, authorities, additionals } = answer
  const whole = encode(reply, answer, { answers, authorities, additionals }, extendedRcode)
  if (whole.length <= maxBytes) return { bytes: whole, outcome: outcomeOf(rcode, answers.length) }
  // What is only a kindness may be left out without a word (RFC 2181 §9).
  const short = encode(reply, answer, { answers, authorities, additionals: [] }, extendedRcode)
  if (short.length <= maxBytes) return { bytes: short, outcome: outcomeOf(rcode, answers.length) }
  return { bytes: encode(reply, answer, EMPTY, extendedRcode, TRUNCATED_RESPONSE), outcome: 'truncated' }
}

/** The answer to who asks too often: come back over TCP, as a forger cannot. No longer than the question. */
export function askForTcp(bytes: Buffer): Buffer | null {
  const isQuestion = bytes.length >= HEADER_BYTES && (bytes.readUInt16BE(2) & 0x8000) === 0
  const packet = isQuestion ? readQuery(bytes) : null
  const [question] = packet?.questions ?? []
  if (packet === null || question === undefined) return null
  return encode({ packet, question, hasEdns: false }, NO_ANSWER, EMPTY, 0, TRUNCATED_RESPONSE)
}

const EMPTY = { answers: [], authorities: [], additionals: [] } as const

function outcomeOf(rcode: number, answers: number): DnsOutcome {
  if (rcode === RCODE.refused) return 'refused'
  return answers > 0 ? 'answered' : 'nothing'
}

function encode(
  { packet, question, hasEdns }: Reply,
  { rcode, authoritative }: ZoneAnswer,
  sections: Pick<ZoneAnswer, 'answers' | 'authorities' | 'additionals'>,
  extendedRcode: number,
  extraFlags = 0,
): Buffer {
  const aa = authoritative ? AUTHORITATIVE_ANSWER : 0
  const rd = packet.flag_rd ? RECURSION_DESIRED : 0
  const edns: Answer = {
    ...{ type: 'OPT', name: '.', udpPayloadSize: MAX_BYTES.edns, extendedRcode },
    ...{ ednsVersion: 0, flags: 0, flag_do: false, options: [] },
  }
  return encodeMessage({
    type: 'response',
    id: packet.id ?? 0,
    flags: aa | rd | extraFlags | rcode,
    questions: [question],
    answers: [...sections.answers],
    authorities: [...sections.authorities],
    additionals: hasEdns ? [...sections.additionals, edns] : [...sections.additionals],
  })
}

/** A header that says what is wrong, to a message that cannot be read. */
function bare(bytes: Buffer, rcode: number, outcome: DnsOutcome): DnsResponse {
  const header = Buffer.alloc(HEADER_BYTES)
  bytes.copy(header, 0, 0, 2)
  // QR, and the opcode and RD of the question.
  header.writeUInt16BE(0x8000 | (bytes.readUInt16BE(2) & 0x7900) | rcode, 2)
  return { bytes: header, outcome }
}
