import type Srf from 'drachtio-srf'
import { type ReferNotify, readReferNotify } from '../../lib/sip/refer-notify.ts'
import { type ReferRequest, readRefer } from '../../lib/sip/refer-request.ts'
import type { SessionIds } from '../../lib/sip/session-id.ts'
import { ReferNotifier } from './refer-notifier.ts'
import { type Refer, type ReferOutcome, sendRefer } from './send-refer.ts'
import { headerOf, headerOrCompact } from './sip-facts.ts'

/** A REFER of the far end (RFC 3515), and the ways to answer it. */
export interface IncomingRefer extends ReferRequest {
  /** 202; whoever wants to hear what comes of it is told by the notifier. */
  accept(): ReferNotifier
  refuse(status: number, reason: string): void
}

export interface DialogRefersParts {
  readonly dialog: Srf.Dialog
  /** Where requests of the dialog go. */
  readonly target: () => string
  readonly sessionIds: SessionIds
}

/** REFERs that are looked at in a dialog: nobody hands the same caller on more often, and each costs an event. */
const MAX_REFERS = 32

/** What either side of a dialog asks the other one to do, by REFER. */
export class DialogRefers {
  readonly #parts: DialogRefersParts
  /** Who decides on those of the far end; null: it may send none. */
  #onRefer: ((refer: IncomingRefer) => void) | null = null
  /** How many of them came, and how many were taken. */
  #seen = 0
  #taken = 0
  /** Who has sent one; null: none was sent here, so that no NOTIFY can belong to it. */
  #onNotify: ((notify: ReferNotify) => void) | null = null

  constructor(parts: DialogRefersParts) {
    this.#parts = parts
  }

  send(refer: Refer, onNotify: (notify: ReferNotify) => void): Promise<ReferOutcome> {
    this.#onNotify = onNotify
    const { dialog, target, sessionIds } = this.#parts
    return sendRefer(dialog, refer, { uri: target(), sessionIds })
  }

  listen(listener: (refer: IncomingRefer) => void): void {
    this.#onRefer = listener
  }

  /** A NOTIFY; false where none is expected. */
  takeNotify(req: Srf.SrfRequest, res: Srf.SrfResponse): boolean {
    if (this.#onNotify === null) return false
    const read = readReferNotify({
      event: headerOrCompact(req, 'Event', 'o'),
      state: headerOf(req, 'Subscription-State'),
      type: headerOf(req, 'Content-Type'),
      body: req.body ?? '',
    })
    if (read.ok) {
      res.send(200)
      this.#onNotify(read.value)
    } else res.send(read.error.status, read.error.reason, { headers: { ...read.error.headers } })
    return true
  }

  /** A REFER; false where nobody decides on it. @param contact goes along with a 2xx */
  takeRefer(req: Srf.SrfRequest, res: Srf.SrfResponse, contact: Readonly<Record<string, string>>): boolean {
    if (this.#onRefer === null) return false
    if (this.#seen++ >= MAX_REFERS) {
      res.send(603, 'Too Many REFERs', {})
      return true
    }
    const read = readRefer({
      referTo: headerOrCompact(req, 'Refer-To', 'r'),
      referSub: headerOf(req, 'Refer-Sub'),
      require: headerOf(req, 'Require'),
      hasContact: req.has('Contact'),
    })
    if (!read.ok) {
      res.send(read.error.status, read.error.reason, { headers: { ...read.error.headers } })
      return true
    }
    const { wantsNotify } = read.value
    this.#onRefer({
      ...read.value,
      accept: () => {
        res.send(202, { headers: { ...contact, ...(!wantsNotify && { 'Refer-Sub': 'false' }) } })
        // The first of a dialog needs no name (RFC 3515 §2.4.6), and there are peers that do not understand one.
        const id = this.#taken++ === 0 ? null : Number.parseInt(req.get('CSeq'), 10)
        const { dialog, target, sessionIds } = this.#parts
        return new ReferNotifier(dialog, { uri: target(), sessionIds, id, isWanted: wantsNotify })
      },
      refuse: (status, reason) => res.send(status, reason, {}),
    })
    return true
  }
}
