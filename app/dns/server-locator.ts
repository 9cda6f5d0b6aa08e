import { isIP } from 'node:net'
import {
  type Destination,
  type DnsRecord,
  locateServers,
  type Reach,
  type ServerAddress,
  serverName,
} from '../../lib/sip/rfc3263.ts'
import { DnsCache } from './dns-cache.ts'
import type { DnsClient } from './dns-client.ts'

export interface ServerLocatorOptions {
  readonly client: DnsClient
  readonly reach: Reach
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly random: () => number
}

/** A server, and whose it is. */
export interface Located<T> {
  readonly to: T
  readonly server: ServerAddress
}

/** What DNS says of one URI. */
export interface Resolution {
  readonly servers: readonly ServerAddress[]
  /** When DNS is to be asked anew, monotonic; Infinity where it was not asked. */
  readonly untilMs: number
  /** Whether DNS has answered, now or before: if not, that there are no servers means nothing. */
  readonly answered: boolean
}

/** How long an address that failed is tried after all others of its URI. */
const DEAD_MS = 30_000
const MAX_DEAD = 1_000
/** Targets of SRV records whose addresses are asked for at once. */
const MAX_AT_ONCE = 16

/** Finds the servers of SIP URIs by DNS, and puts those last that failed lately. */
export class ServerLocator {
  readonly #options: ServerLocatorOptions
  readonly #cache: DnsCache
  /** When each is believed to live again. */
  readonly #dead = new Map<string, number>()

  constructor(options: ServerLocatorOptions) {
    this.#options = options
    this.#cache = new DnsCache(options.client, options.nowMs)
  }

  /** The servers of each in turn, the best first, and those that failed lately after all others. Never rejects. */
  async locate<T extends Destination>(all: readonly T[]): Promise<readonly Located<T>[]> {
    const resolve = async (to: T): Promise<readonly Located<T>[]> =>
      (await this.#resolve(to, this.#options.random)).servers.map((server) => ({ to, server }))
    const found = (await Promise.all(all.map(resolve))).flat()
    const isDead = ({ server }: Located<T>): boolean =>
      (this.#dead.get(serverName(server)) ?? 0) > this.#options.nowMs()
    return [...found.filter((one) => !isDead(one)), ...found.filter(isDead)]
  }

  /** Every server of a URI, whatever is known of it, in an order that stays. Never rejects. */
  resolve(to: Destination): Promise<Resolution> {
    return this.#resolve(to, () => 0)
  }

  /** No connection, or nothing came back: the address is tried last for a while. */
  failed(server: ServerAddress): void {
    const key = serverName(server)
    this.#dead.delete(key)
    const [oldest] = this.#dead.keys()
    if (oldest !== undefined && this.#dead.size >= MAX_DEAD) this.#dead.delete(oldest)
    this.#dead.set(key, this.#options.nowMs() + DEAD_MS)
  }

  /** It has answered, whatever it said. */
  answered(server: ServerAddress): void {
    this.#dead.delete(serverName(server))
  }

  async #resolve(to: Destination, random: () => number): Promise<Resolution> {
    const lookup = locateServers(to, this.#options.reach, random)
    let untilMs = Number.POSITIVE_INFINITY
    let answered = true
    let step = lookup.next([])
    while (!step.done) {
      const known = await this.#cache.ask(step.value)
      untilMs = Math.min(untilMs, known.untilMs)
      answered &&= known.answered
      this.#lookAhead(known.records)
      step = lookup.next(known.records)
    }
    return { servers: step.value, untilMs, answered }
  }

  /** Asks for the addresses of all SRV targets at once: one whose name server is silent shall not hold up the others. */
  #lookAhead(records: readonly DnsRecord[]): void {
    const types = this.#options.reach.ipv6 ? (['A', 'AAAA'] as const) : (['A'] as const)
    const names = records.flatMap((record) => (record.type === 'SRV' ? [record.target] : [])).slice(0, MAX_AT_ONCE)
    for (const name of names) for (const type of types) if (isName(name)) void this.#cache.ask({ name, type })
  }
}

/** A target of "." says that the service is decidedly not there (RFC 2782), and an address needs no look-up. */
const isName = (target: string): boolean => target !== '.' && target !== '' && isIP(target) === 0
