import { buildResponse, type HeaderInput } from '../../lib/sip/build.ts'
import { composeCancel, composeInDialog, composeRequest } from '../../lib/sip/compose.ts'
import { afterRemoteSuccess, confirmAsUac, openAsUac, routeInDialog } from '../../lib/sip/dialog.ts'
import { type Draft, lacksContentType } from '../../lib/sip/draft.ts'
import { NO_BODY, type SipRequest, type SipResponse } from '../../lib/sip/message.ts'
import { tagOf } from '../../lib/sip/name-addr.ts'
import { type Target, targetOfUri } from '../../lib/sip/targets.ts'
import { NOK } from './app-link.ts'
import type { DialogRecord } from './dialog-store.ts'
import { OutgoingRequest } from './outgoing-request.ts'
import type { Resolver } from './resolver.ts'
import type { Sender } from './sockets.ts'
import type { StackContext } from './stack-context.ts'
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

/** A way to a destination: an address and the socket that reaches it. */
interface Way {
  readonly remote: Remote
  readonly sender: Sender
}

/** CSeq numbers of new requests start below this, so that they never reach 2^31 (RFC 3261 §8.1.1.5). */
const MAX_FIRST_SEQ = 1_000_000

/** Credentials that the ACK of a 2xx repeats from its INVITE (RFC 3261 §13.2.2.4). */
const CREDENTIALS = ['Authorization', 'Proxy-Authorization'] as const

const EMPTY_DRAFT: Draft = { start: { kind: 'request', method: '', uri: '' }, headers: [], body: NO_BODY }

/** The UAC side of the server (RFC 3261 §8.1, §9.1, §12.2.1, §13.2): everything between an application's wish and the wire. */
export class Uac {
  readonly #stack: StackContext
  readonly #resolver: Resolver
  /** Requests without a final response, by their transaction id. */
  readonly #outgoing = new Map<string, OutgoingRequest>()

  constructor(stack: StackContext, resolver: Resolver) {
    this.#stack = stack
    this.#resolver = resolver
  }

  get outgoingCount(): number {
    return this.#outgoing.size
  }

  /** A request outside of dialogs. `proxyUri`, where not empty, is the next hop. */
  request(wish: Wish, uri: string, proxyUri: string): void {
    if (this.#isTypeless(wish)) return
    const target = targetOfUri(proxyUri === '' ? uri : proxyUri)
    if (typeof target === 'string') {
      const why = target === 'invalid-uri' ? NOK.invalidUri(uri) : NOK.noTransport
      this.#stack.link.nok(wish.client, wish.msgId, why)
      return
    }
    this.#findWay(target, undefined, (way) => this.#send(wish, uri, way, target))
  }

  /** A request in a dialog; a BYE that comes before the ACK of our 2xx waits for it (RFC 3261 §15). */
  requestInDialog(wish: Wish, dialogId: string): void {
    const record = this.#stack.dialogs.byId(dialogId)
    if (record === undefined || record.ending || record.client !== wish.client) {
      this.#stack.link.nok(wish.client, wish.msgId, NOK.unknownDialog)
      return
    }
    if (this.#isTypeless(wish)) return
    if (wish.method === 'BYE' && record.ackWait !== undefined) {
      record.afterAck = () => this.requestInDialog(wish, dialogId)
      return
    }
    const { nextHop } = routeInDialog(record.dialog)
    const target = targetOfUri(nextHop)
    if (typeof target === 'string') {
      this.#stack.link.nok(wish.client, wish.msgId, NOK.invalidUri(nextHop))
      return
    }
    this.#findWay(target, record, (way) => {
      if (way === undefined) this.#stack.link.nok(wish.client, wish.msgId, NOK.noTransport)
      else if (wish.method === 'ACK') this.#sendAck(wish, record, way)
      else this.#sendInDialog(wish, record, way)
    })
  }

