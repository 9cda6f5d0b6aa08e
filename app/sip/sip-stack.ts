import { ok, type Result } from '../../lib/core/result.ts'
import { buildRefusal, buildResponse } from '../../lib/sip/build.ts'
import { hostPort } from '../../lib/sip/compose.ts'
import { readDraft } from '../../lib/sip/draft.ts'
import { markSource, plainBytes } from '../../lib/sip/edit.ts'
import { IdMaker } from '../../lib/sip/ids.ts'
import type { ListenSpec } from '../../lib/sip/listen-address.ts'
import { NO_BODY, type SipRequest } from '../../lib/sip/message.ts'
import type { SipParseError } from '../../lib/sip/parse-error.ts'
import { parseMessage } from '../../lib/sip/parser.ts'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import type { RequestHandler } from '../../lib/sip/request-handler.ts'
import { RouteTokens } from '../../lib/sip/route-token.ts'
import { responseTarget } from '../../lib/sip/targets.ts'
import type { Timing } from '../../lib/sip/transaction/timing.ts'
import { AccessGate } from './access-gate.ts'
import { AppLink, NOK } from './app-link.ts'
import { Cdr } from './cdr.ts'
import { importDialog } from './dialog-import.ts'
import { DialogSender } from './dialog-sender.ts'
import { DialogStore } from './dialog-store.ts'
import { type Host, THIS_HOST } from './host.ts'
import { Line } from './line.ts'
import { Orphans } from './orphans.ts'
import { ProxyCore } from './proxy-core.ts'
import { RequestRouter } from './request-router.ts'
import { Resolver } from './resolver.ts'
import { Scheduler } from './scheduler.ts'
import type { SipCounters, SipTraceMessage } from './server-options.ts'
import { SessionTimers } from './session-timers.ts'
import { Sockets } from './sockets.ts'
import type { StackContext } from './stack-context.ts'
import { Subscriptions } from './subscriptions.ts'
import { Tracer } from './tracer.ts'
import type { LocalSocket } from './transaction/network.ts'
import { TransactionLayer } from './transaction/transaction-layer.ts'
import { Tls, type TlsMaterial } from './transport/tls.ts'
import type { Arrival, Remote, Standing, TransportError, TransportHandler } from './transport/transport.ts'
import type { TransportSet } from './transport/transport-set.ts'
import { Uac } from './uac.ts'
import { Uas } from './uas.ts'
import { WebAsker } from './web-asker.ts'
import type { ClientConnection } from './wire/client-connection.ts'
import type { Command } from './wire/heads.ts'
import { type AdminTls, type WireHandler, WireServer } from './wire/wire-server.ts'

/** What we announce to clients: that we know `dialog|import` too. drachtio-srf wants `v<major>.<minor>.<patch>` of at least 0.8.2 to ping. */
export const SERVER_VERSION = 'v0.9.10-tandem+dialog-import'

export interface SipStackOptions {
  readonly listen: readonly ListenSpec[]
  readonly advertise: string | undefined
  readonly secret: string
  readonly adminHost: string
  readonly adminPort: number
  readonly adminTls?: AdminTls | undefined
  readonly userAgent: string | undefined
  readonly timing: Timing
  /** See `StackContext`. */
  readonly minSessionS: number
  /** Takes the messages that passed; undefined where nobody looks. */
  /** For `tls` addresses. */
  readonly tls: TlsMaterial | undefined
  /** Whose methods no application that is connected gets; `ca` signs the certificates of web services and applications. */
  readonly outbound?:
    | { readonly handlers: readonly RequestHandler[]; readonly ca: string | Buffer | undefined }
    | undefined
  readonly trace: ((batch: readonly SipTraceMessage[]) => void) | undefined
}

/** The whole SIP server of one thread: sockets, transactions, dialogs, and the applications behind the wire protocol. */
export class SipStack implements TransportHandler, WireHandler {
  readonly gate: AccessGate
  /** To the network; for drills. */
  readonly line: Line
  readonly #scheduler: Scheduler
  readonly #tracer: Tracer | undefined
  readonly #tls: Tls | undefined
  readonly #counts = { requestsIn: 0, responsesIn: 0, messagesOut: 0, malformed: 0, stray: 0, transportErrors: 0 }
  #core:
    | {
        readonly context: StackContext
        readonly uas: Uas
        readonly uac: Uac
        readonly proxy: ProxyCore
        readonly orphans: Orphans
        readonly web: WebAsker
        readonly set: TransportSet
      }
    | undefined

