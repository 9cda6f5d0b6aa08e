import { composeCancel } from '../../lib/sip/compose.ts'
import type { Draft } from '../../lib/sip/draft.ts'
import { NO_BODY, type SipRequest } from '../../lib/sip/message.ts'
import type { ForkInput } from '../../lib/sip/proxy-fork.ts'
import { redirectTargets } from '../../lib/sip/proxy-response.ts'
import type { DialogSender, Way } from './dialog-sender.ts'
import type { ClientTransaction, ClientUser, Received } from './transaction/client-transaction.ts'
import type { TransactionLayer } from './transaction/transaction-layer.ts'

/** Why a phone stops ringing that others have beaten to it (RFC 3326 §2). */
const ELSEWHERE: Draft = {
  start: { kind: 'request', method: 'CANCEL', uri: '' },
  headers: [{ name: 'Reason', key: 'reason', value: 'SIP ;cause=200 ;text="Call completed elsewhere"' }],
  body: NO_BODY,
}

/** What a branch needs of its session. */
export interface BranchPorts {
  readonly transactions: TransactionLayer
  readonly sender: DialogSender
  readonly input: (input: ForkInput, received?: Received) => void
  /** Whether the call was answered on another branch. */
  readonly isAnswered: () => boolean
}

/** One destination of a proxied request: its client transaction. */
export class ProxyBranch implements ClientUser {
  readonly #number: number
  readonly #request: SipRequest
  readonly #ports: BranchPorts
  readonly #transaction: ClientTransaction
  /** We have asked for its end; a CANCEL that nobody asked for is that of timer C. */
  #unwanted = false
  /** The final response, where it is no 2xx; the best of all is sent upstream. */
  failure: Received | undefined

  /** @param number its place in the fork's state */
  constructor(number: number, request: SipRequest, bytes: Buffer, way: Way, ports: BranchPorts) {
    this.#number = number
    this.#request = request
    this.#ports = ports
    const out = { remote: way.remote, from: way.sender.socket }
    this.#transaction = ports.transactions.openClient(request, bytes, out, this)
  }

  start(): void {
    this.#transaction.start()
  }

  cancel(): void {
    this.#unwanted = true
    this.#transaction.cancel()
  }

  onClientResponse(received: Received): void {
    const { response } = received
    const { status } = response
    const branch = this.#number
    if (status < 200) {
      // A branch that was given up before its first response is cancelled by its transaction now (RFC 3261 §9.1).
      this.#ports.input({ kind: 'provisional', branch, status }, received)
      return
    }
    if (status >= 300) this.failure = received
    const secure = this.#request.uri.toLowerCase().startsWith('sips:')
    const contacts = status >= 300 && status < 400 ? redirectTargets(response, secure) : []
    this.#ports.input({ kind: 'final', branch, status, contacts }, received)
  }

  onClientEnd(why: 'timeout' | 'unreachable'): void {
    this.#ports.input({ kind: 'ended', branch: this.#number, why })
  }

  onClientCancel(): void {
    const cancel = composeCancel(this.#request, this.#ports.isAnswered() ? ELSEWHERE : undefined)
    if (!cancel.ok) return
    const { remote, from } = this.#transaction
    this.#ports.sender.sendAlone(cancel.value, cancel.value.serialize(), remote, from)
    if (!this.#unwanted) this.#ports.input({ kind: 'overdue', branch: this.#number })
  }
}
