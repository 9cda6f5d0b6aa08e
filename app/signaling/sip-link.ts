import type Srf from 'drachtio-srf'
import { endReason } from '../../lib/call/end-reason.ts'
import { err, ok, type Result } from '../../lib/core/result.ts'
import type { RequestFacts } from '../../lib/route/snapshot.ts'
import { hasScheme } from '../../lib/sip/contact-scheme.ts'
import { type DialogState, formatDialogState } from '../../lib/sip/dialog-state.ts'
import { SessionIds, type SessionUuid } from '../../lib/sip/session-id.ts'
import { type AdoptedDialog, adoptDialog } from './adopt-dialog.ts'
import { DialogFacts } from './dialog-facts.ts'
import { IncomingInvite } from './incoming-invite.ts'
import { OutgoingInvite, type OutgoingInviteOptions } from './outgoing-invite.ts'
import { requestFactsOf } from './request-facts.ts'
import { type FrameTap, type SipConnectError, SipConnection, type SipServerPlace } from './sip-connection.ts'
import { SipDialog } from './sip-dialog.ts'
import { type PingResult, sipPing } from './sip-ping.ts'

export interface SipLinkOptions {
  /** SIP servers in the order in which they are tried: one at a time carries the calls. */
  readonly servers: readonly SipServerPlace[]
  /** Sees the frames of each connection. */
  readonly tap?: (hostports: readonly string[]) => FrameTap
  /** How long the first connection is tried for; 0: once. A secret that is not accepted ends it at once. */
  readonly patienceMs?: number
  /** Ends the first tries early. */
  readonly signal?: AbortSignal
}

export interface OptionsAnswer {
  readonly status: 200 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
}

/** Whether the SIP server is there; `reason` says why it is not. */
export type LinkState = { readonly up: true; readonly server: string } | { readonly up: false; readonly reason: string }

/** Before the next try, longer each time up to the last. */
const RETRY_MS = [150, 300, 600, 1_000, 2_000] as const

/**
 * Our line to the SIP server over drachtio's wire protocol, which is made anew where it is lost: to the same server, or to the next
 * that the config names. Calls of a lost connection are gone; `onState` tells when.
 */
export class SipLink {
  readonly #options: SipLinkOptions
  readonly #handlers: ((srf: Srf) => void)[] = []
  readonly #listeners: ((state: LinkState) => void)[] = []
  readonly #live = new Set<SipDialog>()
  /** Dialogs of lost connections, which the server may still have: by its name. */
  readonly #orphans = new Map<string, readonly string[]>()
  #state: LinkState = { up: false, reason: 'not connected yet' }
  #connection: SipConnection | null = null
  #lastSrf: Srf | null = null
  #retry: NodeJS.Timeout | undefined
  #tries = 0
  #hostports: readonly string[] = []
  #closing = false

  private constructor(options: SipLinkOptions) {
    this.#options = options
  }

