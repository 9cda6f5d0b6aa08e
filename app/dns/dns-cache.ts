import type { DnsQuestion, DnsRecord } from '../../lib/sip/rfc3263.ts'
import type { DnsClient } from './dns-client.ts'

/** What is believed of a question, and until when. */
export interface Known {
  readonly records: readonly DnsRecord[]
  /** Monotonic. */
  readonly untilMs: number
  /** False: DNS has never answered it, so that there are no records means nothing. */
  readonly answered: boolean
}

/** A TTL of 0 would ask for every call, one of a week outlive every move of a carrier. */
const TTL_MS = { min: 1_000, max: 3_600_000 } as const
/** After a question that nobody answered, before it is asked again. */
const SILENCE_MS = 2_000
/** How long a call waits for a fresher answer than the one that is known: it has two seconds to reach someone. */
const PATIENCE_MS = 300
const MAX_ENTRIES = 10_000

/**
 * Answers by their TTL, each question asked once at a time. While DNS does not answer, what it said last goes on to be true (RFC 8767):
 * a carrier is not gone because a name server is.
 */
export class DnsCache {
  readonly #client: DnsClient
  readonly #nowMs: () => number
  readonly #entries = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<Known>>()

  /** @param nowMs monotonic */
  constructor(client: DnsClient, nowMs: () => number) {
    this.#client = client
    this.#nowMs = nowMs
  }

  /** Never rejects: where DNS neither answers nor has answered before, there are no records. */
  async ask(question: DnsQuestion): Promise<Known> {
    const key = `${question.type} ${question.name.toLowerCase()}`
    const entry = this.#entries.get(key)
    if (entry !== undefined && this.#nowMs() < entry.untilMs) return entry
    const asking = this.#asking.get(key) ?? this.#ask(key, question).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return entry === undefined ? asking : impatient(asking, entry)
  }

  async #ask(key: string, question: DnsQuestion): Promise<Known> {
    try {
      const { records, ttlMs } = await this.#client(question)
      const keptMs = Math.min(Math.max(ttlMs, TTL_MS.min), TTL_MS.max)
      return this.#keep(key, { records, untilMs: this.#nowMs() + keptMs, answered: true })
    } catch {
      const { records, answered } = this.#entries.get(key) ?? { records: [], answered: false }
      return this.#keep(key, { records, untilMs: this.#nowMs() + SILENCE_MS, answered })
    }
  }

  #keep(key: string, known: Known): Known {
    this.#entries.delete(key)
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined && this.#entries.size >= MAX_ENTRIES) this.#entries.delete(oldest)
    this.#entries.set(key, known)
    return known
  }
}

/** What was known before, where the answer takes longer than whoever asks can wait. */
async function impatient(asking: Promise<Known>, before: Known): Promise<Known> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Known>((resolve) => {
    timer = setTimeout(() => resolve(before), PATIENCE_MS)
  })
  return Promise.race([asking, late]).finally(() => clearTimeout(timer))
}
