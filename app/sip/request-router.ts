import { assertNever } from '../../lib/core/assert-never.ts'
import type { Draft } from '../../lib/sip/draft.ts'
import { NO_BODY } from '../../lib/sip/message.ts'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import {
  directInstruction,
  type Instruction,
  questionUrl,
  type RequestHandler,
  readInstruction,
} from '../../lib/sip/request-handler.ts'
import type { PendingRequest } from './pending-request.ts'
import type { StackContext } from './stack-context.ts'
import type { Inbound } from './uas.ts'
import type { WebAsker } from './web-asker.ts'
import type { ClientConnection } from './wire/client-connection.ts'

/** What the router asks of the cores. */
export interface RouterPorts {
  /** Answers a request that no application has been found for. */
  respond(txnId: string, draft: Draft): void
  /** Proxies one. @param fields of a `proxy` command, after the transaction */
  proxy(txnId: string, fields: readonly string[]): void
}

/**
 * drachtio-server's outbound connections: new requests of some methods are not for the applications that have connected to us. A web
 * service says what becomes of each, or we connect to an application that listens (`srf.listen`) and give it the request.
 */
export class RequestRouter {
  readonly #stack: StackContext
  readonly #web: WebAsker
  readonly #ca: string | Buffer | undefined
  readonly #ports: RouterPorts

  /** @param ca who signs the certificates of applications that are connected to over TLS; undefined: whom Node.js knows */
  constructor(stack: StackContext, web: WebAsker, ca: string | Buffer | undefined, ports: RouterPorts) {
    this.#stack = stack
    this.#web = web
    this.#ca = ca
    this.#ports = ports
  }

  /** Finds out what becomes of a request, and sees to it. */
  ask(handler: RequestHandler, pending: PendingRequest, inbound: Inbound): void {
    const direct = directInstruction(handler)
    if (direct !== undefined) {
      this.#perform(direct, pending, inbound)
      return
    }
    const body = handler.httpMethod === 'POST' ? inbound.bytes() : undefined
    this.#web.ask(questionUrl(handler, inbound.request, inbound.arrival), body, (answer) => {
      const instruction = answer === undefined ? undefined : readInstruction(answer)
      if (instruction?.ok === true) this.#perform(instruction.value, pending, inbound)
      else this.#refuse(pending, 500)
    })
  }

  #perform(instruction: Instruction, pending: PendingRequest, inbound: Inbound): void {
    if (!pending.transaction.open) return
    switch (instruction.kind) {
      case 'reject':
        this.#refuse(pending, instruction.status, instruction.reason)
        break
      case 'redirect':
        this.#refuse(pending, 302, undefined, instruction.contacts)
        break
      case 'proxy':
        this.#ports.proxy(pending.txnId, instruction.fields)
        break
      case 'tag':
        this.#give(this.#stack.wire.pick(inbound.request.method, instruction.tag), pending, inbound)
        break
      case 'connect': {
        const { host, port, transport } = instruction
        const tls = transport === 'tls' ? { ca: this.#ca } : undefined
        this.#stack.wire.connect({ host, port, tls }, (client) => {
          // Cancelled meanwhile: who has come for this request alone goes again.
          if (!pending.transaction.open) client?.end()
          else this.#give(client, pending, inbound)
        })
        break
      }
      default:
        assertNever(instruction)
    }
  }

  /** As drachtio-server: 480 where there is nobody to give it to. */
  #give(client: ClientConnection | undefined, pending: PendingRequest, { bytes, arrival }: Inbound): void {
    if (client === undefined) {
      this.#refuse(pending, 480)
      return
    }
    pending.client = client
    this.#stack.link.deliver(client, bytes(), arrival, { txnId: pending.txnId, dialogId: '' })
  }

  #refuse(
    pending: PendingRequest,
    status: number,
    reason = reasonPhrase(status),
    contacts: readonly string[] = [],
  ): void {
    const headers = contacts.length === 0 ? [] : [{ name: 'Contact', key: 'contact', value: contacts.join(', ') }]
    this.#ports.respond(pending.txnId, { start: { kind: 'response', status, reason }, headers, body: NO_BODY })
    // What the web service said makes no response.
    if (!pending.transaction.open) return
    const start = { kind: 'response', status: 500, reason: reasonPhrase(500) } as const
    this.#ports.respond(pending.txnId, { start, headers: [], body: NO_BODY })
  }
}
