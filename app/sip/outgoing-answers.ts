import { hostPort } from '../../lib/sip/compose.ts'
import { afterRemoteSuccess, confirmAsUac, dialogToEnd, isUsableSuccess, openAsUac } from '../../lib/sip/dialog.ts'
import type { SipResponse } from '../../lib/sip/message.ts'
import { tagOf } from '../../lib/sip/name-addr.ts'
import { isNextReliable, reliableSeq } from '../../lib/sip/reliability.ts'
import { exchangeMs } from '../../lib/sip/transaction/timing.ts'
import { credentialsOf } from './credentials.ts'
import type { DialogSender } from './dialog-sender.ts'
import type { DialogRecord } from './dialog-store.ts'
import { OutgoingRequest } from './outgoing-request.ts'
import { Alarm } from './scheduler.ts'
import type { SessionTimers } from './session-timers.ts'
import type { StackContext } from './stack-context.ts'
import { SUBSCRIBING, type Subscriptions } from './subscriptions.ts'
import type { Received } from './transaction/client-transaction.ts'
import type { Arrival } from './transport/transport.ts'

/** Places that a forked INVITE may ring at once, by provisional responses (our policy). */
const MAX_EARLY_DIALOGS = 16

const NO_EVENTS = { onResponse: () => {}, onEnd: () => {}, onCancel: () => {} }

/** What keeps dialogs alive, and ends them. */
export interface DialogKeepers {
  readonly sessions: SessionTimers
  readonly subscriptions: Subscriptions
}

/** What an application hears of a response: it, a failure that we make of it, or nothing. */
export type Hearing = 'response' | 'failure' | 'nothing'

/** Where a message came from, as a SIP URI. */
const sourceOf = ({ remoteHost, remotePort, protocol }: Arrival): string =>
  `sip:${hostPort(remoteHost, remotePort)};transport=${protocol}`

/** What the answers to our requests do to dialogs (RFC 3261 §12.1.2, §12.2.1.2, §13.2.2). */
export class OutgoingAnswers {
  readonly #stack: StackContext
  readonly #sender: DialogSender
  readonly #keepers: DialogKeepers
  readonly #forget: (outgoing: OutgoingRequest) => void

  /** @param forget the request is over */
  constructor(
    stack: StackContext,
    sender: DialogSender,
    keepers: DialogKeepers,
    forget: (outgoing: OutgoingRequest) => void,
  ) {
    this.#stack = stack
    this.#sender = sender
    this.#keepers = keepers
    this.#forget = forget
  }

  /** Takes a response, and says what the application hears of it. */
  onResponse(outgoing: OutgoingRequest, received: Received): Hearing {
    if (outgoing.request.method === 'INVITE') {
      const { status } = received.response
      const isNewSuccess = status >= 200 && status < 300 && !outgoing.answered && !outgoing.inDialog
      if (isNewSuccess && !isUsableSuccess(outgoing.request, received.response)) {
        this.#onUnusable(outgoing, received)
        return 'failure'
      }
      return this.#onInviteResponse(outgoing, received) ? 'response' : 'nothing'
    }
    if (received.response.status < 200) return 'response'
    this.settle(outgoing, received.response)
    if (received.response.status < 300) this.#onSubscribed(outgoing, received)
    return 'response'
  }

