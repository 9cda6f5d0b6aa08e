import { BlockList, isIP, isIPv6 } from 'node:net'
import { BanList, DEFAULT_BAN_POLICY } from '../../lib/sip/ban-list.ts'
import type { AccessSnapshot, UnknownPolicy } from './server-options.ts'
import type { Admission } from './uas.ts'

/** Who may speak to the server: a snapshot pushed in from outside, and bans of those who keep trying. */
export class AccessGate {
  readonly #nowMs: () => number
  readonly #bans = new BanList()
  #allowAll = false
  #unknown: UnknownPolicy = 'drop'
  #addresses: ReadonlySet<string> = new Set()
  #ranges: BlockList | undefined
  #refused = 0
  #dropped = 0
  #malformed = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Requests of unknown sources that got silence or a 403. */
  get refusedCount(): number {
    return this.#refused
  }

  /** Sources of the snapshot that could not be read. */
  get malformedCount(): number {
    return this.#malformed
  }

  /** Packets of banned addresses, dropped before parsing. */
  get droppedCount(): number {
    return this.#dropped
  }

  /** Takes a new snapshot. A source that is neither address nor CIDR range lets nobody in; it is counted. */
  set(snapshot: AccessSnapshot): void {
    const addresses = new Set<string>()
    const ranges = new BlockList()
    let malformed = 0
    let ranged = false
    for (const source of snapshot.sources) {
      const [address = '', bits] = source.split('/')
      const size = bits === undefined ? undefined : Number(bits)
      const max = isIPv6(address) ? 128 : 32
      if (isIP(address) === 0 || (size !== undefined && !(Number.isInteger(size) && size >= 0 && size <= max))) {
        malformed += 1
      } else if (size === undefined || size === max) addresses.add(address)
      else {
        ranges.addSubnet(address, size, isIPv6(address) ? 'ipv6' : 'ipv4')
        ranged = true
      }
    }
    this.#allowAll = snapshot.allowAll
    this.#unknown = snapshot.unknown
    this.#addresses = addresses
    this.#ranges = ranged ? ranges : undefined
    this.#bans.policy = snapshot.ban ?? DEFAULT_BAN_POLICY
    this.#bans.pardon((address) => this.isKnown(address))
    this.#malformed = malformed
  }

  isKnown(address: string): boolean {
    if (this.#allowAll || this.#addresses.has(address)) return true
    return this.#ranges?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ?? false
  }

  /** Whether a packet is to be dropped unread. */
  isBanned(address: string): boolean {
    const banned = this.#bans.size > 0 && this.#bans.isBanned(address, this.#nowMs())
    if (banned) this.#dropped += 1
    return banned
  }

  /** Judges a request that belongs to no dialog of ours, and counts its source if it is unknown. */
  admit(address: string): Admission {
    if (this.isKnown(address)) return 'admit'
    this.#refused += 1
    this.#bans.count(address, this.#nowMs())
    return this.#unknown
  }
}
