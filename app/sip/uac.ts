import { isIP } from 'node:net'
import { buildResponse } from '../../lib/sip/build.ts'
import { composeCancel, composeInDialog, composeRequest } from '../../lib/sip/compose.ts'
import { routeInDialog } from '../../lib/sip/dialog.ts'
import { type Draft, lacksContentType } from '../../lib/sip/draft.ts'
import type { SipRequest, SipResponse } from '../../lib/sip/message.ts'
import { type NameAddr, tagOf } from '../../lib/sip/name-addr.ts'
import { type Target, targetOfUri } from '../../lib/sip/targets.ts'
import { NOK } from './app-link.ts'
import { credentialsOf } from './credentials.ts'
import type { DialogSender, Way } from './dialog-sender.ts'
import type { DialogRecord } from './dialog-store.ts'
import { type DialogKeepers, OutgoingAnswers } from './outgoing-answers.ts'
import { OutgoingRequest } from './outgoing-request.ts'
import type { StackContext } from './stack-context.ts'
import { SUBSCRIBING } from './subscriptions.ts'
import type { Received } from './transaction/client-transaction.ts'
import type { Remote } from './transport/transport.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** An application's wish to send a request. */
interface Wish {
  readonly client: ClientConnection
  readonly msgId: string
  readonly draft: Draft
  readonly method: string
}

/** CSeq numbers of new requests start below this, so that they never reach 2^31 (RFC 3261 §8.1.1.5). */
const MAX_FIRST_SEQ = 1_000_000

/** NOTIFYs that may wait for the answer to one SUBSCRIBE (our policy). */
const MAX_OVERTAKING = 4

const subscriberOf = (callId: string, from: NameAddr): string => `${callId} ${tagOf(from) ?? ''}`

/** The UAC side of the server (RFC 3261 §8.1, §9.1, §12.2.1, §13.2): everything between an application's wish and the wire. */
export class Uac {
  readonly #stack: StackContext
  readonly #sender: DialogSender
  readonly #answers: OutgoingAnswers
  /** Requests without a final response, by their transaction id. */
  readonly #outgoing = new Map<string, OutgoingRequest>()
  /** Those of them that will open a dialog for NOTIFYs, by Call-ID and From tag. */
  readonly #subscribing = new Map<string, OutgoingRequest>()

  constructor(stack: StackContext, sender: DialogSender, keepers: DialogKeepers) {
    this.#stack = stack
    this.#sender = sender
    this.#answers = new OutgoingAnswers(stack, sender, keepers, (outgoing) => this.#forget(outgoing))
  }

