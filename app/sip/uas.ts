import { composeResponse, requestedToTag } from '../../lib/sip/compose.ts'
import { afterRemoteRequest } from '../../lib/sip/dialog.ts'
import { type Draft, lacksContentType } from '../../lib/sip/draft.ts'
import { judgeRequest, judgeUnrouted, RETRY_AFTER } from '../../lib/sip/judge-request.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import { tagOf } from '../../lib/sip/name-addr.ts'
import { answerPrack, wantsReliable } from '../../lib/sip/reliability.ts'
import { handlerOf, type RequestHandler } from '../../lib/sip/request-handler.ts'
import { Acks } from './acks.ts'
import { NOK } from './app-link.ts'
import type { DialogRecord } from './dialog-store.ts'
import { judgeInDialog } from './judge-in-dialog.ts'
import { PendingRequest } from './pending-request.ts'
import { PendingRequests } from './pending-requests.ts'
import type { SessionTimers } from './session-timers.ts'
import type { StackContext } from './stack-context.ts'
import type { Subscriptions } from './subscriptions.ts'
import type { ServerTransaction } from './transaction/server-transaction.ts'
import type { Arrival } from './transport/transport.ts'
import { UasDialogs } from './uas-dialogs.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** Who may send requests outside of dialogs. A guest may because of the host that it names, and has nothing to prove it yet. */
export type Admission = 'admit' | 'guest' | 'drop' | 'reject'

/** What the UAS core leaves to others. */
export interface UasPorts {
  /** Judges, and counts, a source whose request belongs to nothing we know. */
  admit(arrival: Arrival, request: SipRequest): Admission
  /** Counts the source of a guest's request that is none to answer. */
  refuse(arrival: Arrival): 'drop' | 'reject'
  /** Takes a request whose route leads through us to others. */
  pass(request: SipRequest, key: string, arrival: Arrival, bytes: () => Buffer): boolean
  /** Ends a dialog by a BYE of our own. */
  sendBye(record: DialogRecord, reason: string): void
  /** Keeps a NOTIFY until the SUBSCRIBE of ours that it answers is answered itself. False where there is no such SUBSCRIBE. */
  hold(request: SipRequest, again: () => void): boolean
  readonly sessions: SessionTimers
  readonly subscriptions: Subscriptions
  /** Whose methods no application that is connected gets. */
  readonly handlers: readonly RequestHandler[]
  /** Finds out what becomes of a request, and sees to it. */
  ask(handler: RequestHandler, pending: PendingRequest, inbound: Inbound): void
}

/** A request with its bytes as they go to applications. */
export interface Inbound {
  readonly request: SipRequest
  readonly bytes: () => Buffer
  readonly arrival: Arrival
}

const isSessionSuccess = ({ method }: ServerTransaction, status: number): boolean =>
  (method === 'INVITE' || method === 'UPDATE') && status >= 200 && status < 300

/** The UAS side of the server (RFC 3261 §8.2, §9.2, §12.2.2, §13.3): everything between a request and the application. */
export class Uas {
  readonly #stack: StackContext
  readonly #ports: UasPorts
  readonly #acks: Acks
  readonly #pending: PendingRequests
  readonly #dialogs: UasDialogs
  #overloaded = 0

