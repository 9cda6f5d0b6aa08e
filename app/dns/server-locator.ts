import { type Destination, locateServers, type Reach, type ServerAddress } from '../../lib/sip/rfc3263.ts'
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

/** How long an address that failed is tried after all others of its URI. */
const DEAD_MS = 30_000
const MAX_DEAD = 1_000

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
    const found = (await Promise.all(all.map((to) => this.#locate(to)))).flat()
    const isDead = ({ server }: Located<T>): boolean => (this.#dead.get(keyOf(server)) ?? 0) > this.#options.nowMs()
    return [...found.filter((one) => !isDead(one)), ...found.filter(isDead)]
  }

  /** No connection, or nothing came back: the address is tried last for a while. */
  failed(server: ServerAddress): void {
    const key = keyOf(server)
    this.#dead.delete(key)
    const [oldest] = this.#dead.keys()
    if (oldest !== undefined && this.#dead.size >= MAX_DEAD) this.#dead.delete(oldest)
    this.#dead.set(key, this.#options.nowMs() + DEAD_MS)
  }

  /** It has answered, whatever it said. */
  answered(server: ServerAddress): void {
    this.#dead.delete(keyOf(server))
  }

  async #locate<T extends Destination>(to: T): Promise<readonly Located<T>[]> {
    const lookup = locateServers(to, this.#options.reach, this.#options.random)
    let step = lookup.next([])
    while (!step.done) step = lookup.next(await this.#cache.ask(step.value))
    return step.value.map((server) => ({ to, server }))
  }
}

const keyOf = ({ transport, host, port }: ServerAddress): string => `${transport}:${host}:${port}`
