import { buildResponse, type HeaderInput } from '../../lib/sip/build.ts'
import { type Draft, passedHeaders } from '../../lib/sip/draft.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import { tagOf } from '../../lib/sip/name-addr.ts'
import { type ProxyWish, readProxyCommand } from '../../lib/sip/proxy-command.ts'
import {
  forwardRequest,
  isLooped,
  loopBranch,
  loopHash,
  maxBreadth,
  mayProxySet,
  recordRouteOf,
} from '../../lib/sip/proxy-request.ts'
import { isSecured, passThrough, securedHop } from '../../lib/sip/proxy-route.ts'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import type { RouteTokens } from '../../lib/sip/route-token.ts'
import { defaultPort, targetOfUri } from '../../lib/sip/targets.ts'
import { isSipUri, parseUri } from '../../lib/sip/uri.ts'
import { NOK } from './app-link.ts'
import type { DialogSender, Way } from './dialog-sender.ts'
import { ProxySession } from './proxy-session.ts'
import type { StackContext } from './stack-context.ts'
import type { LocalSocket } from './transaction/network.ts'
import type { ServerTransaction } from './transaction/server-transaction.ts'
import type { Arrival } from './transport/transport.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** What the proxy asks of the UAS core. */
export interface ProxyPorts {
  /** Takes a request over that the client was given and has not answered; undefined where there is none. */
  release(client: ClientConnection | undefined, txnId: string): ServerTransaction | undefined
}

/** Why a request is not sent on: for its client, and for the application. */
interface Refused {
  readonly status: number
  readonly why: string
  readonly headers?: readonly HeaderInput[]
}

/** How a request leaves: what stays the same for all its targets. */
interface Departure {
  readonly request: SipRequest
  readonly arrival: Arrival
  readonly prefer: LocalSocket | undefined
  readonly remain: boolean
  readonly headers: readonly HeaderInput[]
  readonly hash: string
}

const NO_TIMEOUTS = { provisionalTimeoutMs: undefined, finalTimeoutMs: undefined }

/** The proxy of the server (RFC 3261 §16): what applications have sent on, and what passes in the dialogs that came of it. */
export class ProxyCore {
  readonly #stack: StackContext
  readonly #sender: DialogSender
  readonly #tokens: RouteTokens
  readonly #ports: ProxyPorts
  readonly #sessions = new Set<ProxySession>()

  constructor(stack: StackContext, sender: DialogSender, tokens: RouteTokens, ports: ProxyPorts) {
    this.#stack = stack
    this.#sender = sender
    this.#tokens = tokens
    this.#ports = ports
  }

  /** Requests that are being proxied and have no final response yet. */
  get sessionCount(): number {
    return this.#sessions.size
  }

  /** An application wants a request proxied that it was given; without a client, the server one that none was found for. @param fields of the command, after its name */
  command(
    client: ClientConnection | undefined,
    msgId: string,
    fields: readonly string[],
    draft: Draft | undefined,
  ): void {
    const { link } = this.#stack
    const wish = readProxyCommand(fields)
    if (!wish.ok) {
      link.nok(client, msgId, wish.error)
      return
    }
    const transaction = this.#ports.release(client, wish.value.txnId)
    if (transaction === undefined) {
      link.nok(client, msgId, NOK.unknownTransaction(wish.value.txnId))
      return
    }
    const { request } = transaction
    const hash = loopHash(request)
    const refusal = this.#judge(request, wish.value, hash)
    if (refusal !== undefined) {
      link.nok(client, msgId, refusal.why)
      const bytes = this.#refuse(transaction, refusal.status, refusal.headers)
      if (request.method === 'INVITE') this.#stack.cdr.stop('application', 'call-rejected', bytes)
      return
    }
    const headers = draft === undefined ? [] : passedHeaders(withoutUntouched(draft), new Set(), '')
    this.#begin(client, msgId, wish.value, transaction, hash, headers)
  }

