import { isIP } from 'node:net'
import type { Config } from '../../lib/config/resolve.ts'
import type { Routes } from '../../lib/route/routes.ts'
import type { AccessSnapshot } from '../sip/server.ts'

/** Addresses and ranges of carriers and SBCs, and the hosts that SBCs have credentials for. */
export type Trusted = Pick<Routes, 'sources' | 'sbcAccounts'>

/** Who may speak to the SIP server: the carriers of the config, and the other nodes of the fleet. */
export class SipAccess {
  readonly #policy: Pick<AccessSnapshot, 'unknown' | 'ban'>
  readonly #onChange: (access: AccessSnapshot) => void
  #trusted: Trusted
  #peers: readonly string[] = []

  constructor(config: Config, trusted: Trusted, onChange: (access: AccessSnapshot) => void) {
    this.#policy = { unknown: config.sip.unknown, ban: config.sip.ban }
    this.#trusted = trusted
    this.#onChange = onChange
  }

  get snapshot(): AccessSnapshot {
    const { sources, sbcAccounts } = this.#trusted
    return {
      ...this.#policy,
      allowAll: false,
      sources: [...sources, ...this.#peers],
      hosts: [...sbcAccounts.keys()],
    }
  }

  setTrusted(trusted: Trusted): void {
    this.#trusted = trusted
    this.#onChange(this.snapshot)
  }

  /** Hosts of the other nodes. A name is not resolved here: who answers by DNS for a node is not let in by that. */
  setPeers(hosts: readonly string[]): void {
    this.#peers = hosts.filter((host) => isIP(host) !== 0)
    this.#onChange(this.snapshot)
  }
}
