import type { DnsQuestion, DnsRecord } from '../../lib/sip/rfc3263.ts'
import type { DnsClient } from './dns-client.ts'

interface Entry {
  readonly records: readonly DnsRecord[]
  readonly untilMs: number
}

/** A TTL of 0 would ask for every call, one of a week outlive every move of a carrier. */
const TTL_MS = { min: 1_000, max: 3_600_000 } as const
/** After a question that nobody answered, before it is asked again. */
const SILENCE_MS = 2_000
const MAX_ENTRIES = 10_000

/**
 * Answers by their TTL, each question asked once at a time. While DNS does not answer, what it said last goes on to be true (RFC 8767):
 * a carrier is not gone because a name server is.
 */
export class DnsCache {
  readonly #client: DnsClient
  readonly #nowMs: () => number
  readonly #entries = new Map<string, Entry>()
  readonly #asking = new Map<string, Promise<readonly DnsRecord[]>>()

  /** @param nowMs monotonic */
  constructor(client: DnsClient, nowMs: () => number) {
    this.#client = client
    this.#nowMs = nowMs
  }

  /** Never rejects: where DNS neither answers nor has answered before, there are no records. */
  ask(question: DnsQuestion): Promise<readonly DnsRecord[]> {
    const key = `${question.type} ${question.name.toLowerCase()}`
    const entry = this.#entries.get(key)
    if (entry !== undefined && this.#nowMs() < entry.untilMs) return Promise.resolve(entry.records)
    const asking = this.#asking.get(key) ?? this.#ask(key, question).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #ask(key: string, question: DnsQuestion): Promise<readonly DnsRecord[]> {
    try {
      const { records, ttlMs } = await this.#client(question)
      return this.#keep(key, records, Math.min(Math.max(ttlMs, TTL_MS.min), TTL_MS.max))
    } catch {
      return this.#keep(key, this.#entries.get(key)?.records ?? [], SILENCE_MS)
    }
  }

  #keep(key: string, records: readonly DnsRecord[], ttlMs: number): readonly DnsRecord[] {
    this.#entries.delete(key)
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined && this.#entries.size >= MAX_ENTRIES) this.#entries.delete(oldest)
    this.#entries.set(key, { records, untilMs: this.#nowMs() + ttlMs })
    return records
  }
}
