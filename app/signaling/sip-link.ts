import type { EventEmitter } from 'node:events'
import Srf from 'drachtio-srf'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { RequestFacts } from '../../lib/route/snapshot.ts'
import { IncomingInvite } from './incoming-invite.ts'
import { OutgoingInvite, type OutgoingInviteOptions } from './outgoing-invite.ts'
import { requestFactsOf } from './request-facts.ts'
import { type PingResult, sipPing } from './sip-ping.ts'

export interface SipLinkOptions {
  /** Where the SIP server takes applications: drachtio-server, or our own. */
  readonly host: string
  readonly port: number
  readonly secret: string
}

export interface OptionsAnswer {
  readonly status: 200 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
}

const CONNECT_TIMEOUT_MS = 5_000
/** drachtio-srf waits longer with each attempt, without a bound of its own. */
const RETRY_MAX_DELAY_MS = 1_000

/**
 * Our connection to the SIP server over drachtio's wire protocol. The published `drachtio-srf` speaks it; this class is the
 * one place that knows its untyped corners. It reconnects by itself; `onDown` tells that calls of the old connection are gone.
 */
export class SipLink {
  readonly #srf: Srf
  /** drachtio-srf looks at it before each attempt; `maxAttempts: 0` is no limit. */
  readonly #reconnect = { retryMaxDelay: RETRY_MAX_DELAY_MS, maxAttempts: 0 }
  #connected = false
  #closing = false

  private constructor(srf: Srf) {
    this.#srf = srf
    const events: EventEmitter = srf
    events.on('connect', () => {
      this.#connected = true
      if (this.#closing) this.#disconnect()
    })
    events.on('close', () => {
      this.#connected = false
    })
  }

  /** Resolves when the SIP server has accepted the secret. */
  static connect(options: SipLinkOptions): Promise<Result<SipLink, Error>> {
    return new Promise((resolve) => {
      const srf = new Srf()
      const link = new SipLink(srf)
      const timer = setTimeout(() => {
        link.close()
        resolve(
          err(
            new Error(`no answer from the SIP server at ${options.host}:${options.port} in ${CONNECT_TIMEOUT_MS} ms`),
          ),
        )
      }, CONNECT_TIMEOUT_MS)
      srf.once('connect', (error: unknown) => {
        clearTimeout(timer)
        if (error === null || error === undefined) resolve(ok(link))
        else resolve(err(error instanceof Error ? error : new Error('the SIP server refused the connection')))
      })
      // Without a listener a lost connection would throw; what to do about it comes with `close`.
      srf.on('error', () => undefined)
      // An option that drachtio-srf's types do not know.
      void srf.connect(Object.assign({ ...options }, { reconnect: link.#reconnect }))
    })
  }

  /** Asks by OPTIONS whether a SIP peer is there; at `nextHop`, a SIP URI, where that is not where `uri` leads. */
  ping(uri: string, timeoutMs: number, nextHop?: string): Promise<PingResult> {
    return sipPing(this.#srf, { uri, timeoutMs, ...(nextHop !== undefined && { nextHop }) })
  }

  /** Sends an INVITE of ours. */
  invite(options: OutgoingInviteOptions): OutgoingInvite {
    return new OutgoingInvite(this.#srf, options)
  }

  /** Each INVITE outside of a dialog. A handler that throws costs that call, never the process. */
  onInvite(handler: (invite: IncomingInvite) => void): void {
    this.#srf.invite((req, res) => handler(new IncomingInvite(this.#srf, req, res)))
  }

  /** OPTIONS outside of a dialog (RFC 3261 §11): would a call be served now? */
  onOptions(answer: (request: RequestFacts) => OptionsAnswer): void {
    const options: unknown = Reflect.get(this.#srf, 'options')
    if (typeof options !== 'function') throw new Error('this drachtio-srf has no options()')
    options.call(this.#srf, (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      const { status, headers } = answer(requestFactsOf(req))
      res.send(status, { headers: { ...headers } })
    })
  }

  /** The connection is lost, and with it every dialog that it carried. */
  onDown(listener: () => void): void {
    const events: EventEmitter = this.#srf
    events.on('close', () => {
      if (!this.#closing) listener()
    })
  }

  /** Ends the connection; where it is lost just now, no new one is made, or none is kept. */
  close(): void {
    this.#closing = true
    this.#reconnect.maxAttempts = 1
    if (this.#connected) this.#disconnect()
  }

  /** drachtio-srf throws where there is nothing to disconnect. */
  #disconnect(): void {
    this.#connected = false
    this.#srf.disconnect()
  }
}
