import { composeFailureAck } from '../../../lib/sip/compose.ts'
import type { SipRequest, SipResponse } from '../../../lib/sip/message.ts'
import {
  type InviteClientInput,
  type InviteClientState,
  inviteClientDeadlineMs,
  startInviteClient,
  stepInviteClient,
} from '../../../lib/sip/transaction/invite-client.ts'
import {
  type NonInviteClientInput,
  type NonInviteClientState,
  nonInviteClientDeadlineMs,
  startNonInviteClient,
  stepNonInviteClient,
} from '../../../lib/sip/transaction/non-invite-client.ts'
import type { Timing } from '../../../lib/sip/transaction/timing.ts'
import { Alarm, type Scheduler } from '../scheduler.ts'
import type { Arrival, Remote, TransportError } from '../transport/transport.ts'
import type { LocalSocket, Network } from './network.ts'

/** A response as it came, with its bytes and way. */
export interface Received {
  readonly response: SipResponse
  readonly bytes: Buffer
  readonly arrival: Arrival
}

/** What happens to a client transaction that its user has to know. */
export interface ClientUser {
  /** A 2xx to an INVITE may come several times, from several branches. */
  onClientResponse(received: Received): void
  /** No answer will come. `error` is there when nothing could be sent. */
  onClientEnd(why: 'timeout' | 'unreachable', error: TransportError | undefined): void
  /** The INVITE may be cancelled now: it had a provisional response, or rang beyond timer C. */
  onClientCancel(): void
}

export interface ClientContext {
  readonly scheduler: Scheduler
  readonly network: Network
  readonly timing: Timing
  readonly onTerminated: (transaction: ClientTransaction) => void
}

/** Drives one client transaction: performs its machine's effects and wakes it. */
export class ClientTransaction {
  readonly key: string
  readonly request: SipRequest
  readonly remote: Remote
  readonly #from: LocalSocket
  readonly #user: ClientUser
  readonly #context: ClientContext
  readonly #alarm: Alarm
  readonly #bytes: Buffer
  #state: { readonly invite: InviteClientState } | { readonly other: NonInviteClientState }
  #ack: Buffer | undefined
  #error: TransportError | undefined

  constructor(
    key: string,
    request: SipRequest,
    bytes: Buffer,
    way: { readonly remote: Remote; readonly from: LocalSocket },
    user: ClientUser,
    context: ClientContext,
  ) {
    this.key = key
    this.request = request
    this.remote = way.remote
    this.#from = way.from
    this.#user = user
    this.#context = context
    this.#bytes = bytes
    this.#alarm = new Alarm(context.scheduler, (nowMs) => this.#input('wake', undefined, nowMs))
    this.#state = { invite: { kind: 'terminated' } }
  }

  /** The socket its messages leave from. */
  get from(): LocalSocket {
    return this.#from
  }

  /** Sends the request for the first time. */
  start(): void {
    const nowMs = this.#context.scheduler.nowMs()
    if (this.request.method === 'INVITE') {
      const step = startInviteClient(nowMs, this.#context.timing)
      this.#state = { invite: step.state }
      this.#alarm.set(inviteClientDeadlineMs(step.state))
    } else {
      const step = startNonInviteClient(nowMs, this.#context.timing)
      this.#state = { other: step.state }
      this.#alarm.set(nonInviteClientDeadlineMs(step.state))
    }
    this.#send(this.#bytes)
  }

  onResponse(received: Received): void {
    const { status } = received.response
    if (status < 200) this.#input(status === 100 && 'invite' in this.#state ? 'trying' : 'provisional', received)
    else if ('other' in this.#state) this.#input('final', received)
    else this.#input(status < 300 ? 'success' : 'failure', received)
  }

  /** Asks for the INVITE to be cancelled; `onClientCancel` says when the CANCEL may go out. Any other request times out at once. */
  cancel(): void {
    this.#input('cancel')
  }

  /** Forgets the transaction at once: the server is closing. */
  abandon(): void {
    this.#alarm.set(undefined)
  }

  #input(
    input: InviteClientInput | NonInviteClientInput,
    received?: Received,
    nowMs = this.#context.scheduler.nowMs(),
  ): void {
    if ('invite' in this.#state) this.#stepInvite(this.#state.invite, input, received, nowMs)
    else this.#stepOther(this.#state.other, input, received, nowMs)
  }

  #stepInvite(
    state: InviteClientState,
    input: InviteClientInput | NonInviteClientInput,
    received: Received | undefined,
    nowMs: number,
  ): void {
    if (input === 'final') return
    const step = stepInviteClient(state, input, nowMs, this.#context.timing)
    this.#state = { invite: step.state }
    this.#alarm.set(inviteClientDeadlineMs(step.state))
    if (step.state.kind === 'terminated') this.#terminate()
    for (const effect of step.effects) {
      switch (effect) {
        case 'send':
          this.#send(this.#bytes)
          break
        case 'ack':
          if (received !== undefined) this.#sendAck(received.response)
          break
        case 'pass':
          if (received !== undefined) this.#user.onClientResponse(received)
          break
        case 'cancel':
          this.#user.onClientCancel()
          break
        default:
          this.#user.onClientEnd(effect, this.#error)
      }
    }
  }

  #stepOther(
    state: NonInviteClientState,
    input: InviteClientInput | NonInviteClientInput,
    received: Received | undefined,
    nowMs: number,
  ): void {
    if (input === 'success' || input === 'failure' || input === 'trying') return
    const step = stepNonInviteClient(state, input, nowMs, this.#context.timing)
    this.#state = { other: step.state }
    this.#alarm.set(nonInviteClientDeadlineMs(step.state))
    if (step.state.kind === 'terminated') this.#terminate()
    for (const effect of step.effects) {
      if (effect === 'send') this.#send(this.#bytes)
      else if (effect === 'pass') {
        if (received !== undefined) this.#user.onClientResponse(received)
      } else this.#user.onClientEnd(effect, this.#error)
    }
  }

  /** The ACK of a failure, made once and repeated as it is. */
  #sendAck(response: SipResponse): void {
    if (this.#ack === undefined) {
      const ack = composeFailureAck(this.request, response)
      if (!ack.ok) return
      this.#ack = ack.value.serialize()
    }
    this.#send(this.#ack)
  }

  #send(bytes: Buffer): void {
    this.#context.network.send(bytes, this.remote, this.#from, (error) => {
      if (error === undefined) return
      this.#error = error
      this.#input('transportError')
    })
  }

  #terminate(): void {
    this.#alarm.set(undefined)
    this.#context.onTerminated(this)
  }
}