  /** Resolves when a SIP server has accepted the secret; why none has, where that is not so in time. */
  static async connect(options: SipLinkOptions): Promise<Result<SipLink, Error>> {
    const link = new SipLink(options)
    for (const startedAtMs = performance.now(); ; ) {
      const failure = await link.#tryServers()
      if (failure === null) return ok(link)
      const isOver = performance.now() - startedAtMs >= (options.patienceMs ?? 0) || options.signal?.aborted === true
      if (failure.kind === 'refused' || isOver) return err(new Error(failure.message))
      await new Promise((resolve) => setTimeout(resolve, link.#nextDelayMs()))
    }
  }

  get state(): LinkState {
    return this.#state
  }

  /** For a library that sends requests of its own; null while there is no connection. It is another one after each. */
  get srf(): Srf | null {
    return this.#connection?.srf ?? null
  }

  /** The server's sockets as `udp/192.0.2.1:5060`; of the last one while there is none. */
  get hostports(): readonly string[] {
    return this.#hostports
  }

  /** Asks by OPTIONS whether a SIP peer is there; at `nextHop`, a SIP URI, where that is not where `uri` leads. */
  async ping(uri: string, timeoutMs: number, nextHop?: string): Promise<PingResult> {
    if (this.#connection === null) return { kind: 'away' }
    return sipPing(this.#connection.srf, { uri, timeoutMs, ...(nextHop !== undefined && { nextHop }) })
  }

  /** Sends an INVITE of ours; where the line is lost it fails. */
  invite(options: OutgoingInviteOptions): OutgoingInvite {
    if (this.#lastSrf === null) throw new Error('an INVITE before the first connection')
    return new OutgoingInvite(this.#lastSrf, options, this.#live)
  }

  /** Whether the server can go on with a dialog that another one had: our own says so, drachtio-server has no word for it. */
  get importsDialogs(): boolean {
    return this.#connection?.version.includes(DIALOG_IMPORT) ?? false
  }

  /**
   * Goes on with a dialog that another server had, and that nobody has any more; why not, where our server does not.
   *
   * @param sessionUuid who is at our end (RFC 7989); who is at the far end is heard from its next message
   */
  importDialog(
    state: DialogState,
    sessionUuid: () => SessionUuid,
    auth?: AdoptedDialog['auth'],
  ): Promise<Result<SipDialog, string>> {
    const connection = this.#connection
    if (connection === null) return Promise.resolve(err('there is no SIP server'))
    if (!this.importsDialogs) return Promise.resolve(err('the SIP server imports no dialogs'))
    return new Promise((resolve) => {
      connection.ask(`dialog|import|${formatDialogState(state)}`, (answer) => {
        const [verdict, detail = ''] = answer ?? ['NOK', 'the SIP server was lost']
        if (verdict !== 'OK') return resolve(err(detail))
        // At once: what the far end says in the dialog may be in the same read of the socket.
        const dialog = adoptDialog(connection.srf, { id: detail, state, auth })
        resolve(ok(new SipDialog(dialog, this.#live, new SessionIds(sessionUuid), DialogFacts.taken(state))))
      })
    })
  }

  /** Each INVITE outside of a dialog. A handler that throws costs that call, never the process. */
  onInvite(handler: (invite: IncomingInvite) => void): void {
    this.#handle((srf) =>
      srf.invite((req, res) => {
        if (isAnswerable(req)) handler(new IncomingInvite(srf, req, res, this.#live))
      }),
    )
  }

  /** OPTIONS outside of a dialog (RFC 3261 §11): would a call be served now? */
  onOptions(answer: (request: RequestFacts) => OptionsAnswer): void {
    this.#handle((srf) => {
      const options: unknown = Reflect.get(srf, 'options')
      if (typeof options !== 'function') throw new Error('this drachtio-srf has no options()')
      options.call(srf, (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
        if (!isAnswerable(req)) return
        const { status, headers } = answer(requestFactsOf(req))
        res.send(status, { headers: { ...headers } })
      })
    })
  }

  /** The line is lost, and with it every dialog that it carried; or it is there again. */
  onState(listener: (state: LinkState) => void): void {
    this.#listeners.push(listener)
  }

  /** Ends the connection; where it is lost just now, no new one is made. */
  close(): void {
    this.#closing = true
    clearTimeout(this.#retry)
    this.#connection?.close()
    this.#connection = null
  }

  #handle(install: (srf: Srf) => void): void {
    this.#handlers.push(install)
    if (this.#connection !== null) install(this.#connection.srf)
  }

  /** Null where one of them took us. */
  async #tryServers(): Promise<SipConnectError | null> {
    const failures: SipConnectError[] = []
    for (const place of this.#options.servers) {
      const server = `${place.host}:${place.port}`
      const opened = await SipConnection.open(place, {
        ...(this.#options.tap !== undefined && { tap: this.#options.tap }),
        onLost: (reason) => this.#onLost(server, reason),
      })
      if (opened.ok) {
        this.#onOpened(server, opened.value)
        return null
      }
      failures.push({ ...opened.error, message: `SIP server at ${server}: ${opened.error.message}` })
    }
    const kind = failures.every((failure) => failure.kind === 'refused') ? 'refused' : 'unreachable'
    return { kind, message: failures.map(({ message }) => message).join('; ') }
  }

  #onOpened(server: string, connection: SipConnection): void {
    if (this.#closing) return connection.close()
    this.#tries = 0
    this.#connection = connection
    this.#lastSrf = connection.srf
    this.#hostports = connection.hostports
    for (const install of this.#handlers) install(connection.srf)
    this.#endOrphans(server, connection.srf)
    this.#become({ up: true, server })
  }

  #onLost(server: string, reason: string): void {
    this.#connection = null
    if (this.#closing) return
    this.#orphans.set(
      server,
      [...this.#live].map(({ id }) => id),
    )
    this.#live.clear()
    this.#become({ up: false, reason: `SIP server at ${server}: ${reason}` })
    this.#reconnect()
  }

  #reconnect(): void {
    this.#retry = setTimeout(() => void this.#tryAgain(), this.#nextDelayMs())
  }

  async #tryAgain(): Promise<void> {
    const failure = await this.#tryServers()
    if (failure === null || this.#closing) return
    this.#state = { up: false, reason: failure.message }
    this.#reconnect()
  }

  /** Spread by a quarter, so that the nodes of a fleet do not come back to a server together. */
  #nextDelayMs(): number {
    const delayMs = RETRY_MS[Math.min(this.#tries, RETRY_MS.length - 1)] ?? 0
    this.#tries += 1
    return delayMs * (0.75 + Math.random() / 2)
  }

  /**
   * Where the connection alone was lost, and not the server, far ends still wait in calls that are closed here: they are hung up.
   * A server that was started anew knows none of them and says so, which concerns nobody.
   */
  #endOrphans(server: string, srf: Srf): void {
    const request: unknown = Reflect.get(srf, 'request')
    if (typeof request !== 'function') throw new Error('this drachtio-srf has no request()')
    for (const stackDialogId of this.#orphans.get(server) ?? []) {
      const bye = { method: 'BYE', stackDialogId, headers: { Reason: endReason('trunk-fault') } }
      request.call(srf, 'sip:placeholder', bye, () => undefined)
    }
    this.#orphans.delete(server)
  }

  #become(state: LinkState): void {
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }
}

/** By which our own server's version tells that it knows `dialog|import`. */
const DIALOG_IMPORT = '+dialog-import'

/** What would end drachtio-server is left alone; it forgets the request after a minute. Our own server refuses such a request itself. */
const isAnswerable = (req: Srf.SrfRequest): boolean => !req.has('Contact') || hasScheme(req.get('Contact'))