  private constructor({ tls, trace }: SipStackOptions, host: Host) {
    this.#tls = tls && new Tls(tls)
    this.#scheduler = new Scheduler(host.nowMs, host.makeTimer())
    this.line = new Line(this.#scheduler)
    this.gate = new AccessGate(() => this.#scheduler.nowMs())
    this.#tracer = trace === undefined ? undefined : new Tracer(trace)
  }

  /** Opens the sockets, then the port for applications, which is returned. */
  static async start(
    options: SipStackOptions,
    host = THIS_HOST,
  ): Promise<Result<{ readonly stack: SipStack } & Awaited<ReturnType<WireServer['listen']>>, TransportError>> {
    const stack = new SipStack(options, host)
    const opened = await host.listen(options.listen, stack, { tls: stack.#tls })
    if (!opened.ok) return opened
    const wire = stack.#assemble(options, host, opened.value)
    try {
      return ok({ stack, ...(await wire.listen()) })
    } catch (cause) {
      await stack.close()
      throw cause
    }
  }

  #assemble(options: SipStackOptions, machine: Host, set: TransportSet): WireServer {
    const ids = new IdMaker(machine.fillRandom)
    const sockets = new Sockets(set, options.advertise, this.line, (bytes, remote, from) =>
      this.#onOutgoing(bytes, remote, from),
    )
    const scheduler = this.#scheduler
    const { timing, secret, userAgent, adminHost: host, adminPort: port, adminTls: tls } = options
    const hostports = () => ({ advertised: sockets.hostports('advertised'), bound: sockets.hostports('bound') })
    const wire = new WireServer(
      { host, port, secret, tls, version: SERVER_VERSION, hostports, makeId: () => ids.uuid() },
      this,
    )
    const transactions = new TransactionLayer({ scheduler, network: sockets, timing, makeTrying })
    const link = new AppLink(ids, () => performance.timeOrigin + performance.now())
    const dialogs = new DialogStore()
    const cdr = new Cdr(wire, link)
    const context: StackContext = {
      scheduler,
      timing,
      sockets,
      transactions,
      dialogs,
      wire,
      link,
      cdr,
      minSessionS: options.minSessionS,
      ids,
      userAgent,
    }
    const sender = new DialogSender(context, new Resolver(() => scheduler.nowMs(), machine.findAddress))
    const sessions = new SessionTimers(context, sender)
    const subscriptions = new Subscriptions(context)
    const uac = new Uac(context, sender, { sessions, subscriptions })
    const uas = new Uas(context, {
      admit: (arrival, request) => this.gate.admit(arrival.remoteHost, request),
      refuse: (arrival) => this.gate.refuse(arrival.remoteHost),
      pass: (request, key, arrival, bytes) => proxy.pass(request, key, arrival, bytes),
      sendBye: (record, reason) => sender.sendBye(record, reason),
      hold: (request, again) => uac.hold(request, again),
      sessions,
      subscriptions,
      handlers: options.outbound?.handlers ?? [],
      ask: (handler, pending, inbound) => router.ask(handler, pending, inbound),
    })
    const proxy = new ProxyCore(context, sender, new RouteTokens(secret), uas)
    const web = new WebAsker(options.outbound?.ca, userAgent ?? SERVER_VERSION)
    const router = new RequestRouter(context, web, options.outbound?.ca, {
      respond: (txnId, draft) => uas.respond(undefined, '', txnId, draft),
      proxy: (txnId, fields) => proxy.command(undefined, '', [txnId, ...fields], undefined),
    })
    this.#core = { context, uas, uac, proxy, web, orphans: new Orphans(context, sender), set }
    return wire
  }

  /** Our sockets as `udp/host:port`, as others reach them. */
  hostports(): string[] {
    return this.#core?.context.sockets.hostports('advertised') ?? []
  }

  counters(): SipCounters {
    const context = this.#core?.context
    return {
      serverTransactions: context?.transactions.serverCount ?? 0,
      clientTransactions: context?.transactions.clientCount ?? 0,
      dialogs: context?.dialogs.size ?? 0,
      pendingRequests: this.#core?.uas.pendingCount ?? 0,
      outgoingRequests: this.#core?.uac.outgoingCount ?? 0,
      proxiedRequests: this.#core?.proxy.sessionCount ?? 0,
      timers: this.#scheduler.size,
      clients: context?.wire.clientCount ?? 0,
      ...this.#counts,
      refused: this.gate.refusedCount,
      overloaded: this.#core?.uas.overloadedCount ?? 0,
      dropped: this.gate.droppedCount,
      malformedSources: this.gate.malformedCount,
      traceDropped: this.#tracer?.droppedCount ?? 0,
    }
  }

  async close(): Promise<void> {
    const core = this.#core
    if (core === undefined) return
    this.#core = undefined
    await core.context.wire.close()
    core.uas.close()
    core.uac.close()
    core.proxy.close()
    core.web.close()
    core.context.dialogs.clear()
    core.context.transactions.close()
    this.#scheduler.close()
    await core.set.close()
    this.#tracer?.flush()
  }

  /** Shows other certificates from the next handshake on. Throws, and changes nothing, where they cannot be used. */
  renewTls(material: TlsMaterial): void {
    this.#tls?.renew(material)
  }

  standingOf(host: string): Standing {
    if (this.gate.isKnown(host) || this.gate.isProven(host)) return 'known'
    return this.gate.isBanned(host) ? 'banned' : 'stranger'
  }

  onMessage(bytes: Buffer, arrival: Arrival): void {
    if (this.#core === undefined || this.line.isCut || this.gate.isBanned(arrival.remoteHost)) return
    const parsed = parseMessage(bytes)
    if (!parsed.ok) {
      this.#onMalformed(parsed.error, arrival)
      return
    }
    const message = parsed.value
    const plain = plainBytes(message, bytes)
    this.#trace('in', bytes, message.callId, arrival, arrival)
    if (message.kind === 'response') {
      this.#counts.responsesIn += 1
      const known = this.#core.context.transactions.onResponse({ response: message, bytes: plain, arrival })
      if (!known) this.#counts.stray += 1
      return
    }
    this.#counts.requestsIn += 1
    const marked = markSource(message, arrival.remoteHost, arrival.remotePort)
    let forwarded: Buffer | undefined
    const toForward = (): Buffer => {
      forwarded ??= marked === message ? plain : marked.serialize()
      return forwarded
    }
    this.#core.uas.onRequest(marked, toForward, arrival)
  }

  onTrouble(): void {
    this.#counts.transportErrors += 1
  }

  onSip(client: ClientConnection, command: Command): void {
    const core = this.#core
    if (core === undefined) return
    const { link } = core.context
    const [txnId = '', dialogId = '', proxyUri = ''] = command.fields
    const draft = readDraft(command.message ?? NO_BODY)
    if (!draft.ok) {
      link.nok(client, command.msgId, `Server error: ${draft.error}`)
      return
    }
    const { start } = draft.value
    if (start.kind === 'response') {
      if (txnId === '') link.refuse(client, command.msgId, 'transaction id missing')
      else core.uas.respond(client, command.msgId, txnId, draft.value)
      return
    }
    const wish = { client, msgId: command.msgId, draft: draft.value, method: start.method }
    if (start.method === 'CANCEL') core.uac.cancel(wish, txnId)
    else if (dialogId !== '') core.uac.requestInDialog(wish, dialogId)
    else if (start.method === 'ACK') link.nok(client, command.msgId, NOK.needlessAck)
    else core.uac.request(wish, start.uri, proxyUri)
  }

  onProxy(client: ClientConnection, { msgId, fields, message }: Command): void {
    const draft = message === undefined ? undefined : readDraft(message)
    if (draft?.ok === false) this.#core?.context.link.nok(client, msgId, `Server error: ${draft.error}`)
    else this.#core?.proxy.command(client, msgId, fields, draft?.value)
  }

  onDialog(client: ClientConnection, command: Command): void {
    if (this.#core !== undefined) importDialog(this.#core.context, client, command)
  }

  onClientGone(client: ClientConnection): void {
    const core = this.#core
    if (core === undefined) return
    core.uas.onClientGone(client)
    core.uac.onClientGone(client)
    core.orphans.onClientGone(client)
  }

  /** Answers what cannot be parsed but can be answered; strangers get nothing. */
  #onMalformed(error: SipParseError, arrival: Arrival): void {
    if (error.code === 'empty') return
    this.#counts.malformed += 1
    if (error.partial === undefined || this.gate.admit(arrival.remoteHost) !== 'admit') return
    const core = this.#core
    const refusal =
      core && buildRefusal(error, reasonPhrase(error.status), core.context.ids.tag(), core.context.userAgent)
    if (core === undefined || refusal === undefined) return
    const { topVia } = error.partial
    const target = topVia && responseTarget(topVia, arrival.protocol, arrival.remoteHost, arrival.remotePort)
    const remote: Remote = {
      protocol: arrival.protocol,
      host: arrival.remoteHost,
      port: target?.port ?? arrival.remotePort,
      ...(arrival.flow === undefined ? {} : { flow: arrival.flow }),
    }
    core.context.sockets.send(refusal, remote, arrival, () => {})
  }

  #onOutgoing(bytes: Buffer, remote: Remote, from: LocalSocket): void {
    this.#counts.messagesOut += 1
    if (this.#tracer === undefined) return
    const callId = /^(?:Call-ID|i)\s*:\s*(.*)\r$/im.exec(bytes.toString('latin1'))?.[1] ?? ''
    this.#trace('out', bytes, callId.trim(), from, { ...remote, remoteHost: remote.host, remotePort: remote.port })
  }

  #trace(
    direction: 'in' | 'out',
    bytes: Buffer,
    callId: string,
    local: LocalSocket,
    remote: Pick<Arrival, 'protocol' | 'remoteHost' | 'remotePort'>,
  ): void {
    this.#tracer?.add({
      atMs: performance.timeOrigin + performance.now(),
      direction,
      protocol: remote.protocol,
      local: hostPort(local.localHost, local.localPort),
      remote: hostPort(remote.remoteHost, remote.remotePort),
      callId,
      message: bytes.toString('utf8'),
    })
  }
}

/** The 100 that stops a client's retransmissions (RFC 3261 §8.2.6.1, RFC 4320 §4.1). */
function makeTrying(request: SipRequest): Buffer {
  const trying = buildResponse(request, 100, reasonPhrase(100))
  if (!trying.ok) throw new Error(`a 100 without headers of its own was refused: ${trying.error.message}`)
  return trying.value.serialize()
}
