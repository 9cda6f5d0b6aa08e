import { randomUUID } from 'node:crypto'
import Srf from 'drachtio-srf'
import { endReason } from '../../lib/call/end-reason.ts'
import { drawnUuid, SessionIds, type SessionUuid } from '../../lib/sip/session-id.ts'
import { SipDialog } from './sip-dialog.ts'
import { ALLOW, headerOf, SESSION_ID } from './sip-facts.ts'
import { propertyOf } from './srf-inside.ts'

export interface OutgoingInviteOptions {
  /** The request-URI. */
  readonly uri: string
  /** A URI that the INVITE is sent to instead of where the request-URI leads. */
  readonly nextHop?: string
  /** The offer. */
  readonly sdp: string
  /** From, and whatever else the INVITE shall carry. */
  readonly headers: Readonly<Record<string, string>>
  readonly credentials?: { readonly username: string; readonly password: string }
  /** Who is at our end, for Session-ID (RFC 7989), asked for each message; by default somebody who is drawn for this INVITE. */
  readonly sessionUuid?: () => SessionUuid
  /** Whether a 302 is followed, to its first Contact, up to five times. */
  readonly followRedirects?: boolean
  /** The INVITE has left, with this Call-ID; once, also where it is sent again with credentials. */
  readonly onSent?: (sipCallId: string) => void
  readonly onProvisional?: (status: number) => void
}

export type InviteOutcome =
  | { readonly kind: 'answered'; readonly dialog: SipDialog; readonly answer: string }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly reason: string
      /** The address it came from; null where our own SIP server made it, as no answer will come: 408, 503. */
      readonly source: string | null
      /** The Contacts of a 3xx; empty where there are none. */
      readonly contact: string
      /** RFC 3261 §20.33; null where there is none. */
      readonly retryAfterS: number | null
    }
  /** A 2xx that makes no dialog; the SIP server has acknowledged it and ended it by BYE. */
  | { readonly kind: 'unusable'; readonly message: string }
  /** The INVITE could not be made. */
  | { readonly kind: 'failed'; readonly message: string }
  /** No socket of ours reaches the address. */
  | { readonly kind: 'unreachable'; readonly message: string }

/** An INVITE that we send outside of a dialog (RFC 3261 §13.2). The SIP server repeats it, and sends the ACK. */
export class OutgoingInvite {
  readonly outcome: Promise<InviteOutcome>
  readonly #sessionIds: SessionIds
  #request: Srf.SrfRequest | null = null
  #cancelled = false
  /** Of the last provisional response: a 2xx after a reliable one need not repeat it (RFC 3262 §5). */
  #earlySdp = ''

  /** @param live where the dialog stands as long as it lives */
  constructor(srf: Srf, options: OutgoingInviteOptions, live: Set<SipDialog>) {
    const drawn = drawnUuid(randomUUID())
    this.#sessionIds = new SessionIds(options.sessionUuid ?? (() => drawn))
    this.outcome = this.#send(srf, options, live)
  }

  /** The Call-ID, once the INVITE is on its way. */
  get sipCallId(): string | null {
    return this.#request?.get('Call-ID') ?? null
  }

