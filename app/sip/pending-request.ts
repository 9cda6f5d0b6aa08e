import type { SipRequest } from '../../lib/sip/message.ts'
import type { Timing } from '../../lib/sip/transaction/timing.ts'
import type { DialogRecord } from './dialog-store.ts'
import { ReliableProvisionals } from './reliable-provisionals.ts'
import { Alarm, type Scheduler } from './scheduler.ts'
import type { ServerTransaction, ServerUser } from './transaction/server-transaction.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** How long an INVITE may ring after the application's last provisional response (our policy, above every ring timeout). */
export const MAX_RINGING_MS = 300_000

export interface PendingEvents {
  readonly scheduler: Scheduler
  readonly timing: Timing
  /** How long the application may take for its first response. */
  readonly patienceMs: number
  /**
   * When an INVITE without a response yet is given a 100. RFC 3261 §17.2.1 asks for it after 200 ms; where the application
   * is faster none is needed, and a 302 or 503 costs one message of ours instead of two.
   */
  readonly tryingAfterMs: number
  readonly onWaiting: () => void
  /** It took longer than `patienceMs`. */
  readonly onOverdue: () => void
  /** A reliable provisional response had no PRACK in 64*T1. */
  readonly onNoPrack: () => void
  /** The transaction ended without its answer. */
  readonly onLost: () => void
  /** An ACK to its 2xx came with the INVITE's branch. */
  readonly onAck: (ack: SipRequest) => void
}

/** A request that an application owes an answer. */
export class PendingRequest implements ServerUser {
  readonly txnId: string
  readonly transaction: ServerTransaction
  /** Undefined while a request handler looks for it. */
  client: ClientConnection | undefined
  /** Its CSeq number. */
  readonly seq: number
  /** The request came in a dialog that was there before. */
  readonly wasInDialog: boolean
  /** The dialog it came in, or that its INVITE has opened. */
  record: DialogRecord | undefined
  /** Its reliable provisional responses; undefined for what has none. */
  readonly reliable: ReliableProvisionals | undefined
  /** Our To tag, once there is one. */
  localTag: string | undefined
  readonly #events: PendingEvents
  readonly #alarm: Alarm
  /** A provisional response has gone out, ours or the application's. */
  #responded = false

  constructor(
    txnId: string,
    transaction: ServerTransaction,
    client: ClientConnection | undefined,
    record: DialogRecord | undefined,
    events: PendingEvents,
  ) {
    this.txnId = txnId
    this.transaction = transaction
    this.client = client
    this.seq = transaction.request.cseq().seq
    this.record = record
    this.wasInDialog = record !== undefined
    this.#events = events
    this.reliable =
      transaction.method === 'INVITE'
        ? new ReliableProvisionals(transaction.request, events.scheduler, events.timing, events.onNoPrack)
        : undefined
    this.#alarm = new Alarm(events.scheduler, (nowMs) => this.#onWake(nowMs))
    // Other transactions end by themselves after 64*T1 (RFC 4320).
    if (transaction.method === 'INVITE') this.#alarm.set(events.scheduler.nowMs() + events.tryingAfterMs)
  }

  /** The dialog that the INVITE was sent in, as its CANCEL names it; empty for one that opens a dialog. */
  get inviteDialogId(): string {
    return this.wasInDialog ? (this.record?.id ?? '') : ''
  }

  /** The application is at work: an INVITE may ring on. */
  onProvisional(): void {
    this.#responded = true
    if (this.transaction.method === 'INVITE') {
      this.#alarm.set(this.#events.scheduler.nowMs() + MAX_RINGING_MS)
    }
  }

  /** A new INVITE rings, or is answered: its caller hears a 100 first where it has heard nothing yet, as from drachtio-server. */
  announce(): void {
    if (this.#responded || this.wasInDialog || this.transaction.method !== 'INVITE') return
    this.#responded = true
    this.#events.onWaiting()
  }

  #onWake(nowMs: number): void {
    if (this.#responded) return this.#events.onOverdue()
    this.#responded = true
    this.#alarm.set(nowMs + this.#events.patienceMs)
    this.#events.onWaiting()
  }

  close(): void {
    this.#alarm.set(undefined)
    this.reliable?.stop()
  }

  onServerEnd(): void {
    this.#events.onLost()
  }

  onServerAck(ack: SipRequest): void {
    this.#events.onAck(ack)
  }
}
