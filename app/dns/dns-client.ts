import { lookup, Resolver } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import type { DnsQuestion, DnsRecord } from '../../lib/sip/rfc3263.ts'

/** The answer to one question. */
export interface DnsAnswer {
  /** None: the name, or its records of this type, are known not to be there. */
  readonly records: readonly DnsRecord[]
  readonly ttlMs: number
}

/** Asks DNS. Rejects where no server answers in time, or answers with an error (SERVFAIL). */
export type DnsClient = (question: DnsQuestion) => Promise<DnsAnswer>

export interface DnsClientOptions {
  /** Instead of those of the system: `ADDRESS:PORT`. Names of /etc/hosts are not looked up then. */
  readonly servers?: readonly string[]
  /** Of the first try; the second one takes longer. */
  readonly timeoutMs: number
}

/** How long an answer is believed of which Node does not tell the TTL: SRV, NAPTR, and /etc/hosts. */
const UNKNOWN_TTL_MS = 30_000
/** How long a name is believed not to be there; the SOA that says so (RFC 2308) is not told either. */
const NEGATIVE_TTL_MS = 5_000
const TRIES = 2
/** The codes of answers that say: there is none. */
const NOTHING = new Set(['ENOTFOUND', 'ENODATA'])

/** A client on Node's own resolver, which tells the TTLs of A and AAAA only. */
export function nodeDnsClient({ servers, timeoutMs }: DnsClientOptions): DnsClient {
  const resolver = new Resolver({ timeout: timeoutMs, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  return async (question) => {
    try {
      return await ask(resolver, question)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && NOTHING.has(String(error.code)))) throw error
      return servers === undefined ? fromHosts(question) : NONE
    }
  }
}

const NONE: DnsAnswer = { records: [], ttlMs: NEGATIVE_TTL_MS }

async function ask(resolver: Resolver, { name, type }: DnsQuestion): Promise<DnsAnswer> {
  switch (type) {
    case 'A':
    case 'AAAA': {
      const found = await (type === 'A'
        ? resolver.resolve4(name, { ttl: true })
        : resolver.resolve6(name, { ttl: true }))
      const ttlMs = Math.min(...found.map(({ ttl }) => ttl)) * 1_000
      return { records: found.map(({ address }) => ({ type, address })), ttlMs }
    }
    case 'SRV': {
      const found = await resolver.resolveSrv(name)
      const records = found.map(({ priority, weight, port, name: target }) => ({
        type,
        priority,
        weight,
        port,
        target,
      }))
      return { records, ttlMs: UNKNOWN_TTL_MS }
    }
    case 'NAPTR': {
      const found = await resolver.resolveNaptr(name)
      return { records: found.map((record) => ({ type, ...record })), ttlMs: UNKNOWN_TTL_MS }
    }
  }
}

/** Names that are known to this machine alone, such as `localhost`. */
async function fromHosts({ name, type }: DnsQuestion): Promise<DnsAnswer> {
  if (type !== 'A' && type !== 'AAAA') return NONE
  const found = await lookup(name, { all: true }).catch(() => [])
  const records = found
    .filter(({ address }) => isIPv6(address) === (type === 'AAAA'))
    .map(({ address }) => ({ type, address }))
  return records.length === 0 ? NONE : { records, ttlMs: UNKNOWN_TTL_MS }
}