  constructor(stack: StackContext, ports: UasPorts) {
    this.#stack = stack
    this.#ports = ports
    this.#acks = new Acks(stack, (record, reason) => ports.sendBye(record, reason))
    this.#pending = new PendingRequests(stack, (ack, { transaction }) => {
      this.#acks.onAck(ack, () => ack.serialize(), transaction.arrival)
    })
    this.#dialogs = new UasDialogs(stack, ports.subscriptions, (pending) => this.#pending.terminate(pending, 487))
  }

  /** Requests that applications owe an answer. */
  get pendingCount(): number {
    return this.#pending.size
  }

  /** INVITEs that were refused because too many waited already. */
  get overloadedCount(): number {
    return this.#overloaded
  }

  /** A request from the network, its Via marked with its source. */
  onRequest(request: SipRequest, bytes: () => Buffer, arrival: Arrival): void {
    const inbound: Inbound = { request, bytes, arrival }
    const match = this.#stack.transactions.match(request)
    if (match.kind === 'absorbed') return
    if (request.method === 'CANCEL') this.#onCancel(inbound, match.key)
    else if (this.#ports.pass(request, match.key, arrival, bytes)) return
    else if (request.method === 'ACK') this.#acks.onAck(request, bytes, arrival)
    else {
      const record = this.#stack.dialogs.ofRequest(request)
      if (record !== undefined) {
        this.#onInDialog(record, inbound, this.#stack.transactions.openServer(match.key, request, arrival))
      } else this.#onNew(inbound, match.key, match.kind === 'merged')
    }
  }

  /** A response of an application to a request it was sent; without a client, of the server itself to one that none was found for. */
  respond(client: ClientConnection | undefined, msgId: string, txnId: string, draft: Draft): void {
    const { link } = this.#stack
    const pending = this.#pending.get(txnId)
    if (draft.start.kind !== 'response' || !pending?.transaction.open || pending.client !== client) {
      link.nok(client, msgId, NOK.unknownResponse)
      return
    }
    if (lacksContentType(draft)) {
      link.nok(client, msgId, NOK.missingContentType)
      return
    }
    const { status, reason } = draft.start
    const { transaction, reliable } = pending
    const { request, arrival, remote } = transaction
    const plan = reliable?.plan(draft, status, () => this.respond(client, msgId, txnId, draft))
    if (plan === 'deferred') return
    if (plan === 'refused') {
      link.nok(client, msgId, NOK.notReliable)
      return
    }
    pending.localTag ??= requestedToTag(draft) ?? this.#stack.ids.tag()
    const session = isSessionSuccess(transaction, status) ? this.#ports.sessions.answered(request, draft) : undefined
    const response = composeResponse(request, session?.draft ?? plan?.draft ?? draft, status, reason, {
      local: this.#stack.sockets.addressOf(arrival.protocol, arrival.localHost, arrival.localPort),
      toTag: pending.localTag,
      userAgent: this.#stack.userAgent,
    })
    if (!response.ok) {
      link.nok(client, msgId, `Server error: ${response.error.message}`)
      return
    }
    const bytes = response.value.serialize()
    this.#dialogs.keep(pending, status, draft)
    if (status > 100 && status < 300) pending.announce()
    if (!transaction.respond(status, bytes)) {
      this.#pending.lose(pending)
      link.nok(client, msgId, NOK.unknownResponse)
      return
    }
    const dialogId = pending.record?.id ?? ''
    if (pending.record !== undefined) session?.start(pending.record)
    if (plan?.reliable === true) this.#onReliableSent(pending, draft, () => transaction.respond(status, bytes))
    if (status >= 200) this.#onFinalSent(pending, status, bytes)
    else this.#pending.onProvisional(pending)
    link.responseSent(client, msgId, bytes, remote, { txnId, dialogId })
  }

  /** Gives up a new request for the application to have it proxied; undefined where it may not, or began to answer itself. */
  release(client: ClientConnection | undefined, txnId: string): ServerTransaction | undefined {
    const pending = this.#pending.get(txnId)
    if (pending === undefined || pending.client !== client) return undefined
    if (pending.record !== undefined || !pending.transaction.open) return undefined
    this.#pending.close(pending)
    this.#stack.transactions.allowSpiral(pending.transaction)
    return pending.transaction
  }

  /** An application is gone: what it owed is answered 503. */
  onClientGone(client: ClientConnection): void {
    this.#pending.settleAllOf(client)
  }

  /** Forgets everything. */
  close(): void {
    this.#pending.clear()
  }

  #onNew(inbound: Inbound, key: string, merged: boolean): void {
    const { request, arrival } = inbound
    const admission = this.#admitNew(request, arrival, merged)
    if (admission === 'drop') return
    const transaction = this.#stack.transactions.openServer(key, request, arrival)
    if (admission === 'reject') {
      this.#pending.reply(transaction, 403)
      return
    }
    if (tagOf(request.to()) !== undefined) {
      if (!this.#ports.hold(request, () => this.#onHeld(inbound, transaction))) this.#pending.reply(transaction, 481)
      return
    }
    const refusal = judgeRequest(request, merged, this.#stack.minSessionS)
    if (refusal !== undefined) {
      this.#pending.reply(transaction, refusal.status, refusal.headers)
      return
    }
    if (request.method === 'INVITE' && this.#pending.isOverloaded) {
      this.#overloaded += 1
      this.#pending.reply(transaction, 503, [RETRY_AFTER])
      return
    }
    const handler = handlerOf(this.#ports.handlers, request.method)
    const client = handler === undefined ? this.#stack.wire.pick(request.method) : undefined
    if (handler === undefined && client === undefined) {
      const { status, headers } = judgeUnrouted(request.method, this.#stack.wire.routedVerbs())
      this.#pending.reply(transaction, status, headers)
      return
    }
    const pending = this.#hand(inbound, transaction, client, undefined)
    if (request.method === 'INVITE') this.#stack.cdr.attempt('network', inbound.bytes())
    if (handler !== undefined) this.#ports.ask(handler, pending, inbound)
  }

  /** A guest hears of nothing that is wrong with its request: it is met with silence, and counted. */
  #admitNew(request: SipRequest, arrival: Arrival, merged: boolean): Exclude<Admission, 'guest'> {
    const admission = this.#ports.admit(arrival, request)
    if (admission !== 'guest') return admission
    const isPlain =
      tagOf(request.to()) === undefined && judgeRequest(request, merged, this.#stack.minSessionS) === undefined
    return isPlain ? 'admit' : this.#ports.refuse(arrival)
  }

  /** A request that came before the 2xx which opens its dialog. */
  #onHeld(inbound: Inbound, transaction: ServerTransaction): void {
    const record = this.#stack.dialogs.ofRequest(inbound.request)
    if (record === undefined) this.#pending.reply(transaction, 481)
    else this.#onInDialog(record, inbound, transaction)
  }

  #onInDialog(record: DialogRecord, inbound: Inbound, transaction: ServerTransaction): void {
    const { request } = inbound
    const refusal = judgeInDialog(record, request, this.#stack.minSessionS)
    if (refusal !== undefined) {
      this.#pending.reply(transaction, refusal.status, refusal.headers)
      return
    }
    const { method } = request
    // As drachtio-server: the peer hears that nobody is there. A BYE ends the dialog, which an application may still take over.
    if (!record.client.alive) {
      if (method === 'BYE') this.#endByBye(record, inbound)
      this.#pending.reply(transaction, method === 'BYE' ? 200 : 481)
      return
    }
    if (method === 'UPDATE' && request.body.length > 0) record.theirUpdate = transaction
    this.#stack.dialogs.update(record, afterRemoteRequest(record.dialog, request))
    if (method === 'NOTIFY') this.#ports.subscriptions.notified(record, (name) => request.header(name))
    if (method === 'BYE') this.#onBye(record, inbound, transaction)
    else if (method === 'PRACK') this.#onPrack(record, inbound, transaction)
    else this.#hand(inbound, transaction, record.client, record)
  }

  /** A PRACK that acknowledges nothing is refused (RFC 3262 §3); the application answers for what it made reliable. */
  #onPrack(record: DialogRecord, inbound: Inbound, transaction: ServerTransaction): void {
    const { reliable } = record
    const acknowledged = reliable?.acknowledge(inbound.request)
    if (acknowledged === undefined) this.#pending.reply(transaction, 481)
    else if (acknowledged.owner === 'application') this.#hand(inbound, transaction, record.client, record)
    else {
      const { status, body } = answerPrack(inbound.request, acknowledged.session)
      this.#pending.reply(transaction, status, [], { body })
    }
    if (acknowledged !== undefined) reliable?.flush()
  }

  #onReliableSent({ record, reliable }: PendingRequest, draft: Draft, resend: () => void): void {
    if (record !== undefined) record.reliable = reliable
    reliable?.sent(draft, wantsReliable(draft) ? 'application' : 'server', resend)
  }

  /** A BYE ends the dialog at once, whatever the application makes of it, and the INVITEs that are open in it. */
  #onBye(record: DialogRecord, inbound: Inbound, transaction: ServerTransaction): void {
    const early = record.dialog.state === 'early'
    this.#endByBye(record, inbound)
    // An application knows no early dialog: to it the call is cancelled, which `theirInvite` has just told it.
    if (early) this.#pending.reply(transaction, 200)
    else this.#hand(inbound, transaction, record.client, record)
  }

  #endByBye(record: DialogRecord, inbound: Inbound): void {
    const early = record.dialog.state === 'early'
    record.theirInvite?.cancel()
    this.#stack.dialogs.remove(record)
    this.#stack.cdr.stop('network', early ? 'call-canceled' : 'normal-release', inbound.bytes())
  }

  /** Gives a request to its application, which now owes an answer. */
  #hand(
    inbound: Inbound,
    transaction: ServerTransaction,
    client: ClientConnection | undefined,
    record: DialogRecord | undefined,
  ): PendingRequest {
    const { request, arrival } = inbound
    const pending = this.#pending.open(transaction, client, record)
    if (request.method === 'INVITE' && record !== undefined) {
      record.theirInvite = { cancel: () => this.#pending.terminate(pending, 487) }
    }
    this.#stack.link.deliver(client, inbound.bytes(), arrival, {
      txnId: pending.txnId,
      dialogId: record?.id ?? '',
    })
    return pending
  }

  #onCancel({ request, bytes, arrival }: Inbound, key: string): void {
    const invite = this.#stack.transactions.invitedBy(request)
    if (invite === undefined) {
      const admission = this.#ports.admit(arrival, request)
      if (admission === 'drop') return
      const transaction = this.#stack.transactions.openServer(key, request, arrival)
      this.#pending.reply(transaction, admission === 'reject' ? 403 : 481)
      return
    }
    const pending = invite.user instanceof PendingRequest ? invite.user : undefined
    if (pending !== undefined) pending.localTag ??= this.#stack.ids.tag()
    this.#pending.reply(this.#stack.transactions.openServer(key, request, arrival), 200, [], {
      localTag: pending?.localTag,
    })
    if (pending === undefined) invite.user?.onServerCancel?.()
    if (pending === undefined || !invite.open) return
    this.#pending.settle(pending, 487)
    const cancel = bytes()
    this.#stack.link.deliver(pending.client, cancel, arrival, {
      txnId: pending.txnId,
      dialogId: pending.inviteDialogId,
    })
    if (!pending.wasInDialog) this.#stack.cdr.stop('network', 'call-canceled', cancel)
  }

  #onFinalSent(pending: PendingRequest, status: number, bytes: Buffer): void {
    const { record, transaction } = pending
    this.#pending.close(pending)
    if (transaction.method !== 'INVITE') return
    if (status >= 300) {
      this.#pending.dropEarly(pending)
      if (!pending.wasInDialog) this.#stack.cdr.stop('application', 'call-rejected', bytes)
      return
    }
    if (!pending.wasInDialog) this.#stack.cdr.start('application', 'uas', bytes)
    if (record === undefined) return
    const invite = { seq: pending.seq, txnId: pending.txnId }
    this.#acks.expect(record, invite, () => transaction.respond(status, bytes))
  }
}
