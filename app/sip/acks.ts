import type { SipRequest } from '../../lib/sip/message.ts'
import { AckWaiting } from './ack-waiting.ts'
import type { DialogRecord } from './dialog-store.ts'
import type { StackContext } from './stack-context.ts'
import type { Arrival } from './transport/transport.ts'

/** The ACKs that the 2xx of applications wait for (RFC 3261 §13.3.1.4). */
export class Acks {
  readonly #stack: StackContext
  readonly #sendBye: (record: DialogRecord, reason: string) => void

  /** @param sendBye ends a dialog by a BYE of our own */
  constructor(stack: StackContext, sendBye: (record: DialogRecord, reason: string) => void) {
    this.#stack = stack
    this.#sendBye = sendBye
  }

  /** A 2xx to an INVITE has gone out: `resend` repeats it until its ACK comes. */
  expect(record: DialogRecord, invite: { readonly seq: number; readonly txnId: string }, resend: () => void): void {
    const { scheduler, timing } = this.#stack
    record.ackWait?.stop()
    record.ackWait = new AckWaiting(invite, scheduler, timing, { resend, giveUp: () => this.#onNoAck(record) })
  }

  /** An ACK that belongs to no transaction: that of a 2xx. */
  onAck(ack: SipRequest, bytes: () => Buffer, arrival: Arrival): void {
    const record = this.#stack.dialogs.ofRequest(ack)
    const wait = record?.ackWait
    // Each 2xx is ACKed again when it is repeated; the application hears of it once.
    if (record === undefined || wait === undefined || wait.seq !== ack.cseq().seq) return
    record.ackWait = undefined
    wait.stop()
    this.#stack.link.deliver(record.client, bytes(), arrival, { txnId: wait.txnId, dialogId: record.id })
    this.#runAfterAck(record)
  }

  #runAfterAck(record: DialogRecord): boolean {
    const { afterAck } = record
    record.afterAck = undefined
    afterAck?.()
    return afterAck !== undefined
  }

  /** No ACK in 64*T1: the session counts as up, and is ended (RFC 3261 §13.3.1.4). */
  #onNoAck(record: DialogRecord): void {
    record.ackWait = undefined
    if (!this.#runAfterAck(record)) this.#sendBye(record, 'SIP ;cause=408 ;text="ACK timeout"')
  }
}
