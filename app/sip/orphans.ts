import { exchangeMs } from '../../lib/sip/transaction/timing.ts'
import type { DialogSender } from './dialog-sender.ts'
import { Alarm } from './scheduler.ts'
import type { StackContext } from './stack-context.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/**
 * The dialogs whose application is gone. As on drachtio-server they stay, for an application that is back, or another, may speak in them by
 * their ids and so take them over; there they stay for ever, here whom nobody has taken over within 64*T1 is ended by a BYE.
 */
export class Orphans {
  readonly #stack: StackContext
  readonly #sender: DialogSender

  constructor(stack: StackContext, sender: DialogSender) {
    this.#stack = stack
    this.#sender = sender
  }

  /** An application is gone. */
  onClientGone(client: ClientConnection): void {
    const { dialogs, scheduler, timing } = this.#stack
    if (dialogs.ownedBy(client).length === 0) return
    const alarm = new Alarm(scheduler, () => {
      for (const record of dialogs.ownedBy(client)) {
        if (record.ending) continue
        // A subscription has no BYE: the next request in it is told 481 (RFC 6665 §4.2.2).
        if (record.subscriptions !== undefined) dialogs.remove(record)
        else this.#sender.sendBye(record, 'SIP ;cause=503 ;text="The application is gone"')
      }
    })
    alarm.set(scheduler.nowMs() + exchangeMs(timing))
  }
}