  #forget(outgoing: OutgoingRequest): void {
    this.#outgoing.delete(outgoing.txnId)
    this.#subscribing.delete(subscriberOf(outgoing.request.callId, outgoing.request.from()))
  }

  /** Keeps a NOTIFY that has overtaken the answer to our SUBSCRIBE or REFER. False where none is open that it could belong to. */
  hold(request: SipRequest, again: () => void): boolean {
    if (request.method !== 'NOTIFY') return false
    const outgoing = this.#subscribing.get(subscriberOf(request.callId, request.to()))
    if (outgoing === undefined || outgoing.overtaking.length >= MAX_OVERTAKING) return false
    outgoing.overtaking.push(again)
    return true
  }

  get outgoingCount(): number {
    return this.#outgoing.size
  }

  /**
   * A request outside of dialogs. `proxyUri`, where not empty, is the next hop. Where that is an address, as of an application that has
   * resolved the name of the Request-URI itself, it is this name that the hop has to prove over TLS (RFC 5922 §4).
   */
  request(wish: Wish, uri: string, proxyUri: string): void {
    if (this.#isTypeless(wish)) return
    const target = targetOfUri(proxyUri === '' ? uri : proxyUri)
    if (typeof target === 'string') {
      const why = target === 'invalid-uri' ? NOK.invalidUri(uri) : NOK.noTransport
      this.#stack.link.nok(wish.client, wish.msgId, why)
      return
    }
    const toProve = isIP(target.host) === 0 ? target : targetOfUri(uri)
    const serverName = typeof toProve === 'string' ? target.host : toProve.host
    this.#sender.findWay(target, undefined, (way) => this.#send(wish, uri, way, target), serverName)
  }

  /**
   * A request in a dialog; a BYE that comes before the ACK of our 2xx waits for it (RFC 3261 §15). As on drachtio-server any application may
   * speak in any dialog; one whose own application is gone is its from then on.
   */
  requestInDialog(wish: Wish, dialogId: string): void {
    const record = this.#stack.dialogs.byId(dialogId)
    if (record === undefined || record.ending) {
      this.#stack.link.nok(wish.client, wish.msgId, NOK.unknownDialog)
      return
    }
    if (!record.client.alive) record.client = wish.client
    if (this.#isTypeless(wish)) return
    if (wish.method === 'BYE' && record.ackWait !== undefined) {
      if (record.afterAck !== undefined) this.#stack.link.nok(wish.client, wish.msgId, NOK.unknownDialog)
      else record.afterAck = () => this.requestInDialog(wish, dialogId)
      return
    }
    const { nextHop } = routeInDialog(record.dialog)
    const target = targetOfUri(nextHop)
    if (typeof target === 'string') {
      this.#failInDialog(wish, record, NOK.invalidUri(nextHop))
      return
    }
    this.#sender.findWay(target, record, (way) => {
      if (way === undefined) this.#failInDialog(wish, record, NOK.noTransport)
      else if (wish.method === 'ACK') this.#sendAck(wish, record, way)
      else this.#sendInDialog(wish, record, way)
    })
  }

  /** What the application wants cannot be sent. A BYE ends the dialog all the same: nobody would ask for it again (RFC 3261 §15.1.1). */
  #failInDialog(wish: Wish, record: DialogRecord, why: string): void {
    this.#stack.link.nok(wish.client, wish.msgId, why)
    if (wish.method === 'BYE') this.#sender.sendBye(record, 'SIP ;cause=200 ;text="Hung up"', false)
  }

  /** Cancels an INVITE of the application. Another request outside of dialogs, such as a ping, has its 408 at once. */
  cancel(wish: Wish, txnId: string): void {
    const known = this.#outgoing.get(txnId)
    const outgoing = known?.client === wish.client ? known : undefined
    if (outgoing !== undefined && outgoing.request.method !== 'INVITE' && !outgoing.inDialog) {
      this.#stack.link.nok(wish.client, wish.msgId, NOK.notCancelled)
      outgoing.cancel()
      return
    }
    const cancel = outgoing === undefined ? undefined : composeCancel(outgoing.request, wish.draft)
    if (outgoing === undefined || outgoing.request.method !== 'INVITE' || cancel === undefined || !cancel.ok) {
      this.#stack.link.nok(wish.client, wish.msgId, NOK.unknownCancel(txnId))
      return
    }
    const belonging = { txnId: this.#stack.ids.uuid(), dialogId: '' }
    const local = this.#localOf(outgoing.transaction?.remote)
    this.#stack.link.requestSent(wish.client, wish.msgId, cancel.value.serialize(), local, belonging)
    outgoing.cancelDraft = wish.draft
    outgoing.cancel()
  }

  /** An application is gone: its INVITEs are cancelled, and a dialog they still open is ended at once. */
  onClientGone(client: ClientConnection): void {
    for (const outgoing of this.#outgoing.values()) {
      if (outgoing.client === client && outgoing.request.method === 'INVITE') outgoing.cancel()
    }
  }

  /** Forgets everything. */
  close(): void {
    this.#outgoing.clear()
    this.#subscribing.clear()
  }

  #isTypeless({ client, msgId, draft }: Wish): boolean {
    const typeless = lacksContentType(draft)
    if (typeless) this.#stack.link.nok(client, msgId, NOK.missingContentType)
    return typeless
  }

  #send(wish: Wish, uri: string, way: Way | undefined, target: Target): void {
    const { client, msgId, draft, method } = wish
    // Where the name has no address the request is made all the same, since the answer to it shows it.
    const sender =
      way?.sender ?? this.#stack.sockets.senderFor({ protocol: target.protocol, host: '127.0.0.1', port: 0 })
    if (sender === undefined) {
      this.#stack.link.nok(client, msgId, NOK.noTransport)
      return
    }
    const { ids, userAgent } = this.#stack
    const seq = 1 + Math.floor(Math.random() * MAX_FIRST_SEQ)
    const request = composeRequest(draft, method, uri, {
      local: sender.address,
      branch: ids.branch(),
      fresh: { tag: ids.tag(), callId: ids.uuid(), seq },
      userAgent,
    })
    if (!request.ok) {
      const why = request.error.code === 'request-uri' ? NOK.invalidUri(uri) : `Server error: ${request.error.message}`
      this.#stack.link.nok(client, msgId, why)
      return
    }
    const outgoing = this.#track(client, request.value, undefined)
    const bytes = request.value.serialize()
    this.#stack.link.requestSent(client, msgId, bytes, sender.address, { txnId: outgoing.txnId, dialogId: '' })
    if (method === 'INVITE') this.#stack.cdr.attempt('application', bytes)
    if (way === undefined) this.#fail(outgoing, 503, 'DNS Error')
    else this.#start(outgoing, bytes, way)
  }

  #sendInDialog(wish: Wish, record: DialogRecord, way: Way): void {
    const { client, msgId, draft, method } = wish
    const seq = record.dialog.localSeq + 1
    const request = composeInDialog(draft, method, record.dialog, this.#sender.composing(way, seq))
    if (!request.ok) {
      this.#failInDialog(wish, record, `Server error: ${request.error.message}`)
      return
    }
    this.#stack.dialogs.update(record, { ...record.dialog, localSeq: seq })
    const outgoing = this.#track(client, request.value, record)
    const bytes = request.value.serialize()
    this.#stack.link.requestSent(client, msgId, bytes, way.sender.address, { txnId: outgoing.txnId, dialogId: '' })
    if (method === 'BYE') {
      record.ending = true
      record.ourInvite?.cancel()
      this.#stack.cdr.stop('application', 'normal-release', bytes)
    } else if (method === 'INVITE') {
      record.ourInvite = outgoing
      record.inviteSeq = seq
      record.inviteCredentials = credentialsOf(request.value)
    }
    if (method === 'UPDATE' && request.value.body.length > 0) record.ourUpdate = outgoing
    this.#start(outgoing, bytes, way)
  }

  /** The ACK of a 2xx: a request outside of transactions, kept to answer repetitions of the 2xx with. */
  #sendAck(wish: Wish, record: DialogRecord, way: Way): void {
    if (wish.draft.body.length > 0) record.localSession = Buffer.from(wish.draft.body)
    const bytes = this.#sender.acknowledge(record, way, wish.draft)
    if (bytes === undefined) {
      this.#stack.link.nok(wish.client, wish.msgId, 'Server error: the ACK is malformed')
      return
    }
    const belonging = { txnId: this.#stack.ids.uuid(), dialogId: '' }
    this.#stack.link.requestSent(wish.client, wish.msgId, bytes, way.sender.address, belonging)
    if (record.byeAfterAck) this.#sender.sendBye(record, 'SIP ;cause=200 ;text="ACK-BYE due to cancel race condition"')
  }

  #track(client: ClientConnection, request: SipRequest, record: DialogRecord | undefined): OutgoingRequest {
    const outgoing = new OutgoingRequest(this.#stack.ids.uuid(), client, request, record, {
      onResponse: (one, received) => this.#onResponse(one, received),
      onEnd: (one, why) => this.#fail(one, why === 'timeout' ? 408 : 503),
      onCancel: (one) => this.#sendCancel(one),
    })
    this.#outgoing.set(outgoing.txnId, outgoing)
    if (record === undefined && SUBSCRIBING.has(request.method)) {
      this.#subscribing.set(subscriberOf(request.callId, request.from()), outgoing)
    }
    return outgoing
  }

  #start(outgoing: OutgoingRequest, bytes: Buffer, { remote, sender }: Way): void {
    const way = { remote, from: sender.socket }
    outgoing.transaction = this.#stack.transactions.openClient(outgoing.request, bytes, way, outgoing)
    outgoing.transaction.start()
  }

  #sendCancel(outgoing: OutgoingRequest): void {
    const { transaction } = outgoing
    const cancel = composeCancel(outgoing.request, outgoing.cancelDraft)
    if (transaction === undefined || !cancel.ok) return
    this.#sender.sendAlone(cancel.value, cancel.value.serialize(), transaction.remote, transaction.from)
  }

  #onResponse(outgoing: OutgoingRequest, received: Received): void {
    const hearing = this.#answers.onResponse(outgoing, received)
    if (hearing === 'nothing') return
    if (hearing === 'failure') return this.#tellOfFailure(outgoing, 500, 'Unusable Answer')
    const belonging = { txnId: outgoing.txnId, dialogId: outgoing.record?.id ?? '' }
    this.#stack.link.deliver(outgoing.client, received.bytes, received.arrival, belonging)
    if (received.response.status >= 200) outgoing.letPass()
  }

  /** No answer will come: the application gets one from us. */
  #fail(
    outgoing: OutgoingRequest,
    status: 408 | 503,
    reason = status === 408 ? 'Request Timeout' : 'Service Unavailable',
  ): void {
    const response = this.#failure(outgoing, status, reason)
    this.#answers.settle(outgoing, response)
    this.#answers.dropEarly(outgoing)
    const belonging = { txnId: outgoing.txnId, dialogId: outgoing.record?.id ?? '' }
    this.#stack.link.deliverSynthetic(outgoing.client, response.serialize(), belonging)
    outgoing.letPass()
  }

  /** The answer that came is none that an application could use; dialogs are seen to. */
  #tellOfFailure(outgoing: OutgoingRequest, status: number, reason: string): void {
    const bytes = this.#failure(outgoing, status, reason).serialize()
    this.#stack.link.deliverSynthetic(outgoing.client, bytes, { txnId: outgoing.txnId, dialogId: '' })
  }

  #failure(outgoing: OutgoingRequest, status: number, reason: string): SipResponse {
    const response = buildResponse(outgoing.request, status, reason, { toTag: this.#stack.ids.tag() })
    if (!response.ok) throw new Error(`a request that was sent cannot be answered: ${response.error.message}`)
    return response.value
  }

  #localOf(remote: Remote | undefined) {
    const sender = remote === undefined ? undefined : this.#stack.sockets.senderFor(remote)
    return sender?.address ?? { protocol: 'udp', host: '', port: 0 }
  }
}
