import type Srf from 'drachtio-srf'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import type { SessionIds } from '../../lib/sip/session-id.ts'
import { withDeadline } from '../deadline.ts'
import { sendInDialog } from './in-dialog-request.ts'
import { SESSION_ID } from './sip-facts.ts'

/** How long a NOTIFY is said to be followed by another one, in seconds: longer than anybody may ring. */
const EXPIRES_S = 300

/** How long our BYE waits for the answer to a NOTIFY before it. */
const TOLD_MS = 2_000

/** Resolves when whoever asked has heard what came of it, or has had the time to: then it may be hung up. @param told as `notify` gives it */
export const untilTold = (told: Promise<void>): Promise<void> => withDeadline(told, TOLD_MS)

export interface ReferNotifierParts {
  /** Where requests of the dialog go. */
  readonly uri: string
  readonly sessionIds: SessionIds
  /** CSeq of the REFER, where NOTIFYs are to name it. */
  readonly id: number | null
  /** Whether anything is to be sent (RFC 4488). */
  readonly isWanted: boolean
}

/** Tells whoever has sent a REFER what comes of it, by NOTIFYs in the dialog, one after the other's answer (RFC 3515 §2.4.4). */
export class ReferNotifier {
  readonly #dialog: Srf.Dialog
  readonly #parts: ReferNotifierParts
  #sent: Promise<void> = Promise.resolve()
  #isOver: boolean

  constructor(dialog: Srf.Dialog, parts: ReferNotifierParts) {
    this.#dialog = dialog
    this.#parts = parts
    this.#isOver = !parts.isWanted
  }

  /** @param status of the answer that was got; a final one is the last. Resolves when it was answered, or no answer will come; never rejects. */
  notify(status: number): Promise<void> {
    this.#sent = this.#sent.then(() => (this.#isOver ? undefined : this.#send(status)))
    return this.#sent
  }

  #send(status: number): Promise<void> {
    const { uri, sessionIds, id } = this.#parts
    const isLast = status >= 200
    const headers = {
      Event: id === null ? 'refer' : `refer;id=${id}`,
      'Subscription-State': isLast ? 'terminated;reason=noresource' : `active;expires=${EXPIRES_S}`,
      'Content-Type': 'message/sipfrag;version=2.0',
      [SESSION_ID]: sessionIds.header,
    }
    const body = `SIP/2.0 ${status} ${reasonPhrase(status)}\r\n`
    if (isLast) this.#isOver = true
    return new Promise((resolve) => {
      const answered = (response: Srf.SrfResponse): void => {
        if (response.status < 200) return
        // Whoever does not want to hear of it need not (RFC 6665 §4.2.2).
        if (response.status >= 300) this.#isOver = true
        resolve()
      }
      sendInDialog(this.#dialog, { method: 'NOTIFY', uri, headers, body }, () => undefined, answered).catch(() => {
        this.#isOver = true
        resolve()
      })
    })
  }
}
