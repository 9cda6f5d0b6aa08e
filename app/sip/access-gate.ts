import { BlockList, isIP, isIPv6 } from 'node:net'
import { BanList, DEFAULT_BAN_POLICY } from '../../lib/sip/ban-list.ts'
import { GuestList } from '../../lib/sip/guest-list.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import { isSipUri } from '../../lib/sip/uri.ts'
import type { AccessSnapshot, GuestVerdict, UnknownPolicy } from './server-options.ts'
import type { Admission } from './uas.ts'

/** What could be a call, or asks for one. */
const GUEST_METHODS: ReadonlySet<string> = new Set(['INVITE', 'OPTIONS'])

/** Who may speak to the server: a snapshot pushed in from outside, and bans of those who keep trying. */
export class AccessGate {
  readonly #nowMs: () => number
  readonly #bans = new BanList()
  readonly #guests = new GuestList()
  #hosts: ReadonlySet<string> = new Set()
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
    this.#hosts = new Set(snapshot.hosts)
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

  /** Whether it has shown an application credentials lately. */
  isProven(address: string): boolean {
    return this.#guests.isProven(address, this.#nowMs())
  }

  /** Whether one more challenge is within the allowance of an address. */
  admitGuest(address: string): boolean {
    return this.#guests.admit(address, this.#nowMs())
  }

  /** Judges a request that belongs to no dialog of ours, and counts its source if it is unknown. */
  admit(address: string, request?: SipRequest): Admission {
    if (this.isKnown(address)) return 'admit'
    if (request !== undefined && this.#mayBeGuest(request) && this.admitGuest(address)) return 'guest'
    return this.refuse(address)
  }

  /** Counts a request of an unknown source, and says what it gets. */
  refuse(address: string): 'drop' | 'reject' {
    this.#refused += 1
    // An SBC that is in order may well send a CANCEL too late, or a BYE for a dialog that is gone.
    if (!this.isProven(address)) this.#bans.count(address, this.#nowMs())
    return this.#unknown
  }

  /** An application has looked at the credentials of a guest. Known addresses are never banned. */
  judgeGuest(address: string, verdict: GuestVerdict): void {
    if (this.isKnown(address)) return
    if (verdict === 'proven') {
      this.#guests.prove(address, this.#nowMs())
      this.#bans.forget(address)
    } else {
      this.#refused += 1
      this.#bans.count(address, this.#nowMs())
    }
  }

  #mayBeGuest(request: SipRequest): boolean {
    if (this.#hosts.size === 0 || !GUEST_METHODS.has(request.method)) return false
    const uri = request.requestUri()
    return isSipUri(uri) && this.#hosts.has(uri.host.toLowerCase())
  }
}
