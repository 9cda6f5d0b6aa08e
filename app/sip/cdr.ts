import type { AppLink } from './app-link.ts'
import type { WireServer } from './wire/wire-server.ts'

/** Who caused the event: the peer, or the application. */
export type CdrSource = 'network' | 'application'

/** Why a call ended (drachtio-server's words). */
export type CdrStopReason =
  | 'normal-release'
  | 'call-rejected'
  | 'call-canceled'
  | 'session-expired'
  | 'system-error-initiated-termination'

/** drachtio's call data record events, each sent to one of the clients that asked for it. */
export class Cdr {
  readonly #wire: Pick<WireServer, 'pick'>
  readonly #link: AppLink

  constructor(wire: Pick<WireServer, 'pick'>, link: AppLink) {
    this.#wire = wire
    this.#link = link
  }

  /** An INVITE that opens a call came or went. */
  attempt(source: CdrSource, invite: Buffer): void {
    this.#post('attempt', source, invite)
  }

  /** A call was answered; `role` is ours. */
  start(source: CdrSource, role: 'uac' | 'uas' | 'proxy-uac' | 'proxy-uas', answer: Buffer): void {
    this.#post('start', source, answer, role)
  }

  /** A call, or an attempt that came to nothing, ended. */
  stop(source: CdrSource, reason: CdrStopReason, message: Buffer): void {
    this.#post('stop', source, message, reason)
  }

  #post(event: string, source: CdrSource, message: Buffer, detail?: string): void {
    const client = this.#wire.pick(`cdr:${event}`)
    if (client !== undefined) this.#link.cdr(client, event, source, message, detail)
  }
}
