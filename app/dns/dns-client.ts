import { getServers, lookup } from 'node:dns'
import { isIPv6 } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type HostPort, parseHostPort } from '../../lib/config/addresses.ts'
import { type DnsVerdict, MAX_ALIASES } from '../../lib/dns/answer.ts'
import { isName } from '../../lib/dns/codec.ts'
import type { DnsQuestion, DnsRecord } from '../../lib/sip/rfc3263.ts'
import { askServer } from './dns-exchange.ts'

/** The answer to one question. */
export interface DnsAnswer {
  /** None: the name, or its records of this type, are known not to be there. */
  readonly records: readonly DnsRecord[]
  readonly ttlMs: number
}

/** Asks DNS. Rejects where no server answers in time, or each with an error (SERVFAIL). */
export type DnsClient = (question: DnsQuestion) => Promise<DnsAnswer>

export interface DnsClientOptions {
  /** Instead of those of the system: `ADDRESS:PORT`. Names of /etc/hosts are not looked up then. */
  readonly servers?: readonly string[]
  /** After this long without an answer the question is sent again, to the next server where there is one. */
  readonly timeoutMs: number
}

/** How often a question is sent before it is given up, `timeoutMs` apart; the answer to any of them counts. */
const TRIES = 3
/** How long an entry of /etc/hosts is believed. */
const HOSTS_TTL_MS = 30_000
const DNS_PORT = 53

type Verdict = Extract<DnsVerdict, { kind: 'found' | 'none' | 'alias' }>

/** A client of our own, as Node's resolver tells the TTLs of A and AAAA only. */
export function dnsClient({ servers, timeoutMs }: DnsClientOptions): DnsClient {
  return async (question) => {
    if (!isName(question.name)) return { records: [], ttlMs: HOSTS_TTL_MS }
    const answer = await follow(servers ?? getServers(), question, timeoutMs)
    return answer.records.length > 0 || servers !== undefined ? answer : ((await fromHosts(question)) ?? answer)
  }
}

/** Asks, and asks on where the answer is an alias. */
async function follow(servers: readonly string[], question: DnsQuestion, timeoutMs: number): Promise<DnsAnswer> {
  let { name } = question
  let ttlMs = Number.POSITIVE_INFINITY
  for (let hops = 0; hops <= MAX_ALIASES; hops += 1) {
    const verdict = await askAll(servers, { ...question, name }, timeoutMs)
    ttlMs = Math.min(ttlMs, verdict.ttlMs)
    if (verdict.kind === 'found') return { records: verdict.records, ttlMs }
    if (verdict.kind === 'none') return { records: [], ttlMs }
    name = verdict.name
  }
  throw new Error(`the aliases of ${question.name} do not end`)
}

/** One server after the other, none of them forgotten: a late answer of the first counts as well. */
async function askAll(servers: readonly string[], question: DnsQuestion, timeoutMs: number): Promise<Verdict> {
  const end = new AbortController()
  const asked: Promise<Verdict>[] = []
  try {
    for (let i = 0; i < Math.max(TRIES, servers.length); i += 1) {
      const server = serverOf(servers[i % servers.length] ?? '')
      if (server !== null) asked.push(usable(server, question, end.signal))
      const first = Promise.any(asked)
      const outcome = await Promise.race([
        first.catch(() => 'failed' as const),
        delay(timeoutMs, 'silent' as const, { signal: end.signal }),
      ])
      if (outcome === 'failed' && asked.length >= servers.length) break
      if (outcome !== 'failed' && outcome !== 'silent') return outcome
    }
  } finally {
    end.abort()
  }
  throw new Error(`no DNS server answers for ${question.name}`)
}

async function usable(server: HostPort, question: DnsQuestion, signal: AbortSignal): Promise<Verdict> {
  const verdict = await askServer(server, question, signal)
  if (verdict.kind === 'failed') throw new Error(verdict.reason)
  if (verdict.kind === 'truncated') throw new Error('even over TCP the answer is cut off')
  return verdict
}

/** As Node lists them: an address, with its port in the manner of URIs where that is not 53. */
function serverOf(text: string): HostPort | null {
  return parseHostPort(text) ?? parseHostPort(isIPv6(text) ? `[${text}]:${DNS_PORT}` : `${text}:${DNS_PORT}`) ?? null
}

/** Names that are known to this machine alone, such as `localhost`. */
async function fromHosts({ name, type }: DnsQuestion): Promise<DnsAnswer | null> {
  if (type !== 'A' && type !== 'AAAA') return null
  const found = await promisify(lookup)(name, { all: true }).catch(() => [])
  const records = found
    .filter(({ address }) => isIPv6(address) === (type === 'AAAA'))
    .map(({ address }) => ({ type, address }))
  return records.length === 0 ? null : { records, ttlMs: HOSTS_TTL_MS }
}
