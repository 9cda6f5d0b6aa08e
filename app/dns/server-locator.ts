import { isIP } from 'node:net'
import {
  type Destination,
  type DnsRecord,
  locateServers,
  type Reach,
  type ServerAddress,
  serverName,
} from '../../lib/sip/rfc3263.ts'
import { DnsCache, type Known } from './dns-cache.ts'
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
/** How long a call waits for all of them together: it has two seconds to reach someone. */
const HURRY_MS = 500

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
      (await this.#resolve(to, this.#options.random, HURRY_MS)).servers.map((server) => ({ to, server }))
    const found = (await Promise.all(all.map(resolve))).flat()
    const isDead = ({ server }: Located<T>): boolean =>
      (this.#dead.get(serverName(server)) ?? 0) > this.#options.nowMs()
    return [...found.filter((one) => !isDead(one)), ...found.filter(isDead)]
  }

  /** Every server of a URI, whatever is known of it, in an order that stays. Never rejects. */
  resolve(to: Destination): Promise<Resolution> {
    return this.#resolve(to, () => 0, null)
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

  /** @param hurryMs how long the addresses of SRV targets are waited for, all together, where there are several; null: as long as it takes */
  async #resolve(to: Destination, random: () => number, hurryMs: number | null): Promise<Resolution> {
    const lookup = locateServers(to, this.#options.reach, random)
    const hurry = new Hurry(hurryMs)
    let untilMs = Number.POSITIVE_INFINITY
    let answered = true
    let step = lookup.next([])
    while (!step.done) {
      const known = await hurry.orNothing(this.#cache.ask(step.value))
      untilMs = Math.min(untilMs, known.untilMs)
      answered &&= known.answered
      if (this.#lookAhead(known.records) > 1) hurry.begin()
      step = lookup.next(known.records)
    }
    hurry.end()
    return { servers: step.value, untilMs, answered }
  }

  /** Asks for the addresses of all SRV targets at once: one whose name server is silent shall not hold up the others. How many they are. */
  #lookAhead(records: readonly DnsRecord[]): number {
    const types = this.#options.reach.ipv6 ? (['A', 'AAAA'] as const) : (['A'] as const)
    const targets = records.flatMap((record) => (record.type === 'SRV' ? [record.target] : [])).filter(isName)
    const names = targets.slice(0, MAX_AT_ONCE)
    for (const name of names) for (const type of types) void this.#cache.ask({ name, type })
    return names.length
  }
}

/** The time that a call has for the addresses of several targets: those that have not come by then are left out. */
class Hurry {
  readonly #ms: number | null
  #timer: NodeJS.Timeout | undefined
  #over: Promise<Known> | null = null

  constructor(ms: number | null) {
    this.#ms = ms
  }

  begin(): void {
    const ms = this.#ms
    if (ms === null) return
    this.#over ??= new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve(NOT_TOLD), ms)
    })
  }

  orNothing(asked: Promise<Known>): Promise<Known> {
    return this.#over === null ? asked : Promise.race([asked, this.#over])
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}

const NOT_TOLD: Known = { records: [], untilMs: Number.NEGATIVE_INFINITY, answered: false }

/** A target of "." says that the service is decidedly not there (RFC 2782), and an address needs no look-up. */
const isName = (target: string): boolean => target !== '.' && target !== '' && isIP(target) === 0
