import type { SipRequest } from '../../../lib/sip/message.ts'
import { tagOf } from '../../../lib/sip/name-addr.ts'
import { type Protocol, responseTarget } from '../../../lib/sip/targets.ts'
import { clientTransactionKey, mergeKey, serverTransactionKey } from '../../../lib/sip/transaction/matching.ts'
import type { Timing } from '../../../lib/sip/transaction/timing.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Arrival, Remote } from '../transport/transport.ts'
import { type ClientContext, ClientTransaction, type ClientUser, type Received } from './client-transaction.ts'
import type { LocalSocket, Network } from './network.ts'
import { type ServerContext, ServerTransaction } from './server-transaction.ts'

export interface TransactionLayerOptions {
  readonly scheduler: Scheduler
  readonly network: Network
  /** For UDP; over TCP and TLS the same with `reliable`. */
  readonly timing: Timing
  readonly makeTrying: (request: SipRequest) => Buffer
}

/** What a request is to the transaction layer (RFC 3261 §17.2.3). */
export type RequestMatch =
  | { readonly kind: 'absorbed' }
  | { readonly kind: 'new'; readonly key: string }
  /** The same request on another way: it forked upstream and merged here (RFC 3261 §8.2.2.2). */
  | { readonly kind: 'merged'; readonly key: string }

/** All transactions of the server, found by the keys of RFC 3261 §17.1.3 and §17.2.3. */
export class TransactionLayer {
  readonly #servers = new Map<string, ServerTransaction>()
  readonly #clients = new Map<string, ClientTransaction>()
  /** Requests outside of dialogs, by what they are apart from their way. */
  readonly #open = new Map<string, ServerTransaction>()
  readonly #server: Readonly<Record<Protocol, ServerContext>>
  readonly #client: Readonly<Record<Protocol, ClientContext>>

  constructor({ scheduler, network, timing, makeTrying }: TransactionLayerOptions) {
    const onServerEnd = (transaction: ServerTransaction): void => this.#dropServer(transaction)
    const onClientEnd = (transaction: ClientTransaction): void => {
      this.#clients.delete(transaction.key)
    }
    const server = (reliable: boolean): ServerContext => ({
      scheduler,
      network,
      timing: { ...timing, reliable },
      makeTrying,
      onTerminated: onServerEnd,
    })
    const client = (reliable: boolean): ClientContext => ({
      scheduler,
      network,
      timing: { ...timing, reliable },
      onTerminated: onClientEnd,
    })
    this.#server = { udp: server(false), tcp: server(true), tls: server(true) }
    this.#client = { udp: client(false), tcp: client(true), tls: client(true) }
  }

  get serverCount(): number {
    return this.#servers.size
  }

  get clientCount(): number {
    return this.#clients.size
  }

  /** Finds out whether a request other than CANCEL is new. Repetitions, and ACKs to failures, are dealt with here. */
  match(request: SipRequest): RequestMatch {
    const identity = identityOf(request)
    const key = serverTransactionKey(request.topVia(), identity)
    const known = this.#servers.get(key)
    if (known !== undefined) {
      if (request.method === 'ACK') known.onAck(request)
      else known.onRetransmission()
      return { kind: 'absorbed' }
    }
    if (tagOf(request.to()) !== undefined || request.method === 'ACK') return { kind: 'new', key }
    return { kind: this.#open.get(mergeKey(identity))?.failed === false ? 'merged' : 'new', key }
  }

  /** The INVITE that a CANCEL means (RFC 3261 §9.2). */
  invitedBy(cancel: SipRequest): ServerTransaction | undefined {
    return this.#servers.get(serverTransactionKey(cancel.topVia(), identityOf(cancel), 'INVITE'))
  }

  /** Begins the server transaction of a request that `match` found new. */
  openServer(key: string, request: SipRequest, arrival: Arrival): ServerTransaction {
    const target = responseTarget(request.topVia(), arrival.protocol, arrival.remoteHost, arrival.remotePort)
    const remote: Remote = arrival.flow === undefined ? target : { ...target, flow: arrival.flow }
    const transaction = new ServerTransaction(key, request, arrival, remote, this.#server[arrival.protocol])
    this.#servers.set(key, transaction)
    if (tagOf(request.to()) === undefined) {
      transaction.mergeKey = mergeKey(identityOf(request))
      this.#open.set(transaction.mergeKey, transaction)
    }
    return transaction
  }

  /** A request that is sent on may come again, another way, without being merged: it is not answered here (RFC 3261 §16.3 item 4). */
  allowSpiral(transaction: ServerTransaction): void {
    const merge = transaction.mergeKey
    if (merge !== undefined && this.#open.get(merge) === transaction) this.#open.delete(merge)
  }

  /** Begins a client transaction; nothing is sent before its `start`. */
  openClient(
    request: SipRequest,
    bytes: Buffer,
    way: { readonly remote: Remote; readonly from: LocalSocket },
    user: ClientUser,
  ): ClientTransaction {
    const key = clientTransactionKey(request.topVia().params.get('branch') ?? '', request.method)
    const transaction = new ClientTransaction(key, request, bytes, way, user, this.#client[way.remote.protocol])
    this.#clients.set(key, transaction)
    return transaction
  }

  /** Gives a response to its client transaction. False if there is none. */
  onResponse(received: Received): boolean {
    const { response } = received
    const branch = response.topVia().params.get('branch') ?? ''
    const transaction = this.#clients.get(clientTransactionKey(branch, response.cseq().method))
    transaction?.onResponse(received)
    return transaction !== undefined
  }

  /** Forgets all transactions. */
  close(): void {
    for (const transaction of this.#servers.values()) transaction.abandon()
    for (const transaction of this.#clients.values()) transaction.abandon()
    this.#servers.clear()
    this.#clients.clear()
    this.#open.clear()
  }

  #dropServer(transaction: ServerTransaction): void {
    this.#servers.delete(transaction.key)
    this.allowSpiral(transaction)
  }
}

const identityOf = (request: SipRequest) => ({
  method: request.method,
  uri: request.uri,
  callId: request.callId,
  fromTag: tagOf(request.from()),
  cseq: request.cseq().seq,
})
