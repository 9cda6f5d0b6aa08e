import type Srf from 'drachtio-srf'
import { saysFault } from '../../lib/call/bye-reason.ts'
import type { DialogState } from '../../lib/sip/dialog-state.ts'
import { DTMF_BODY_TYPES, type InfoDigit, parseInfoDtmf } from '../../lib/sip/info-dtmf.ts'
import { parseMediaType } from '../../lib/sip/media-type.ts'
import type { ReferNotify } from '../../lib/sip/refer-notify.ts'
import { SESSION_BODY_TYPES, sessionBodyOf } from '../../lib/sip/session-body.ts'
import type { SessionIds } from '../../lib/sip/session-id.ts'
import { readSessionRequest } from '../../lib/sip/session-request.ts'
import { DialogFacts } from './dialog-facts.ts'
import { DialogRefers, type IncomingRefer } from './dialog-refers.ts'
import { KeptEvents } from './kept-events.ts'
import { type ReinviteOutcome, sendReinvite } from './reinvite.ts'
import type { Refer, ReferOutcome } from './send-refer.ts'
import { ALLOW, headerOf, SESSION_ID, sessionFactsOf } from './sip-facts.ts'

/** A re-INVITE or UPDATE of the far end (RFC 3261 §14.2, RFC 3311), and the ways to answer it. */
export interface Reoffer {
  /** Null where the far end wants our offer. */
  readonly offer: string | null
  accept(sdp: string | null): void
  refuse(status: number, reason: string, headers?: Readonly<Record<string, string>>): void
}

/** How a dialog ended that we did not end: by the far end's BYE, or because something broke: the SIP server gave it up, or the BYE says so. */
export type DialogEnd = 'bye' | 'broken'

interface EndOfDialog {
  readonly end: DialogEnd
  readonly reason: string
}

/**
 * A confirmed or confirming dialog on drachtio-srf. It must be made in the very callback that brings the dialog: an ACK and a BYE
 * that came with the same read of the socket are emitted before any promise goes on. What comes before somebody listens is
 * kept for them. drachtio-srf's own handling of re-INVITEs compares SDP texts to guess at hold and throws on one without a
 * body, and it answers 200 to what nobody listens for, REFER among them; so requests are taken here before it sees them, but
 * for those that end or confirm the dialog.
 */
export class SipDialog {
  readonly #dialog: Srf.Dialog
  readonly #live: Set<SipDialog>
  /** Who is at its ends, told in whatever is sent in it (RFC 7989). */
  readonly sessionIds: SessionIds
  readonly #acks = new KeptEvents<string | null>()
  readonly #ends = new KeptEvents<EndOfDialog>()
  readonly #reoffers = new KeptEvents<Reoffer>()
  readonly #digits = new KeptEvents<InfoDigit>()
  readonly #facts: DialogFacts
  #onChange: () => void = () => undefined
  readonly #refers: DialogRefers
  #isForgotten = false