  /** CANCEL, which the SIP server holds back until a provisional answer allows it (RFC 3261 §9.1). */
  cancel(): void {
    this.#cancelled = true
    const request = this.#request
    if (request === null) return
    // drachtio-srf takes options before the callback; its types do not know.
    const cancel: unknown = Reflect.get(request, 'cancel')
    const options = { headers: { Reason: endReason('cancelled'), [SESSION_ID]: this.#sessionIds.header } }
    if (typeof cancel === 'function') cancel.call(request, options, () => undefined)
  }

  #send(srf: Srf, options: OutgoingInviteOptions, live: Set<SipDialog>): Promise<InviteOutcome> {
    const { uri, nextHop, sdp, headers, credentials, followRedirects = false, onSent, onProvisional } = options
    const request = Object.assign(
      {
        localSdp: sdp,
        headers: { Allow: ALLOW, Supported: '100rel, timer', ...headers, [SESSION_ID]: this.#sessionIds.header },
        ...(credentials !== undefined && { auth: credentials }),
      },
      // Options of drachtio-srf that its types do not know.
      { followRedirects, ...(nextHop !== undefined && { proxy: nextHop }) },
    )
    const progress = {
      cbRequest: (...args: unknown[]) => this.#onRequest(args, onSent),
      cbProvisional: (response: Srf.SrfResponse) => {
        if (response.body) this.#earlySdp = response.body
        this.#sessionIds.hear(headerOf(response, SESSION_ID))
        onProvisional?.(response.status)
      },
    }
    return new Promise<InviteOutcome>((resolve) => {
      srf.createUAC(uri, request, progress, (error: unknown, dialog) => {
        if (error !== null && error !== undefined) return resolve(failureOf(error))
        const answered = propertyOf(dialog, 'res')
        if (isResponse(answered)) this.#sessionIds.hear(headerOf(answered, SESSION_ID))
        const made = new SipDialog(dialog, live, this.#sessionIds)
        resolve({ kind: 'answered', dialog: made, answer: dialog.remote.sdp || this.#earlySdp })
      })
    }).catch(failureOf)
  }

  /** drachtio-srf's types say `(request)`; the call is `(error, request)`. */
  #onRequest([error, request]: unknown[], onSent: OutgoingInviteOptions['onSent']): void {
    if (error || !isRequest(request)) return
    this.#request = request
    onSent?.(request.get('Call-ID'))
    if (this.#cancelled) this.cancel()
  }
}

const isRequest = (value: unknown): value is Srf.SrfRequest =>
  typeof value === 'object' && value !== null && 'cancel' in value && typeof value.cancel === 'function'

/** What our SIP server says where none of its sockets speaks the transport of an address, in drachtio-server's words. */
const NO_TRANSPORT = 'requested protocol/transport not available'

function failureOf(error: unknown): InviteOutcome {
  const message = error instanceof Error ? error.message : String(error)
  if (message === NO_TRANSPORT) return { kind: 'unreachable', message }
  const response = responseOf(error)
  if (response === undefined) return { kind: 'failed', message }
  // A 2xx that makes no dialog: drachtio-srf hands it over as an error, our SIP server puts a 500 of its own in its place.
  const isOurs = !response.source_address || Number(response.source_port) === 0
  if (response.status < 300 || (isOurs && response.status === 500))
    return { kind: 'unusable', message: response.reason }
  const retryAfterS = response.has('Retry-After') ? Number.parseInt(response.get('Retry-After'), 10) : Number.NaN
  return {
    kind: 'refused',
    status: response.status,
    reason: response.reason ?? '',
    // Our SIP server writes the answers that it makes itself without the address of a peer.
    source: isOurs ? null : response.source_address,
    contact: response.has('Contact') ? response.get('Contact') : '',
    retryAfterS: Number.isNaN(retryAfterS) ? null : retryAfterS,
  }
}

/** drachtio-srf puts the response into the error that it makes of it. */
function responseOf(error: unknown): Srf.SrfResponse | undefined {
  const response = typeof error === 'object' && error !== null && 'res' in error ? error.res : undefined
  return isResponse(response) ? response : undefined
}

const isResponse = (value: unknown): value is Srf.SrfResponse =>
  typeof value === 'object' && value !== null && 'status' in value && typeof value.status === 'number'

/** The host and port that a SIP URI sends to, or null where it is none. */
export function hostOfUri(uri: string): { readonly host: string; readonly port: number } | null {
  try {
    const { host, port } = Srf.parseUri(uri)
    return host ? { host, port: port ? Number(port) : 5060 } : null
  } catch {
    return null
  }
}