  /** Cancels an INVITE of the application. */
  cancel(wish: Wish, txnId: string): void {
    const outgoing = this.#outgoing.get(txnId)
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

  /** Ends a dialog by a BYE of our own and tells its application. */
  sendBye(record: DialogRecord, reason: string): void {
    const target = targetOfUri(routeInDialog(record.dialog).nextHop)
    this.#stack.dialogs.remove(record)
    if (typeof target === 'string') return
    this.#findWay(target, record, (way) => {
      if (way === undefined) return
      const draft: Draft = { ...EMPTY_DRAFT, headers: [{ name: 'Reason', key: 'reason', value: reason }] }
      const seq = record.dialog.localSeq + 1
      const bye = composeInDialog(draft, 'BYE', record.dialog, this.#composing(way, seq))
      if (!bye.ok) return
      const bytes = bye.value.serialize()
      this.#stack.link.deliverUnsolicited(record.client, bytes, way.remote, record.id)
      this.#stack.cdr.stop('application', 'system-error-initiated-termination', bytes)
      this.#startAlone(bye.value, bytes, way)
    })
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
  }

  #isTypeless({ client, msgId, draft }: Wish): boolean {
    const typeless = lacksContentType(draft)
    if (typeless) this.#stack.link.nok(client, msgId, NOK.missingContentType)
    return typeless
  }

  /** Resolves a target. In a dialog the socket it lives at, and a TCP connection of the peer, are preferred. */
  #findWay(target: Target, record: DialogRecord | undefined, found: (way: Way | undefined) => void): void {
    const { sockets } = this.#stack
    this.#resolver.resolve(target.host, (address) => {
      if (address === undefined) {
        found(undefined)
        return
      }
      const plain: Remote = { protocol: target.protocol, host: address, port: target.port }
      const keepsFlow = record?.flow !== undefined && record.dialog.routeSet.length === 0 && target.protocol === 'tcp'
      const remote: Remote = keepsFlow ? { ...plain, flow: record.flow } : plain
      const sender = sockets.senderFor(remote, record?.socket)
      found(sender === undefined ? undefined : { remote, sender })
    })
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
    const request = composeInDialog(draft, method, record.dialog, this.#composing(way, seq))
    if (!request.ok) {
      this.#stack.link.nok(client, msgId, `Server error: ${request.error.message}`)
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
    this.#start(outgoing, bytes, way)
  }

  /** The ACK of a 2xx: a request outside of transactions, kept to answer repetitions of the 2xx with. */
  #sendAck(wish: Wish, record: DialogRecord, way: Way): void {
    const bytes = this.#acknowledge(record, way, wish.draft)
    if (bytes === undefined) {
      this.#stack.link.nok(wish.client, wish.msgId, 'Server error: the ACK is malformed')
      return
    }
    const belonging = { txnId: this.#stack.ids.uuid(), dialogId: '' }
    this.#stack.link.requestSent(wish.client, wish.msgId, bytes, way.sender.address, belonging)
    if (record.byeAfterAck) this.sendBye(record, 'SIP ;cause=200 ;text="ACK-BYE due to cancel race condition"')
  }

  #acknowledge(record: DialogRecord, way: Way, draft: Draft): Buffer | undefined {
    const credentials = record.inviteCredentials.map(([name, value]) => ({ name, key: name.toLowerCase(), value }))
    const full: Draft = { ...draft, headers: [...draft.headers, ...credentials] }
    const ack = composeInDialog(full, 'ACK', record.dialog, this.#composing(way, record.inviteSeq))
    if (!ack.ok) return undefined
    const bytes = ack.value.serialize()
    record.sentAck = { seq: record.inviteSeq, bytes, remote: way.remote }
    this.#transmit(bytes, way.remote, record)
    return bytes
  }

  #transmit(bytes: Buffer, remote: Remote, record: DialogRecord): void {
    // A lost ACK is asked for by the 2xx that comes again, so an error here needs no answer.
    this.#stack.sockets.send(bytes, remote, record.socket, () => {})
  }

  #composing(way: Way, seq: number) {
    const { ids, userAgent } = this.#stack
    return { local: way.sender.address, branch: ids.branch(), seq, userAgent }
  }

  #track(client: ClientConnection, request: SipRequest, record: DialogRecord | undefined): OutgoingRequest {
    const outgoing = new OutgoingRequest(this.#stack.ids.uuid(), client, request, record, {
      onResponse: (one, received) => this.#onResponse(one, received),
      onEnd: (one, why) => this.#fail(one, why === 'timeout' ? 408 : 503),
      onCancel: (one) => this.#sendCancel(one),
    })
    this.#outgoing.set(outgoing.txnId, outgoing)
    return outgoing
  }

  #start(outgoing: OutgoingRequest, bytes: Buffer, { remote, sender }: Way): void {
    const way = { remote, from: sender.socket }
    outgoing.transaction = this.#stack.transactions.openClient(outgoing.request, bytes, way, outgoing)
    outgoing.transaction.start()
  }

  /** A request of our own, whose answer concerns nobody. */
  #startAlone(
    request: SipRequest,
    bytes: Buffer,
    { remote, sender }: Pick<Way, 'remote'> & { sender: Pick<Sender, 'socket'> },
  ): void {
    const nobody = { onClientResponse: () => {}, onClientEnd: () => {}, onClientCancel: () => {} }
    this.#stack.transactions.openClient(request, bytes, { remote, from: sender.socket }, nobody).start()
  }

  #sendCancel(outgoing: OutgoingRequest): void {
    const { transaction } = outgoing
    const cancel = composeCancel(outgoing.request, outgoing.cancelDraft)
    if (transaction === undefined || !cancel.ok) return
    const way = { remote: transaction.remote, sender: { socket: transaction.from } }
    this.#startAlone(cancel.value, cancel.value.serialize(), way)
  }

  #onResponse(outgoing: OutgoingRequest, received: Received): void {
    const { response, bytes, arrival } = received
    const { request } = outgoing
    if (request.method === 'INVITE') {
      if (!this.#onInviteResponse(outgoing, received)) return
    } else if (response.status >= 200) this.#onFinal(outgoing, response)
    const dialogId = outgoing.record?.id ?? ''
    this.#stack.link.deliver(outgoing.client, bytes, arrival, { txnId: outgoing.txnId, dialogId })
  }

  /** The dialog's side of a response to an INVITE. False if it is not for the application. */
  #onInviteResponse(outgoing: OutgoingRequest, received: Received): boolean {
    const { response, bytes } = received
    const { status } = response
    if (status < 200) {
      if (status > 100 && outgoing.record === undefined) this.#openDialog(outgoing, received)
      return true
    }
    if (status >= 300) {
      this.#onFinal(outgoing, response)
      if (!outgoing.inDialog) {
        this.#dropEarly(outgoing)
        this.#stack.cdr.stop('network', status === 487 ? 'call-canceled' : 'call-rejected', bytes)
      }
      return true
    }
    if (outgoing.answered) {
      this.#onFurtherSuccess(outgoing, received)
      return false
    }
    outgoing.answered = true
    this.#onFinal(outgoing, response)
    this.#confirm(outgoing, received)
    if (!outgoing.inDialog) this.#stack.cdr.start('network', 'uac', bytes)
    return this.#isWanted(outgoing)
  }

  /** Opens the dialog of an INVITE of ours, if the response is one that does. */
  #openDialog(outgoing: OutgoingRequest, { response, arrival }: Received): void {
    const dialog = openAsUac(outgoing.request, response)
    if (dialog === undefined) return
    const socket = { localHost: arrival.localHost, localPort: arrival.localPort }
    const owner = { client: outgoing.client, socket, flow: arrival.flow }
    outgoing.record = this.#stack.dialogs.open(dialog, dialog.localTag, owner, credentialsOf(outgoing.request))
  }

  #confirm(outgoing: OutgoingRequest, received: Received): void {
    const { record } = outgoing
    const { response } = received
    if (record === undefined) {
      this.#openDialog(outgoing, received)
      return
    }
    if (outgoing.inDialog) {
      this.#stack.dialogs.update(record, afterRemoteSuccess(record.dialog, response))
      return
    }
    const sameBranch = tagOf(response.to()) === record.dialog.remoteTag
    const confirmed = sameBranch ? confirmAsUac(record.dialog, response) : openAsUac(outgoing.request, response)
    if (confirmed !== undefined) this.#stack.dialogs.update(record, { ...confirmed, localSeq: record.dialog.localSeq })
  }

  /** A 2xx whose application is gone, or that crossed our CANCEL, is acknowledged and ended by a BYE. */
  #isWanted(outgoing: OutgoingRequest): boolean {
    const { record, client } = outgoing
    if (record === undefined || outgoing.inDialog) return true
    if (client.alive) {
      record.byeAfterAck = outgoing.cancelled
      return true
    }
    this.#ackAndBye(record, 'SIP ;cause=487 ;text="Nobody is there any more"')
    return false
  }

  #ackAndBye(record: DialogRecord, reason: string): void {
    const target = targetOfUri(routeInDialog(record.dialog).nextHop)
    if (typeof target === 'string') return
    this.#findWay(target, record, (way) => {
      if (way !== undefined) this.#acknowledge(record, way, EMPTY_DRAFT)
      this.sendBye(record, reason)
    })
  }

  /** A 2xx that comes again gets its ACK again; one of another branch is a call nobody asked for (RFC 3261 §13.2.2.4). */
  #onFurtherSuccess(outgoing: OutgoingRequest, received: Received): void {
    const { record, request } = outgoing
    if (record === undefined) return
    if (tagOf(received.response.to()) === record.dialog.remoteTag) {
      const { sentAck } = record
      if (sentAck?.seq === request.cseq().seq) this.#transmit(sentAck.bytes, sentAck.remote, record)
      return
    }
    const fork = new OutgoingRequest('', outgoing.client, request, undefined, NO_EVENTS)
    this.#openDialog(fork, received)
    if (fork.record !== undefined) this.#ackAndBye(fork.record, 'SIP ;cause=200 ;text="Call completed elsewhere"')
  }

  /** The request is over. */
  #onFinal(outgoing: OutgoingRequest, response: SipResponse): void {
    this.#outgoing.delete(outgoing.txnId)
    const { record, request } = outgoing
    if (record === undefined) return
    if (record.ourInvite === outgoing) record.ourInvite = undefined
    if (request.method === 'BYE') {
      // A challenged BYE is sent again with credentials, in the same dialog.
      if (response.status === 401 || response.status === 407) record.ending = false
      else this.#stack.dialogs.remove(record)
    } else if (outgoing.inDialog && request.method !== 'INVITE' && response.status < 300) {
      this.#stack.dialogs.update(record, afterRemoteSuccess(record.dialog, response))
    }
  }

  #dropEarly(outgoing: OutgoingRequest): void {
    if (outgoing.record === undefined || outgoing.inDialog) return
    this.#stack.dialogs.remove(outgoing.record)
    outgoing.record = undefined
  }

  /** No answer will come: the application gets one from us. */
  #fail(
    outgoing: OutgoingRequest,
    status: 408 | 503,
    reason = status === 408 ? 'Request Timeout' : 'Service Unavailable',
  ): void {
    const response = buildResponse(outgoing.request, status, reason, { toTag: this.#stack.ids.tag() })
    if (!response.ok) throw new Error(`a request that was sent cannot be answered: ${response.error.message}`)
    this.#onFinal(outgoing, response.value)
    this.#dropEarly(outgoing)
    const belonging = { txnId: outgoing.txnId, dialogId: outgoing.record?.id ?? '' }
    this.#stack.link.deliverSynthetic(outgoing.client, response.value.serialize(), belonging)
  }

  #localOf(remote: Remote | undefined) {
    const sender = remote === undefined ? undefined : this.#stack.sockets.senderFor(remote)
    return sender?.address ?? { protocol: 'udp', host: '', port: 0 }
  }
}

const NO_EVENTS = { onResponse: () => {}, onEnd: () => {}, onCancel: () => {} }

/** The credentials of a request, for the ACK of its 2xx. */
function credentialsOf(request: SipRequest): HeaderInput[] {
  return CREDENTIALS.flatMap((name) => request.headers(name).map((value): HeaderInput => [name, value]))
}