  /**
   * @param live where it stands until either side ends it
   * @param sessionIds with what the messages that made it say
   * @param facts what it is made of, where no INVITE of this process has made it
   */
  constructor(dialog: Srf.Dialog, live: Set<SipDialog>, sessionIds: SessionIds, facts = DialogFacts.of(dialog)) {
    this.#dialog = dialog
    this.sessionIds = sessionIds
    this.#facts = facts
    this.#refers = new DialogRefers({ dialog, target: () => this.target, sessionIds })
    this.#live = live
    live.add(this)
    const handle: unknown = Reflect.get(dialog, 'handle')
    if (typeof handle !== 'function') throw new Error('this drachtio-srf has no Dialog.handle()')
    Reflect.set(dialog, 'handle', (req: Srf.SrfRequest, res: Srf.SrfResponse) => {
      this.#note(req)
      if (req.method !== 'ACK') res.set(SESSION_ID, this.sessionIds.header)
      if (!this.#take(req, res)) handle.call(dialog, req, res)
      if (req.method === 'ACK') this.#onAck(req)
    })
    dialog.on('destroy', (req: Srf.SrfRequest, reason?: string) => {
      live.delete(this)
      const isBroken = req.source === 'application' || saysFault(headerOf(req, 'Reason') ?? '')
      this.#ends.emit({ end: isBroken ? 'broken' : 'bye', reason: reason ?? '' })
    })
  }

  /** What the SIP server calls it. */
  get id(): string {
    const id: unknown = Reflect.get(this.#dialog, 'id')
    return typeof id === 'string' ? id : ''
  }

  get sipCallId(): string {
    return this.#dialog.sip.callId
  }

  /** What another server needs to go on with it; null where that is not to be had. */
  get state(): DialogState | null {
    return this.#facts.state
  }

  /** Where requests of the dialog go. */
  get target(): string {
    return this.state?.remoteTarget ?? this.#dialog.remote.uri
  }

  /** What we said of our media last, in an offer or an answer. */
  get localSdp(): string {
    return this.#dialog.local.sdp
  }

  /** `localSdp` has changed, or `state` by more than the count of requests: where the far end is reached. */
  onChange(listener: () => void): void {
    this.#onChange = listener
  }

  onReoffer(handler: (reoffer: Reoffer) => void): void {
    this.#reoffers.listen(handler)
  }

  /** ACK of the 2xx, with the answer where the offer was ours. */
  onAck(listener: (answer: string | null) => void): void {
    this.#acks.listen(listener)
  }

  onEnd(listener: (end: DialogEnd, reason: string) => void): void {
    this.#ends.listen(({ end, reason }) => listener(end, reason))
  }

  /** A key that the far end pressed and sent in an INFO. */
  onDigit(listener: (digit: InfoDigit) => void): void {
    this.#digits.listen(listener)
  }

  /** A REFER that can be read. Those that come before are refused. */
  onRefer(listener: (refer: IncomingRefer) => void): void {
    this.#refers.listen(listener)
  }

  /** Offers our session anew, from where we are now (RFC 3261 §14.1); a final answer is waited for `patienceMs`. */
  async reinvite(sdp: string, patienceMs: number): Promise<ReinviteOutcome> {
    this.#become(sdp)
    const { target: uri, sessionIds } = this
    const outcome = await sendReinvite(this.#dialog, { sdp, uri, patienceMs, sessionIds })
    if (outcome.kind === 'accepted') this.#facts.onSuccess(outcome.seq, outcome.contact)
    return outcome
  }

  /** Asks the far end to call somebody (RFC 3515). `onNotify` hears from it how that goes, from now on and also after it has refused. */
  async refer(refer: Refer, onNotify: (notify: ReferNotify) => void): Promise<ReferOutcome> {
    const outcome = await this.#refers.send(refer, onNotify)
    if (outcome.kind === 'accepted') this.#facts.onSuccess(outcome.seq, undefined)
    return outcome
  }

  /**
   * Hangs up. Resolves when the far end has answered the BYE or the SIP server gave up on it; also where the dialog is gone
   * already, as then there is nothing left to end.
   */
  bye(headers: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#live.delete(this)
    return new Promise((resolve) => {
      this.#dialog.destroy({ headers: { ...headers, [SESSION_ID]: this.sessionIds.header } }, () => resolve())
    })
  }

  /**
   * The call is another node's: nothing is sent any more but the answer to what the far end still sends here, which is that there is no
   * such dialog (RFC 3261 §12.2.2), and to its BYE.
   */
  forget(): void {
    this.#live.delete(this)
    this.#isForgotten = true
  }

  #become(sdp: string): void {
    this.#dialog.local.sdp = sdp
    this.#onChange()
  }

  #note(req: Srf.SrfRequest): void {
    const before = this.state?.remoteTarget
    this.#facts.onRequest(req)
    this.sessionIds.hear(headerOf(req, SESSION_ID))
    if (this.state?.remoteTarget !== before) this.#onChange()
  }

  /** False where the request is drachtio-srf's to answer. */
  #take(req: Srf.SrfRequest, res: Srf.SrfResponse): boolean {
    if (this.#isForgotten && !['ACK', 'BYE'].includes(req.method)) {
      res.send(481)
      return true
    }
    switch (req.method as string) {
      case 'ACK':
      case 'BYE':
        return false
      case 'UPDATE':
        // One without an offer refreshes the target, which the SIP server below does (RFC 3311 §5.2).
        if (!req.body) return false
        this.#onOffer(req, res)
        return true
      case 'INVITE':
        this.#onOffer(req, res)
        return true
      case 'INFO':
        this.#onInfo(req, res)
        return true
      case 'REFER':
        if (!this.#refers.takeRefer(req, res, this.#contact)) this.#notAllowed(res)
        return true
      case 'NOTIFY':
        if (!this.#refers.takeNotify(req, res)) this.#notAllowed(res)
        return true
      case 'OPTIONS':
        res.send(200, { headers: { Allow: ALLOW, Accept: SESSION_BODY_TYPES } })
        return true
      default:
        this.#notAllowed(res)
        return true
    }
  }

  /**
   * Told at once: drachtio-srf tells of an ACK a turn of the event loop later, behind a re-INVITE that came after it, and perhaps behind our offer
   * in the answer to that, whose ACK it would be taken for.
   */
  #onAck(req: Srf.SrfRequest): void {
    const session = sessionBodyOf(sessionFactsOf(req))
    this.#acks.emit(session.kind === 'session' ? session.sdp : null)
  }

  #onOffer(req: Srf.SrfRequest, res: Srf.SrfResponse): void {
    const read = readSessionRequest(sessionFactsOf(req))
    const reoffer = this.#reoffer(res, read.ok ? read.offer : null)
    if (read.ok) return this.#reoffers.emit(reoffer)
    const { status, reason, headers } = read.objection
    reoffer.refuse(status, reason, headers)
  }

  /** INFO carries keys, in the way that is older than its packages (RFC 6086 §2), of which we take none. */
  #onInfo(req: Srf.SrfRequest, res: Srf.SrfResponse): void {
    const type = parseMediaType(headerOf(req, 'Content-Type') ?? '')?.type ?? ''
    if (req.body && !DTMF_BODY_TYPES.includes(type)) {
      return res.send(415, { headers: { Accept: DTMF_BODY_TYPES.join(', ') } })
    }
    res.send(200)
    const digit = parseInfoDtmf(type, req.body ?? '')
    if (digit !== undefined) this.#digits.emit(digit)
  }

  get #contact(): Readonly<Record<string, string>> {
    const contact: unknown = Reflect.get(this.#dialog.local, 'contact')
    return typeof contact === 'string' ? { Contact: contact } : {}
  }

  #notAllowed(res: Srf.SrfResponse): void {
    res.send(405, { headers: { Allow: ALLOW } })
  }

  #reoffer(res: Srf.SrfResponse, offer: string | null): Reoffer {
    const headers = { ...this.#contact, Allow: ALLOW }
    return {
      offer,
      accept: (sdp) => {
        if (sdp !== null) this.#become(sdp)
        res.send(
          200,
          sdp === null ? { headers } : { body: sdp, headers: { ...headers, 'Content-Type': 'application/sdp' } },
        )
      },
      refuse: (status, reason, more = {}) => res.send(status, reason, { headers: { ...more } }),
    }
  }
}