  /** A 2xx to a SUBSCRIBE or REFER opens a dialog, or extends what lives in one (RFC 6665 §4.1.2). */
  #onSubscribed(outgoing: OutgoingRequest, received: Received): void {
    const { subscriptions } = this.#keepers
    const { request } = outgoing
    if (!SUBSCRIBING.has(request.method)) return
    if (!outgoing.inDialog) {
      this.#openDialog(outgoing, received)
      if (outgoing.record !== undefined) subscriptions.begin(outgoing.record)
    }
    if (outgoing.record === undefined) return
    const granted = (name: string) => received.response.header(name)
    subscriptions.accepted(outgoing.record, request.method, (name) => request.header(name), granted)
  }

  /** The request has its final response, of the peer or of ours. */
  settle(outgoing: OutgoingRequest, response: SipResponse): void {
    this.#forget(outgoing)
    const { record, request } = outgoing
    if (record === undefined) return
    if (record.ourInvite === outgoing) record.ourInvite = undefined
    if (record.ourUpdate === outgoing) record.ourUpdate = undefined
    if (request.method === 'NOTIFY') {
      this.#keepers.subscriptions.answered(record, (name) => request.header(name), response.status)
    }
    if (request.method === 'BYE') {
      if (response.status === 401 || response.status === 407) this.#awaitByeAgain(record)
      else this.#stack.dialogs.remove(record)
    } else if (outgoing.inDialog && request.method !== 'INVITE' && response.status < 300) {
      this.#stack.dialogs.update(record, afterRemoteSuccess(record.dialog, response))
      this.#keepers.sessions.taken(record, request, response)
    }
  }

  /** A challenged BYE is sent again with credentials, in the same dialog; which is over all the same where nobody has any. */
  #awaitByeAgain(record: DialogRecord): void {
    const { scheduler, timing, dialogs } = this.#stack
    record.ending = false
    record.session?.stop()
    const alarm = new Alarm(scheduler, () => {
      if (!record.ending) dialogs.remove(record)
    })
    alarm.set(scheduler.nowMs() + exchangeMs(timing))
    record.session = { stop: () => alarm.set(undefined) }
  }

  /** A failed INVITE takes the early dialog with it that it had opened. */
  dropEarly(outgoing: OutgoingRequest): void {
    if (outgoing.record === undefined || outgoing.inDialog) return
    this.#stack.dialogs.remove(outgoing.record)
    outgoing.record = undefined
    for (const fork of outgoing.early.splice(0)) this.#stack.dialogs.remove(fork)
  }

  /** The dialog's side of a response to an INVITE. False if it is not for the application. */
  #onInviteResponse(outgoing: OutgoingRequest, received: Received): boolean {
    const { response, bytes } = received
    const { status } = response
    if (status < 200) return status === 100 || this.#onProvisional(outgoing, received)
    if (status >= 300) {
      this.settle(outgoing, response)
      if (!outgoing.inDialog) {
        this.dropEarly(outgoing)
        this.#stack.cdr.stop('network', status === 487 ? 'call-canceled' : 'call-rejected', bytes)
      }
      return true
    }
    if (outgoing.answered) {
      this.#onFurtherSuccess(outgoing, received)
      return false
    }
    outgoing.answered = true
    this.settle(outgoing, response)
    this.#confirm(outgoing, received)
    if (outgoing.record !== undefined) this.#keepers.sessions.taken(outgoing.record, outgoing.request, response)
    if (!outgoing.inDialog) this.#stack.cdr.start('network', 'uac', bytes)
    return this.#isWanted(outgoing)
  }

  /** A reliable response goes up once and in order (RFC 3262 §4); what one place says belongs to its own early dialog. */
  #onProvisional(outgoing: OutgoingRequest, received: Received): boolean {
    const { response } = received
    const rseq = reliableSeq(response)
    if (!outgoing.inDialog && !this.#enterEarly(outgoing, received)) return false
    const { record } = outgoing
    if (rseq === undefined || record === undefined) return true
    const latest = outgoing.lastRseq.get(record)
    if (!isNextReliable(latest, rseq)) return false
    outgoing.lastRseq.set(record, rseq)
    return true
  }

  /** Makes the early dialog that a response comes from the one its INVITE stands for. False where there are too many. */
  #enterEarly(outgoing: OutgoingRequest, received: Received): boolean {
    const tag = tagOf(received.response.to())
    const known = outgoing.early.find(({ dialog }) => dialog.remoteTag === tag)
    if (known !== undefined) {
      outgoing.record = known
      return true
    }
    if (outgoing.early.length >= MAX_EARLY_DIALOGS) return false
    const before = outgoing.record
    this.#openDialog(outgoing, received)
    if (outgoing.record !== undefined && outgoing.record !== before) outgoing.early.push(outgoing.record)
    return true
  }

  /** A 2xx that makes no dialog is acknowledged, also when it comes again, and ended by a BYE to where it came from. */
  #onUnusable(outgoing: OutgoingRequest, { response, arrival }: Received): void {
    outgoing.answered = true
    this.settle(outgoing, response)
    this.dropEarly(outgoing)
    const { localHost, localPort, flow } = arrival
    const owner = { client: outgoing.client, socket: { localHost, localPort }, flow }
    const dialog = dialogToEnd(outgoing.request, response, sourceOf(arrival))
    outgoing.record = this.#stack.dialogs.open(dialog, dialog.localTag, owner, credentialsOf(outgoing.request))
    this.#sender.ackAndBye(outgoing.record, 'SIP ;cause=500 ;text="The answer cannot be used"', false)
  }

  /** Opens the dialog of an INVITE of ours, if the response is one that does. */
  #openDialog(outgoing: OutgoingRequest, { response, arrival }: Received): void {
    const dialog = openAsUac(outgoing.request, response, sourceOf(arrival))
    if (dialog === undefined) return
    const socket = { localHost: arrival.localHost, localPort: arrival.localPort }
    const owner = { client: outgoing.client, socket, flow: arrival.flow }
    outgoing.record = this.#stack.dialogs.open(dialog, dialog.localTag, owner, credentialsOf(outgoing.request))
  }

  #confirm(outgoing: OutgoingRequest, received: Received): void {
    const { response } = received
    const answering = outgoing.early.find(({ dialog }) => dialog.remoteTag === tagOf(response.to()))
    outgoing.record = answering ?? outgoing.record
    const { record } = outgoing
    // The others are over: whoever answers there, too, is hung up (RFC 3261 §13.2.2.4).
    for (const fork of outgoing.early.splice(0)) if (fork !== record) this.#stack.dialogs.remove(fork)
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
    this.#sender.ackAndBye(record, 'SIP ;cause=487 ;text="Nobody is there any more"', false)
    return false
  }

  /** A 2xx that comes again gets its ACK again; one of another branch is a call nobody asked for (RFC 3261 §13.2.2.4). */
  #onFurtherSuccess(outgoing: OutgoingRequest, received: Received): void {
    const { record, request } = outgoing
    if (record === undefined) return
    if (tagOf(received.response.to()) === record.dialog.remoteTag) {
      this.#sender.repeatAck(record, request.cseq().seq)
      return
    }
    const fork = new OutgoingRequest('', outgoing.client, request, undefined, NO_EVENTS)
    this.#openDialog(fork, received)
    if (fork.record === undefined) return
    this.#sender.ackAndBye(fork.record, 'SIP ;cause=200 ;text="Call completed elsewhere"', false)
  }
}
