import type Srf from 'drachtio-srf'

/** A re-INVITE or UPDATE of the far end (RFC 3261 §14.2, RFC 3311), and the ways to answer it. */
export interface Reoffer {
  /** Null where the far end wants our offer. */
  readonly offer: string | null
  accept(sdp: string | null): void
  refuse(status: number, reason: string): void
}

/** Who ended a dialog that we did not end: the far end by BYE, or the SIP server by itself (no ACK, session timer). */
export type DialogEnd = 'bye' | 'server'

/**
 * A confirmed or confirming dialog on drachtio-srf. Its own handling of re-INVITEs compares SDP texts to guess at hold and
 * throws on one without a body, so requests that may carry an offer are taken before it sees them.
 */
export class SipDialog {
  readonly #dialog: Srf.Dialog
  #onReoffer: (reoffer: Reoffer) => void = (reoffer) => reoffer.refuse(488, 'Not Acceptable Here')

  constructor(dialog: Srf.Dialog) {
    this.#dialog = dialog
    const handle: unknown = Reflect.get(dialog, 'handle')
    if (typeof handle !== 'function') throw new Error('this drachtio-srf has no Dialog.handle()')
    Reflect.set(dialog, 'handle', (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      if (req.method === 'INVITE' || (req.method === 'UPDATE' && req.body)) this.#onReoffer(this.#reoffer(req, res))
      else handle.call(dialog, req, res)
    })
  }

  get sipCallId(): string {
    return this.#dialog.sip.callId
  }

  onReoffer(handler: (reoffer: Reoffer) => void): void {
    this.#onReoffer = handler
  }

  /** ACK of the 2xx, with the answer where the offer was ours. */
  onAck(listener: (answer: string | null) => void): void {
    this.#dialog.on('ack', (req) => listener(req.body ? req.body : null))
  }

  onEnd(listener: (end: DialogEnd, reason: string) => void): void {
    this.#dialog.on('destroy', (req: Srf.SrfRequest, reason?: string) =>
      listener(req.source === 'application' ? 'server' : 'bye', reason ?? ''),
    )
  }

  /** INFO in the dialog (RFC 6086); answered with 200 by itself. */
  onInfo(listener: (contentType: string, body: string) => void): void {
    this.#dialog.on('info', (req, res) => {
      res.send(200)
      listener(req.has('Content-Type') ? req.get('Content-Type') : '', req.body ?? '')
    })
  }

  /**
   * Hangs up. Resolves when the far end has answered the BYE or the SIP server gave up on it; also where the dialog is gone
   * already, as then there is nothing left to end.
   */
  bye(headers: Readonly<Record<string, string>> = {}): Promise<void> {
    return new Promise((resolve) => {
      this.#dialog.destroy({ headers: { ...headers } }, () => resolve())
    })
  }

  #reoffer(req: Srf.SrfRequest, res: Srf.SrfResponse): Reoffer {
    const contact: unknown = Reflect.get(this.#dialog.local, 'contact')
    const headers = typeof contact === 'string' ? { Contact: contact } : {}
    return {
      offer: req.body ? req.body : null,
      accept: (sdp) => {
        if (sdp !== null) this.#dialog.local.sdp = sdp
        res.send(
          200,
          sdp === null ? { headers } : { body: sdp, headers: { ...headers, 'Content-Type': 'application/sdp' } },
        )
      },
      refuse: (status, reason) => res.send(status, reason, {}),
    }
  }
}
