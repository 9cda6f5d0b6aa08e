import { readFileSync } from 'node:fs'
import type { Config } from '../../lib/config/resolve.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import { type TlsMaterial, tlsFault } from '../sip/server.ts'

export type TlsConfig = NonNullable<Config['sip']['tls']>

/** How often the files are looked at: whoever renews a certificate does not wait for us, and it does not end in this time. */
const LOOK_MS = 10_000

/** Reads the files that the config names and tries them; the error says which key, and why. */
export function readTls(config: TlsConfig): Result<TlsMaterial, string> {
  try {
    const material: TlsMaterial = {
      cert: read('cert', config.cert),
      key: read('key', config.key),
      ca: config.ca === null ? null : read('ca', config.ca),
      verifyClient: config.verifyClient,
      hosts: config.hosts.map(({ names, cert, key }, i) => ({
        names,
        cert: read(`hosts[${i}].cert`, cert),
        key: read(`hosts[${i}].key`, key),
      })),
    }
    const fault = tlsFault(material)
    return fault === null ? ok(material) : err(`sip.tls: ${fault}`)
  } catch (cause) {
    return err(cause instanceof Error ? cause.message : String(cause))
  }
}

function read(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new Error(`sip.tls.${key}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

export interface TlsWatchOptions {
  readonly config: TlsConfig
  /** What is in force. */
  readonly material: TlsMaterial
  readonly onRenewed: (material: TlsMaterial) => void
  /** The files have changed to what cannot be used: the old ones stay in force. Told once for each such state. */
  readonly onFault: (fault: string) => void
  readonly lookMs?: number
}

/** Reads the files again and again, so that renewed certificates are shown without a restart. */
export class TlsWatch {
  readonly #options: TlsWatchOptions
  readonly #timer: NodeJS.Timeout
  #seen: string

  constructor(options: TlsWatchOptions) {
    this.#options = options
    this.#seen = JSON.stringify(options.material)
    this.#timer = setInterval(() => this.look(), options.lookMs ?? LOOK_MS).unref()
  }

  /** Looks now. */
  look(): void {
    const { config, onRenewed, onFault } = this.#options
    const read = readTls(config)
    const seen = JSON.stringify(read.ok ? read.value : read.error)
    if (seen === this.#seen) return
    this.#seen = seen
    if (read.ok) onRenewed(read.value)
    else onFault(read.error)
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