  /**
   * Takes a request that a dialog proxied here sends through us by its route; false where it is none. An ACK is passed on without
   * a transaction (RFC 3261 §16.11), anything else with one.
   */
  pass(request: SipRequest, key: string, arrival: Arrival, bytes: () => Buffer): boolean {
    if (tagOf(request.to()) === undefined || !request.has('Route')) return false
    const passage = passThrough(request, (uri) => this.#tokens.isOurs(uri, request.callId))
    if (passage.leavesBy === undefined) return false
    const prefer = this.#socketOf(passage.leavesBy)
    const departure = { request, arrival, prefer, remain: false, headers: [], hash: loopHash(request) }
    const findWay = (_: string, found: (way: Way | undefined) => void): void =>
      this.#findWay(securedHop(passage.uri, passage.nextHop), prefer, found)
    const compose = (_: string, way: Way, breadth: number): SipRequest | undefined =>
      this.#compose(departure, passage.uri, passage.routes, way, breadth)
    if (request.method === 'ACK') {
      if (request.maxForwards !== 0) findWay('', (way) => this.#sendAck(way, way && compose('', way, 1)))
      return true
    }
    const transaction = this.#stack.transactions.openServer(key, request, arrival)
    if (request.maxForwards === 0) {
      this.#refuse(transaction, 483)
      return true
    }
    const invite = request.method === 'INVITE'
    const breadth = Math.max(1, maxBreadth(request))
    this.#run(
      new ProxySession(this.#stack, this.#sender, {
        transaction,
        plan: { invite, simultaneous: false, followRedirects: false, ...NO_TIMEOUTS, breadth },
        targets: [passage.nextHop],
        recorded: false,
        findWay,
        compose,
        report: () => {},
        done: (session) => this.#sessions.delete(session),
      }),
    )
    if (request.method === 'BYE') {
      this.#stack.cdr.stop('network', 'normal-release', bytes())
      this.#stack.cdr.stop('application', 'normal-release', bytes())
    }
    return true
  }

  /** Forgets everything. */
  close(): void {
    this.#sessions.clear()
  }

