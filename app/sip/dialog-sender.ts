import { composeInDialog, type InDialogContext } from '../../lib/sip/compose.ts'
import { type Dialog, routeInDialog } from '../../lib/sip/dialog.ts'
import type { Draft } from '../../lib/sip/draft.ts'
import { NO_BODY, type SipRequest } from '../../lib/sip/message.ts'
import { type Target, targetOfUri } from '../../lib/sip/targets.ts'
import type { CdrStopReason } from './cdr.ts'
import type { DialogRecord } from './dialog-store.ts'
import type { Resolver } from './resolver.ts'
import type { Sender } from './sockets.ts'
import type { StackContext } from './stack-context.ts'
import type { LocalSocket } from './transaction/network.ts'
import type { FlowId, Remote } from './transport/transport.ts'

/** A way to a destination: an address and the socket that reaches it. */
export interface Way {
  readonly remote: Remote
  readonly sender: Sender
}

/** A request of the server's own, to which no application has anything to add. */
const EMPTY_DRAFT: Draft = { start: { kind: 'request', method: '', uri: '' }, headers: [], body: NO_BODY }

/** A host that does not exist (RFC 2606 §2). */
const NOBODYS_URI = 'sip:nobody.invalid'

const NOBODY = { onClientResponse: () => {}, onClientEnd: () => {}, onClientCancel: () => {} }

