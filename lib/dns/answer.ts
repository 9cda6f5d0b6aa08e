import type { Answer, DecodedPacket } from 'dns-packet'
import type { DnsQuestion, DnsRecord } from '../sip/rfc3263.ts'
import { foldName, RCODE, rcodeOf } from './codec.ts'

/** What a message says to a question of ours. */
export type DnsVerdict =
  | { readonly kind: 'found'; readonly records: readonly DnsRecord[]; readonly ttlMs: number }
  /** There is no such name, or no such record of it. */
  | { readonly kind: 'none'; readonly ttlMs: number }
  /** It ends at an alias whose records are to be asked for by another question. */
  | { readonly kind: 'alias'; readonly name: string; readonly ttlMs: number }
  /** It did not fit in a datagram. */
  | { readonly kind: 'truncated' }
  /** This server cannot tell; another one may. */
  | { readonly kind: 'failed'; readonly reason: string }

/** How long a name is believed not to be there where no SOA says so, and at most: a carrier mends its zone sooner than in an hour. */
const NEGATIVE_TTL_MS = { default: 5_000, max: 60_000 } as const
/** Aliases in a row that are followed. */
export const MAX_ALIASES = 8

/** Whether the message is an answer to this question at all; one that is not may be anybody's. */
export function isAnswerTo({ id, flag_qr, questions }: DecodedPacket, asked: DnsQuestion, askedId: number): boolean {
  const [question] = questions ?? []
  if (!flag_qr || id !== askedId || question === undefined) return false
  return question.type === asked.type && foldName(question.name) === foldName(asked.name)
}

export function judgeAnswer(packet: DecodedPacket, { name, type }: DnsQuestion): DnsVerdict {
  if (packet.flag_tc) return { kind: 'truncated' }
  const rcode = rcodeOf(packet)
  if (rcode !== RCODE.noError && rcode !== RCODE.nxDomain) return { kind: 'failed', reason: `RCODE ${rcode}` }
  const { answers = [], authorities = [] } = packet
  const end = followAliases(answers, name)
  if (end === null) return { kind: 'failed', reason: 'its aliases go round in a circle' }
  const found = answers.filter((answer) => answer.type === type && foldName(answer.name) === end.name)
  const records = found.flatMap((answer) => recordOf(answer) ?? [])
  if (records.length > 0) return { kind: 'found', records, ttlMs: Math.min(end.ttlMs, ...found.map(ttlMsOf)) }
  const soa = authorities.find((answer) => answer.type === 'SOA')
  if (soa !== undefined) {
    // The smaller of the SOA's own TTL and its last field (RFC 2308 §5).
    const ttlMs = Math.min(ttlMsOf(soa), (soa.data.minimum ?? 0) * 1_000, NEGATIVE_TTL_MS.max)
    return { kind: 'none', ttlMs: Math.min(ttlMs, end.ttlMs) }
  }
  if (rcode === RCODE.nxDomain) return { kind: 'none', ttlMs: NEGATIVE_TTL_MS.default }
  if (end.name !== foldName(name)) return { kind: 'alias', name: end.name, ttlMs: end.ttlMs }
  // It sends us on to other servers: it was said to know, and does not (a lame delegation).
  if (authorities.some((answer) => answer.type === 'NS'))
    return { kind: 'failed', reason: 'it refers to other servers' }
  return { kind: 'none', ttlMs: NEGATIVE_TTL_MS.default }
}

interface AliasEnd {
  readonly name: string
  readonly ttlMs: number
}

/** Where the aliases of an answer end; null where they are a loop, or too many. */
function followAliases(answers: readonly Answer[], start: string): AliasEnd | null {
  let end: AliasEnd = { name: foldName(start), ttlMs: Number.POSITIVE_INFINITY }
  for (let hops = 0; hops <= MAX_ALIASES; hops += 1) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && foldName(answer.name) === end.name)
    if (alias?.type !== 'CNAME') return end
    end = { name: foldName(alias.data), ttlMs: Math.min(end.ttlMs, ttlMsOf(alias)) }
  }
  return null
}

/** A TTL with its highest bit set is none (RFC 2181 §8). */
function ttlMsOf(answer: Answer): number {
  const ttlS = 'ttl' in answer ? (answer.ttl ?? 0) : 0
  return ttlS >= 2 ** 31 ? 0 : ttlS * 1_000
}

function recordOf(answer: Answer): DnsRecord | null {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return { type: answer.type, address: answer.data }
    case 'SRV': {
      const { priority = 0, weight = 0, port, target } = answer.data
      return { type: 'SRV', priority, weight, port, target }
    }
    case 'NAPTR': {
      const { order, preference, flags, services, replacement } = answer.data
      // The root as replacement means that the rule has a regular expression instead (RFC 3403 §4.1).
      const isRule = replacement === '.'
      return { type: 'NAPTR', order, preference, flags, service: services, replacement: isRule ? '' : replacement }
    }
    default:
      return null
  }
}