  /** Why a request cannot be proxied; undefined where it can. */
  #judge(request: SipRequest, wish: ProxyWish, hash: string): Refused | undefined {
    if (request.maxForwards === 0) {
      return { status: 483, why: 'Rejected with 483 Too Many Hops due to Max-Forwards value of 0' }
    }
    const { sockets } = this.#stack
    const looped = isLooped(
      request,
      hash,
      ({ host, port }) => sockets.ownSocket(host, port ?? defaultPort('udp')) !== undefined,
    )
    if (looped) return { status: 482, why: 'Rejected with 482 Loop Detected' }
    // Nothing that a client may demand of proxies is known here (RFC 3261 §16.3 item 5). What it demands by Require is none of a proxy's business.
    const demanded = request.values('Proxy-Require')
    if (demanded.length > 0) {
      const headers = [['Unsupported', demanded.join(', ')]] as const
      return { status: 420, why: 'Rejected with 420 Bad Extension', headers }
    }
    if (maxBreadth(request) === 0) return { status: 440, why: 'Rejected with 440 Max-Breadth Exceeded' }
    return wish.destinations.length === 0 ? { status: 500, why: 'error proxying request to ' } : undefined
  }

  #begin(
    client: ClientConnection | undefined,
    msgId: string,
    wish: ProxyWish,
    transaction: ServerTransaction,
    hash: string,
    headers: readonly HeaderInput[],
  ): void {
    const { request, arrival } = transaction
    const { link } = this.#stack
    const departure = { request, arrival, prefer: undefined, remain: wish.remainInDialog, headers, hash }
    // Phones of some makers begin with a Route to us; what follows it is the application's to decide, by its destinations.
    const invite = request.method === 'INVITE'
    const given = new Set(wish.destinations)
    const local = this.#isLocal(request.uri)
    // As drachtio-server: a destination is the next hop, and the Request-URI too where that named us; a redirect's Contact is both.
    const uriTo = (target: string): string => (local || !given.has(target) ? target : request.uri)
    if (!wish.fullResponse) link.proxyDone(client, msgId)
    this.#run(
      new ProxySession(this.#stack, this.#sender, {
        transaction,
        plan: { ...wish, invite, breadth: maxBreadth(request) },
        targets: wish.destinations,
        recorded: invite,
        findWay: (target, found) => this.#findWay(securedHop(uriTo(target), target), undefined, found),
        compose: (target, way, breadth) => this.#compose(departure, uriTo(target), [], way, breadth),
        report: (received) => {
          if (wish.fullResponse && client !== undefined)
            link.proxyResponse(client, msgId, received.bytes, received.arrival)
        },
        done: (session) => {
          this.#sessions.delete(session)
          if (wish.fullResponse) link.proxyDone(client, msgId)
        },
      }),
    )
  }

  #run(session: ProxySession): void {
    this.#sessions.add(session)
    session.start()
  }

  #compose(
    { request, arrival, remain, headers, hash }: Departure,
    uri: string,
    routes: readonly string[],
    way: Way,
    breadth: number,
  ): SipRequest | undefined {
    const { ids } = this.#stack
    const local = way.sender.address
    const secured = isSecured(uri, routes)
    const stays = remain || (opensDialog(request) && secured !== (arrival.protocol === 'tls'))
    const forwarded = forwardRequest(request, {
      uri,
      routes,
      recordRoutes: stays ? this.#recordRoutes(request, secured, arrival, way) : [],
      breadth,
      headers,
      local,
      branch: loopBranch(ids.branch(), hash),
    })
    return forwarded.ok ? forwarded.value : undefined
  }

  /** One value, or where the request leaves by another socket one for each side (RFC 5658 §4). */
  #recordRoutes(
    request: SipRequest,
    secured: boolean,
    arrival: Arrival,
    { sender: { address: outer } }: Way,
  ): string[] {
    const params = this.#tokens.params(request.callId)
    const inner = this.#stack.sockets.addressOf(arrival.protocol, arrival.localHost, arrival.localPort)
    const of = (local: typeof inner): string => recordRouteOf(local, params, secured && local.protocol === 'tls')
    return of(inner) === of(outer) ? [of(outer)] : [of(outer), of(inner)]
  }

  #findWay(uri: string, prefer: LocalSocket | undefined, found: (way: Way | undefined) => void): void {
    const target = targetOfUri(uri)
    if (typeof target === 'string') found(undefined)
    else this.#sender.findWayFrom(target, prefer, found)
  }

  #sendAck(way: Way | undefined, ack: SipRequest | undefined): void {
    if (way === undefined || ack === undefined) return
    // Who misses it asks for it by repeating the 2xx.
    this.#stack.sockets.send(ack.serialize(), way.remote, way.sender.socket, () => {})
  }

  #refuse(transaction: ServerTransaction, status: number, headers: readonly HeaderInput[] = []): Buffer {
    const parts = { toTag: this.#stack.ids.tag(), headers }
    const response = buildResponse(transaction.request, status, reasonPhrase(status), parts)
    if (!response.ok) throw new Error(`a request that was let in cannot be answered: ${response.error.message}`)
    const bytes = response.value.serialize()
    transaction.respond(status, bytes)
    return bytes
  }

  /** Whether a Request-URI names this server itself. */
  #isLocal(uri: string): boolean {
    return this.#socketOf(uri) !== undefined
  }

  #socketOf(text: string): LocalSocket | undefined {
    const uri = parseUri(text)
    if (uri === undefined || !isSipUri(uri)) return undefined
    return this.#stack.sockets.ownSocket(uri.host, uri.port ?? defaultPort(uri.scheme === 'sips' ? 'tls' : 'udp'))
  }
}

/**
 * Whether a request opens a dialog. One that comes by TLS and leaves without sips, or the other way about, has us in its route even where
 * nobody asked: the ends could not reach each other (RFC 3261 §16.6 item 4).
 */
const opensDialog = (request: SipRequest): boolean =>
  tagOf(request.to()) === undefined && DIALOG_METHODS.has(request.method)

const DIALOG_METHODS: ReadonlySet<string> = new Set(['INVITE', 'SUBSCRIBE', 'REFER'])

const withoutUntouched = (draft: Draft): Draft => ({
  ...draft,
  headers: draft.headers.filter(({ key }) => mayProxySet(key)),
})
