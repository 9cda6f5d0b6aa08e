import type { SipRequest } from '../../../lib/sip/message.ts'
import {
  INVITE_SERVER_START,
  type InviteServerInput,
  type InviteServerState,
  inviteServerDeadlineMs,
  stepInviteServer,
} from '../../../lib/sip/transaction/invite-server.ts'
import {
  type NonInviteServerInput,
  type NonInviteServerState,
  nonInviteServerDeadlineMs,
  startNonInviteServer,
  stepNonInviteServer,
} from '../../../lib/sip/transaction/non-invite-server.ts'
import type { Timing } from '../../../lib/sip/transaction/timing.ts'
import { Alarm, type Scheduler } from '../scheduler.ts'
import type { Arrival, Remote } from '../transport/transport.ts'
import type { Network } from './network.ts'

/** What happens to a server transaction that its user has to know. */
export interface ServerUser {
  /** No final response may be sent any more: the user took too long, the failure was never ACKed, or nothing gets through. */
  onServerEnd(why: 'noAck' | 'expired' | 'unreachable'): void
  /** An ACK to the 2xx came with the INVITE's own branch, as RFC 2543 peers send it. */
  onServerAck(ack: SipRequest): void
  /** The INVITE was cancelled; for users to whom nobody else says so. */
  onServerCancel?(): void
}

export interface ServerContext {
  readonly scheduler: Scheduler
  readonly network: Network
  readonly timing: Timing
  /** The 100 that RFC 4320 allows late in a non-INVITE transaction. */
  readonly makeTrying: (request: SipRequest) => Buffer
  readonly onTerminated: (transaction: ServerTransaction) => void
}

/** Drives one server transaction: performs its machine's effects and wakes it. Holds the bytes it has to repeat. */
export class ServerTransaction {
  readonly key: string
  readonly method: string
  /** What tells the request from others whatever way it took; undefined in a dialog. */
  mergeKey: string | undefined
  readonly arrival: Arrival
  /** Where the responses go. */
  readonly remote: Remote
  user: ServerUser | undefined
  /** It was answered with a failure: who sent the request may try it another way (RFC 3261 §8.2.2.2 speaks of those that go on). */
  failed = false
  readonly #context: ServerContext
  readonly #alarm: Alarm
  #state: { readonly invite: InviteServerState } | { readonly other: NonInviteServerState }
  #latest: Buffer | undefined
  /** Thousands of transactions wait for their last timers with nothing to do: they do it without the request's 4 KB. */
  #request: SipRequest | undefined

  constructor(key: string, request: SipRequest, arrival: Arrival, remote: Remote, context: ServerContext) {
    this.key = key
    this.#request = request
    this.method = request.method
    this.arrival = arrival
    this.remote = remote
    this.#context = context
    this.#alarm = new Alarm(context.scheduler, (nowMs) => this.#input('wake', nowMs))
    if (request.method === 'INVITE') this.#state = { invite: INVITE_SERVER_START }
    else {
      const state = startNonInviteServer(context.scheduler.nowMs(), context.timing)
      this.#state = { other: state }
      this.#alarm.set(nonInviteServerDeadlineMs(state))
    }
  }

  /** The INVITE or other request, from which responses are made; asking for it after the final one is a bug. */
  get request(): SipRequest {
    if (this.#request === undefined) throw new Error(`the ${this.method} was answered, and is not kept`)
    return this.#request
  }

  /** Whether a final response may still be sent. */
  get open(): boolean {
    if ('invite' in this.#state) return this.#state.invite.kind === 'proceeding'
    return this.#state.other.kind === 'trying' || this.#state.other.kind === 'proceeding'
  }

  /** The request came again. */
  onRetransmission(): void {
    this.#input('invite' in this.#state ? 'invite' : 'request')
  }

  /** An ACK that belongs to this INVITE. */
  onAck(ack: SipRequest): void {
    if ('invite' in this.#state && this.#state.invite.kind === 'accepted') this.user?.onServerAck(ack)
    else this.#input('ack')
  }

  /** Sends a response; a 2xx to an INVITE may be repeated. False if it comes too late. */
  respond(status: number, bytes: Buffer): boolean {
    const before = this.#latest
    this.#latest = bytes
    const sent = this.#input(kindOf(status, 'invite' in this.#state))
    if (!sent) this.#latest = before
    else if (status >= 300) this.failed = true
    if (!this.open) this.#forget()
    return sent
  }

  /** Forgets the transaction at once: the server is closing. */
  abandon(): void {
    this.#alarm.set(undefined)
  }

  /** What is not needed after the final response: the request, and a 2xx that whoever repeats it brings along. */
  #forget(): void {
    this.#request = undefined
    if ('invite' in this.#state && this.#state.invite.kind === 'accepted') this.#latest = undefined
  }

  /** One input to the machine. Returns whether it sent anything. */
  #input(input: InviteServerInput | NonInviteServerInput, nowMs = this.#context.scheduler.nowMs()): boolean {
    return 'invite' in this.#state
      ? this.#stepInvite(this.#state.invite, input, nowMs)
      : this.#stepOther(this.#state.other, input, nowMs)
  }

  #stepInvite(state: InviteServerState, input: InviteServerInput | NonInviteServerInput, nowMs: number): boolean {
    if (input === 'request' || input === 'final') return false
    const step = stepInviteServer(state, input, nowMs, this.#context.timing)
    this.#state = { invite: step.state }
    this.#alarm.set(inviteServerDeadlineMs(step.state))
    if (step.state.kind === 'confirmed') this.#latest = undefined
    for (const effect of step.effects) {
      if (effect === 'send') this.#send()
      else if (effect === 'noAck' || effect === 'unreachable') this.user?.onServerEnd(effect)
    }
    if (step.state.kind === 'terminated') this.#terminate()
    return step.effects.includes('send')
  }

  #stepOther(state: NonInviteServerState, input: InviteServerInput | NonInviteServerInput, nowMs: number): boolean {
    if (input === 'invite' || input === 'ack' || input === 'success' || input === 'failure') return false
    const step = stepNonInviteServer(state, input, nowMs, this.#context.timing)
    this.#state = { other: step.state }
    this.#alarm.set(nonInviteServerDeadlineMs(step.state))
    for (const effect of step.effects) {
      if (effect === 'sendHundred') this.#latest = this.#context.makeTrying(this.request)
      if (effect === 'send' || effect === 'sendHundred') this.#send()
      else this.user?.onServerEnd(effect)
    }
    if (step.state.kind === 'terminated') this.#terminate()
    return step.effects.includes('send')
  }

  #send(): void {
    if (this.#latest === undefined) return
    this.#context.network.send(this.#latest, this.remote, this.arrival, (error) => {
      if (error !== undefined) this.#input('transportError')
    })
  }

  #terminate(): void {
    this.#alarm.set(undefined)
    this.#latest = undefined
    this.user = undefined
    this.#context.onTerminated(this)
  }
}

function kindOf(status: number, invite: boolean): 'provisional' | 'success' | 'failure' | 'final' {
  if (status < 200) return 'provisional'
  if (!invite) return 'final'
  return status < 300 ? 'success' : 'failure'
}
