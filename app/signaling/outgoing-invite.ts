import Srf from 'drachtio-srf'
import { endReason } from '../../lib/call/end-reason.ts'
import { SipDialog } from './sip-dialog.ts'
import { ALLOW } from './sip-facts.ts'

export interface OutgoingInviteOptions {
  readonly uri: string
  /** The offer. */
  readonly sdp: string
  /** From, and whatever else the INVITE shall carry. */
  readonly headers: Readonly<Record<string, string>>
  readonly credentials?: { readonly username: string; readonly password: string }
  /** Whether a 302 is followed, to its first Contact, up to five times. */
  readonly followRedirects?: boolean
  readonly onProvisional?: (status: number) => void
}

export type InviteOutcome =
  | { readonly kind: 'answered'; readonly dialog: SipDialog; readonly answer: string }
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  /** The INVITE could not be sent, or the answer cannot be used. */
  | { readonly kind: 'failed'; readonly message: string }

/** An INVITE that we send outside of a dialog (RFC 3261 §13.2). The SIP server repeats it, and sends the ACK. */
export class OutgoingInvite {
  readonly outcome: Promise<InviteOutcome>
  #request: Srf.SrfRequest | null = null
  #cancelled = false

  constructor(srf: Srf, options: OutgoingInviteOptions) {
    this.outcome = this.#send(srf, options)
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
    const options = { headers: { Reason: endReason('cancelled') } }
    if (typeof cancel === 'function') cancel.call(request, options, () => undefined)
  }

  #send(srf: Srf, options: OutgoingInviteOptions): Promise<InviteOutcome> {
    const { uri, sdp, headers, credentials, followRedirects = false, onProvisional } = options
    const request = Object.assign(
      {
        localSdp: sdp,
        headers: { Allow: ALLOW, ...headers },
        ...(credentials !== undefined && { auth: credentials }),
      },
      // An option of drachtio-srf that its types do not know.
      { followRedirects },
    )
    const progress = {
      cbRequest: (...args: unknown[]) => this.#onRequest(args),
      cbProvisional: (response: Srf.SrfResponse) => onProvisional?.(response.status),
    }
    return new Promise<InviteOutcome>((resolve) => {
      srf.createUAC(uri, request, progress, (error: unknown, dialog) => {
        if (error !== null && error !== undefined) return resolve(failureOf(error))
        resolve({ kind: 'answered', dialog: new SipDialog(dialog), answer: dialog.remote.sdp })
      })
    }).catch(failureOf)
  }

  /** drachtio-srf's types say `(request)`; the call is `(error, request)`. */
  #onRequest([error, request]: unknown[]): void {
    if (error || !isRequest(request)) return
    this.#request = request
    if (this.#cancelled) this.cancel()
  }
}

const isRequest = (value: unknown): value is Srf.SrfRequest =>
  typeof value === 'object' && value !== null && 'cancel' in value && typeof value.cancel === 'function'

function failureOf(error: unknown): InviteOutcome {
  if (typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number') {
    const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : ''
    return { kind: 'refused', status: error.status, reason }
  }
  return { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
}

/** The host and port that a SIP URI sends to, or null where it is none. */
export function hostOfUri(uri: string): { readonly host: string; readonly port: number } | null {
  try {
    const { host, port } = Srf.parseUri(uri)
    return host ? { host, port: port ? Number(port) : 5060 } : null
  } catch {
    return null
  }
}
