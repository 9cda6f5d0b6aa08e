import { isIP } from 'node:net'
import type { Config } from '../../lib/config/resolve.ts'
import type { AccessSnapshot } from '../sip/server.ts'

/** Who may speak to the SIP server: the carriers of the config, and the other nodes of the fleet. */
export class SipAccess {
  readonly #policy: Pick<AccessSnapshot, 'unknown' | 'ban'>
  readonly #onChange: (access: AccessSnapshot) => void
  #sources: readonly string[]
  #peers: readonly string[] = []

  constructor(config: Config, sources: readonly string[], onChange: (access: AccessSnapshot) => void) {
    this.#policy = { unknown: config.sip.unknown, ban: config.sip.ban }
    this.#sources = sources
    this.#onChange = onChange
  }

  get snapshot(): AccessSnapshot {
    return { ...this.#policy, allowAll: false, sources: [...this.#sources, ...this.#peers] }
  }

  /** Addresses and ranges that carriers send from. */
  setSources(sources: readonly string[]): void {
    this.#sources = sources
    this.#onChange(this.snapshot)
  }

  /** Hosts of the other nodes. A name is not resolved here: who answers by DNS for a node is not let in by that. */
  setPeers(hosts: readonly string[]): void {
    this.#peers = hosts.filter((host) => isIP(host) !== 0)
    this.#onChange(this.snapshot)
  }
}