/** The nearest token: a peer may have put its tag in quotes, with anything in them. */
const tokenOf = (tag: string): string => tag.replace(/[^\w.!%*+`'~-]/g, '_') || '_'

/** The dialog without what its peer may have given us to fail on. */
const nameless = (dialog: Dialog): Dialog => ({
  ...dialog,
  remoteTarget: NOBODYS_URI,
  routeSet: [],
  local: `<${NOBODYS_URI}>;tag=${tokenOf(dialog.localTag)}`,
  remote: `<${NOBODYS_URI}>${dialog.remoteTag === '' ? '' : `;tag=${tokenOf(dialog.remoteTag)}`}`,
})

/** Finds ways, and sends what the server sends by itself: ACKs of 2xx, BYEs that nobody asked for, CANCELs. */
export class DialogSender {
  readonly #stack: StackContext
  readonly #resolver: Resolver

  constructor(stack: StackContext, resolver: Resolver) {
    this.#stack = stack
    this.#resolver = resolver
  }

  /**
   * Resolves a target. In a dialog the socket it lives at, and a connection of the peer, are preferred.
   *
   * @param serverName what the other end has to prove over TLS, where it is not the target's host
   */
  findWay(
    target: Target,
    record: DialogRecord | undefined,
    found: (way: Way | undefined) => void,
    serverName = target.host,
  ): void {
    const keepsFlow = record?.flow !== undefined && record.dialog.routeSet.length === 0 && target.protocol !== 'udp'
    this.findWayFrom(target, record?.socket, found, serverName, keepsFlow ? record.flow : undefined)
  }

  /** Resolves a target, to be reached from a socket of ours, and over a connection, where these are given and fit. */
  findWayFrom(
    target: Target,
    prefer: LocalSocket | undefined,
    found: (way: Way | undefined) => void,
    serverName = target.host,
    flow?: FlowId,
  ): void {
    const { sockets } = this.#stack
    this.#resolver.resolve(target.host, (address) => {
      if (address === undefined) {
        found(undefined)
        return
      }
      const { protocol, port } = target
      const plain: Remote = { protocol, host: address, port, ...(protocol === 'tls' && { serverName }) }
      const remote: Remote = flow === undefined ? plain : { ...plain, flow }
      const sender = sockets.senderFor(remote, prefer)
      found(sender === undefined ? undefined : { remote, sender })
    })
  }

  /** Sends the ACK of a 2xx: a request outside of transactions, kept to answer repetitions of the 2xx with. */
  acknowledge(record: DialogRecord, way: Way, draft: Draft): Buffer | undefined {
    const credentials = record.inviteCredentials.map(([name, value]) => ({ name, key: name.toLowerCase(), value }))
    const full: Draft = { ...draft, headers: [...draft.headers, ...credentials] }
    const ack = composeInDialog(full, 'ACK', record.dialog, this.composing(way, record.inviteSeq))
    if (!ack.ok) return undefined
    const bytes = ack.value.serialize()
    record.sentAck = { seq: record.inviteSeq, bytes, remote: way.remote }
    this.#transmit(bytes, way.remote, record)
    return bytes
  }

  /** A 2xx came again: so does its ACK, if it has been sent. */
  repeatAck(record: DialogRecord, seq: number): void {
    const { sentAck } = record
    if (sentAck?.seq === seq) this.#transmit(sentAck.bytes, sentAck.remote, record)
  }

  #transmit(bytes: Buffer, remote: Remote, record: DialogRecord): void {
    // A lost ACK is asked for by the 2xx that comes again, so an error here needs no answer.
    this.#stack.sockets.send(bytes, remote, record.socket, () => {})
  }

  /** What a request in a dialog needs beside the dialog. */
  composing(way: Way, seq: number): InDialogContext {
    const { ids, userAgent } = this.#stack
    return { local: way.sender.address, branch: ids.branch(), seq, userAgent }
  }

  /** A request whose answer concerns nobody. */
  sendAlone(request: SipRequest, bytes: Buffer, remote: Remote, from: LocalSocket): void {
    this.#stack.transactions.openClient(request, bytes, { remote, from }, NOBODY).start()
  }

  /**
   * Ends a dialog by a BYE of our own. Its application is told, unless it never knew of the dialog: also where there is no way to
   * the peer, for the dialog is over all the same.
   */
  sendBye(
    record: DialogRecord,
    reason: string,
    tell = true,
    end: CdrStopReason = 'system-error-initiated-termination',
  ): void {
    const target = targetOfUri(routeInDialog(record.dialog).nextHop)
    this.#stack.dialogs.remove(record)
    const onWay = (way: Way | undefined): void => {
      const bye = way === undefined ? undefined : this.#composeBye(record.dialog, way, reason)
      if (tell) this.#tellOfBye(record, { reason, end }, way, bye)
      if (way !== undefined && bye !== undefined) this.sendAlone(bye, bye.serialize(), way.remote, way.sender.socket)
    }
    if (typeof target === 'string') onWay(undefined)
    else this.findWay(target, record, onWay)
  }

  /** Undefined where what the peer gave us makes no request. */
  #composeBye(dialog: Dialog, way: Way, reason: string): SipRequest | undefined {
    const draft: Draft = { ...EMPTY_DRAFT, headers: [{ name: 'Reason', key: 'reason', value: reason }] }
    const bye = composeInDialog(draft, 'BYE', dialog, this.composing(way, dialog.localSeq + 1))
    return bye.ok ? bye.value : undefined
  }

  /** Shows the application the BYE, or one like it where none can be sent. */
  #tellOfBye(
    record: DialogRecord,
    { reason, end }: { readonly reason: string; readonly end: CdrStopReason },
    way: Way | undefined,
    sent: SipRequest | undefined,
  ): void {
    const told = sent ?? this.#composeBye(nameless(record.dialog), this.#nowhere(record), reason)
    if (told === undefined) throw new Error(`no BYE can be made for dialog ${record.id}`)
    const bytes = told.serialize()
    this.#stack.link.deliverUnsolicited(record.client, bytes, (way ?? this.#nowhere(record)).remote, record.id)
    this.#stack.cdr.stop('application', end, bytes)
  }

  #nowhere({ socket, flow }: DialogRecord): Way {
    const protocol = flow === undefined ? 'udp' : 'tcp'
    const address = this.#stack.sockets.addressOf(protocol, socket.localHost, socket.localPort)
    return { remote: { protocol, host: '', port: 0 }, sender: { socket, address } }
  }

  /** Acknowledges a 2xx that nobody wants, and ends its dialog. */
  ackAndBye(record: DialogRecord, reason: string, tell: boolean): void {
    const target = targetOfUri(routeInDialog(record.dialog).nextHop)
    if (typeof target === 'string') return this.sendBye(record, reason, tell)
    this.findWay(target, record, (way) => {
      if (way !== undefined) this.acknowledge(record, way, EMPTY_DRAFT)
      this.sendBye(record, reason, tell)
    })
  }
}
