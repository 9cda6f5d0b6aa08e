import type { Draft } from '../../lib/sip/draft.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import type { DialogRecord } from './dialog-store.ts'
import type { ClientTransaction, ClientUser, Received } from './transaction/client-transaction.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** What an outgoing request tells the UAC core. */
export interface OutgoingEvents {
  readonly onResponse: (outgoing: OutgoingRequest, received: Received) => void
  readonly onEnd: (outgoing: OutgoingRequest, why: 'timeout' | 'unreachable') => void
  readonly onCancel: (outgoing: OutgoingRequest) => void
}

/** A request that an application sent and that has no final response yet. */
export class OutgoingRequest implements ClientUser {
  readonly txnId: string
  readonly client: ClientConnection
  readonly request: SipRequest
  /** The request went out in a dialog that was there before. */
  readonly inDialog: boolean
  /** The dialog it belongs to, or that its INVITE has opened. */
  record: DialogRecord | undefined
  /** All early dialogs of a new INVITE, `record` among them: one for each place that it was forked to (RFC 3261 §12.1.2). */
  readonly early: DialogRecord[] = []
  /** The RSeq of the last reliable provisional response, by dialog. */
  readonly lastRseq = new Map<DialogRecord, number>()
  /** What peers said in the dialog before the answer that opens it, and has to wait for that. */
  readonly overtaking: (() => void)[] = []
  transaction: ClientTransaction | undefined
  /** The application wants the INVITE cancelled; its CANCEL's own headers go along. */
  cancelled = false
  cancelDraft: Draft | undefined
  /** A 2xx to the INVITE has been passed up. */
  answered = false
  readonly #events: OutgoingEvents

  constructor(
    txnId: string,
    client: ClientConnection,
    request: SipRequest,
    record: DialogRecord | undefined,
    events: OutgoingEvents,
  ) {
    this.txnId = txnId
    this.client = client
    this.request = request
    this.record = record
    this.inDialog = record !== undefined
    this.#events = events
  }

  /** Asks for the INVITE to be cancelled as soon as that is allowed. */
  cancel(): void {
    this.cancelled = true
    this.transaction?.cancel()
  }

  /** The request is answered: what has overtaken that goes on. */
  letPass(): void {
    for (const again of this.overtaking.splice(0)) again()
  }

  onClientResponse(received: Received): void {
    this.#events.onResponse(this, received)
  }

  onClientEnd(why: 'timeout' | 'unreachable'): void {
    this.#events.onEnd(this, why)
  }

  onClientCancel(): void {
    this.#events.onCancel(this)
  }
}
