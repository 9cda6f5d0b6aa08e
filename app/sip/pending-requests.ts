import { buildResponse, type HeaderInput } from '../../lib/sip/build.ts'
import { composeCancel } from '../../lib/sip/compose.ts'
import { RETRY_AFTER } from '../../lib/sip/judge-request.ts'
import { NO_BODY, type SipRequest } from '../../lib/sip/message.ts'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import { exchangeMs } from '../../lib/sip/transaction/timing.ts'
import type { DialogRecord } from './dialog-store.ts'
import { PendingRequest } from './pending-request.ts'
import type { StackContext } from './stack-context.ts'
import type { ServerTransaction } from './transaction/server-transaction.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** Share of T1 after which an INVITE gets a 100: 50 ms, with a margin to the 200 ms of RFC 3261 §17.2.1 on a machine that is late. */
const TRYING_AFTER_T1 = 0.1

/**
 * INVITEs that wait for the first response of an application, all together; those beyond are told to try again later. An
 * application that is so far behind would answer after a second or two, when carriers have gone elsewhere.
 */
export const MAX_WAITING_INVITES = 2_000

/** All requests that applications owe an answer, and the answers the server gives in their place. */
export class PendingRequests {
  readonly #stack: StackContext
  readonly #onAck: (ack: SipRequest, pending: PendingRequest) => void
  readonly #byTxnId = new Map<string, PendingRequest>()
  /** INVITEs that no application has responded to yet. */
  readonly #waiting = new Set<PendingRequest>()

  /** @param onAck an ACK to a 2xx came within the INVITE's own transaction */
  constructor(stack: StackContext, onAck: (ack: SipRequest, pending: PendingRequest) => void) {
    this.#stack = stack
    this.#onAck = onAck
  }

  get size(): number {
    return this.#byTxnId.size
  }

  /** Applications are so far behind that a new INVITE would only make it worse (RFC 5390). */
  get isOverloaded(): boolean {
    return this.#waiting.size >= MAX_WAITING_INVITES
  }

  get(txnId: string): PendingRequest | undefined {
    return this.#byTxnId.get(txnId)
  }

  /** From now on the client owes an answer; without one, a request handler. */
  open(
    transaction: ServerTransaction,
    client: ClientConnection | undefined,
    record: DialogRecord | undefined,
  ): PendingRequest {
    const pending = new PendingRequest(this.#stack.ids.uuid(), transaction, client, record, {
      scheduler: this.#stack.scheduler,
      timing: this.#stack.timing,
      patienceMs: 2 * exchangeMs(this.#stack.timing),
      tryingAfterMs: this.#stack.timing.t1Ms * TRYING_AFTER_T1,
      onWaiting: () => this.reply(transaction, 100),
      onOverdue: () => this.terminate(pending, 503),
      onNoPrack: () => this.terminate(pending, 504),
      onLost: () => this.lose(pending),
      onAck: (ack) => this.#onAck(ack, pending),
    })
    this.#byTxnId.set(pending.txnId, pending)
    if (transaction.method === 'INVITE') this.#waiting.add(pending)
    transaction.user = pending
    return pending
  }

  /** The application is at work on it. */
  onProvisional(pending: PendingRequest): void {
    this.#waiting.delete(pending)
    pending.onProvisional()
  }

  /** The application owes nothing any more. */
  close(pending: PendingRequest): void {
    this.#waiting.delete(pending)
    this.#byTxnId.delete(pending.txnId)
    // What waited for a PRACK is told now that it comes too late.
    pending.close()
    if (pending.record !== undefined && pending.transaction.method === 'INVITE') {
      pending.record.theirInvite = undefined
    }
  }

  /** Its transaction ended without an answer: nothing gets through to who sent it. */
  lose(pending: PendingRequest): void {
    this.close(pending)
    this.dropEarly(pending)
  }

  /** A failed INVITE takes the early dialog with it that it had opened. */
  dropEarly(pending: PendingRequest): void {
    if (!pending.wasInDialog && pending.record !== undefined) this.#stack.dialogs.remove(pending.record)
  }

  /** Answers in place of the application. False if the transaction was over. */
  settle(pending: PendingRequest, status: number): boolean {
    this.close(pending)
    this.dropEarly(pending)
    pending.localTag ??= this.#stack.ids.tag()
    return this.reply(pending.transaction, status, status === 503 ? [RETRY_AFTER] : [], { localTag: pending.localTag })
  }

  /** Ends an open INVITE by ourselves and tells its application as a CANCEL would. */
  terminate(pending: PendingRequest, status: 487 | 503 | 504): void {
    const { txnId, client, transaction } = pending
    if (!transaction.open) return
    const { request, arrival } = transaction
    if (!this.settle(pending, status)) return
    const cancel = composeCancel(request, undefined)
    if (!cancel.ok) return
    this.#stack.link.deliver(client, cancel.value.serialize(), arrival, { txnId, dialogId: pending.inviteDialogId })
  }

  /** A client is gone: what it owed is answered 503. */
  settleAllOf(client: ClientConnection): void {
    for (const pending of this.#byTxnId.values()) {
      if (pending.client === client) this.settle(pending, 503)
    }
  }

  /** Forgets everything. */
  clear(): void {
    const all = [...this.#byTxnId.values()]
    this.#byTxnId.clear()
    this.#waiting.clear()
    for (const pending of all) pending.close()
  }

  /** A response of our own. False if the transaction was over. */
  reply(
    transaction: ServerTransaction,
    status: number,
    headers: readonly HeaderInput[] = [],
    { localTag, body = NO_BODY }: { readonly localTag?: string | undefined; readonly body?: Buffer } = {},
  ): boolean {
    if (!transaction.open) return false
    const { userAgent } = this.#stack
    const toTag = status === 100 ? undefined : (localTag ?? this.#stack.ids.tag())
    const server = userAgent === undefined || status === 100 ? [] : [['Server', userAgent] as const]
    const type = body.length === 0 ? [] : [['Content-Type', 'application/sdp'] as const]
    const all = [...headers, ...server, ...type]
    const response = buildResponse(transaction.request, status, reasonPhrase(status), { toTag, headers: all, body })
    return response.ok && transaction.respond(status, response.value.serialize())
  }
}
