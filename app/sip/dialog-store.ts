import type { HeaderInput } from '../../lib/sip/build.ts'
import { type Dialog, dialogKey } from '../../lib/sip/dialog.ts'
import { NO_BODY, type SipRequest } from '../../lib/sip/message.ts'
import { tagOf } from '../../lib/sip/name-addr.ts'
import type { SubscriptionKey, subscriptionState } from '../../lib/sip/subscription.ts'
import type { ReliableProvisionals } from './reliable-provisionals.ts'
import type { LocalSocket } from './transaction/network.ts'
import type { FlowId, Remote } from './transport/transport.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** An ACK of ours to a 2xx, repeated whenever the 2xx comes again (RFC 3261 §13.2.2.4). */
export interface SentAck {
  readonly seq: number
  readonly bytes: Buffer
  readonly remote: Remote
}

/** Something that waits for the end of a 2xx's handshake, and can be called off. */
export interface AckWait {
  readonly seq: number
  readonly txnId: string
  /** The ACK has come, or is not needed any more. */
  stop(): void
}

/** An INVITE in the dialog that has no final response yet. */
export interface OpenInvite {
  cancel(): void
}

/** What keeps a dialog without INVITE alive. */
export interface SubscriptionsOfDialog {
  extend(key: SubscriptionKey, seconds: number): void
  notified(key: SubscriptionKey, state: ReturnType<typeof subscriptionState>): void
  stop(): void
}

/** One dialog of the server with all that belongs to it; `dialog` is the RFC's part and is replaced at each change. */
export interface DialogRecord {
  /** As applications know it: `<Call-ID>;from-tag=<From tag of the INVITE>`. */
  readonly id: string
  /** The application that hears what the peer says; another takes its place where it is gone. */
  client: ClientConnection
  /** The socket the dialog lives at, and over TCP the peer's connection. */
  readonly socket: LocalSocket
  readonly flow: FlowId | undefined
  dialog: Dialog
  /** We sent a BYE and wait for its answer. */
  ending: boolean
  /** Our INVITE was cancelled, but answered before the CANCEL arrived: a BYE follows the ACK. */
  byeAfterAck: boolean
  /** Our 2xx has no ACK yet. */
  ackWait: AckWait | undefined
  /** What the application asked for that has to wait for that ACK. */
  afterAck: (() => void) | undefined
  /** Ends the session where nobody refreshes it; undefined where it needs no refresh. */
  session: { stop(): void } | undefined
  /** Undefined for the dialog of an INVITE. */
  subscriptions: SubscriptionsOfDialog | undefined
  /** Our session description, and whether the peer takes UPDATE: what a refresh is made of. */
  localSession: Buffer
  takesUpdate: boolean
  /** What we repeat until a PRACK comes. */
  reliable: ReliableProvisionals | undefined
  /** The ACK we sent last. */
  sentAck: SentAck | undefined
  /** The last INVITE we sent in the dialog, and the credentials in it, which its ACK repeats. */
  inviteSeq: number
  inviteCredentials: readonly HeaderInput[]
  /** INVITEs that are open, by who sent them: two at once are glare (RFC 3261 §14). */
  ourInvite: OpenInvite | undefined
  /** An UPDATE of ours with an offer that has no answer yet. */
  ourUpdate: object | undefined
  theirInvite: OpenInvite | undefined
  /** The peer's last UPDATE with an offer. */
  theirUpdate: { readonly open: boolean } | undefined
}

/** All dialogs, found by their id for applications and by Call-ID and tags for peers. */
export class DialogStore {
  readonly #byId = new Map<string, DialogRecord>()
  readonly #byKey = new Map<string, DialogRecord>()

  get size(): number {
    return this.#byId.size
  }

  byId(id: string): DialogRecord | undefined {
    return this.#byId.get(id)
  }

  /** By a request of the peer: its Call-ID, To tag (ours) and From tag (theirs). */
  byPeer(callId: string, toTag: string, fromTag: string): DialogRecord | undefined {
    return this.#byKey.get(dialogKey(callId, toTag, fromTag))
  }

  /** The dialog that a request of a peer is in; undefined for one outside of dialogs, or of a dialog that there is not. */
  ofRequest(request: SipRequest): DialogRecord | undefined {
    const toTag = tagOf(request.to())
    return toTag === undefined ? undefined : this.byPeer(request.callId, toTag, tagOf(request.from()) ?? '')
  }

  /** Adds the dialog of an INVITE whose From tag is `inviterTag`. */
  open(
    dialog: Dialog,
    inviterTag: string,
    owner: Pick<DialogRecord, 'client' | 'socket' | 'flow'>,
    credentials: readonly HeaderInput[] = [],
  ): DialogRecord {
    const record: DialogRecord = {
      id: this.#freeId(fieldOf(`${dialog.callId};from-tag=${inviterTag}`)),
      ...owner,
      dialog,
      ending: false,
      byeAfterAck: false,
      ackWait: undefined,
      afterAck: undefined,
      session: undefined,
      subscriptions: undefined,
      localSession: NO_BODY,
      takesUpdate: false,
      reliable: undefined,
      sentAck: undefined,
      inviteSeq: dialog.role === 'uac' ? dialog.localSeq : 0,
      inviteCredentials: credentials,
      ourInvite: undefined,
      ourUpdate: undefined,
      theirInvite: undefined,
      theirUpdate: undefined,
    }
    this.#byId.set(record.id, record)
    this.#byKey.set(keyOf(dialog), record)
    return record
  }

  /** Replaces the dialog of a record; its tags may change while it is early. */
  update(record: DialogRecord, dialog: Dialog): void {
    const [before, after] = [keyOf(record.dialog), keyOf(dialog)]
    record.dialog = dialog
    if (before === after || this.#byId.get(record.id) !== record) return
    this.#byKey.delete(before)
    this.#byKey.set(after, record)
  }

  /** Forgets a dialog and calls off what waits in it. */
  remove(record: DialogRecord): void {
    if (this.#byId.get(record.id) !== record) return
    this.#byId.delete(record.id)
    this.#byKey.delete(keyOf(record.dialog))
    record.session?.stop()
    record.session = undefined
    record.subscriptions?.stop()
    record.ackWait?.stop()
    record.ackWait = undefined
    // It finds no dialog any more and says so to the application.
    const { afterAck } = record
    record.afterAck = undefined
    afterAck?.()
  }

  /** The dialogs of one application. */
  ownedBy(client: ClientConnection): DialogRecord[] {
    return [...this.#byId.values()].filter((record) => record.client === client)
  }

  clear(): void {
    for (const record of this.#byId.values()) this.remove(record)
  }

  /** Both ends of a call that goes from this server to itself would have the same id. */
  #freeId(id: string): string {
    let free = id
    while (this.#byId.has(free)) free += ';uas'
    return free
  }
}

/** A peer's words as one field of the wire protocol's heads, which `|` and line breaks would end. */
const fieldOf = (text: string): string => text.replace(/[|\p{Cc}]/gu, '_')

const keyOf = (dialog: Dialog): string => dialogKey(dialog.callId, dialog.localTag, dialog.remoteTag)
