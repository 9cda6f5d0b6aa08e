import { assertNever } from '../../lib/core/assert-never.ts'
import { buildResponse, type HeaderInput } from '../../lib/sip/build.ts'
import { popVia } from '../../lib/sip/edit.ts'
import type { SipRequest, SipResponse } from '../../lib/sip/message.ts'
import type { Choice } from '../../lib/sip/proxy-best.ts'
import {
  type ForkEffect,
  type ForkInput,
  type ForkPlan,
  type ForkState,
  forkDeadlineMs,
  startFork,
  stepFork,
} from '../../lib/sip/proxy-fork.ts'
import { isChallenge, withAllChallenges } from '../../lib/sip/proxy-response.ts'
import { reasonPhrase } from '../../lib/sip/reason-phrases.ts'
import type { DialogSender, Way } from './dialog-sender.ts'
import { ProxyBranch } from './proxy-branch.ts'
import { Alarm } from './scheduler.ts'
import type { StackContext } from './stack-context.ts'
import type { Received } from './transaction/client-transaction.ts'
import type { ServerTransaction, ServerUser } from './transaction/server-transaction.ts'

/** What a session is to do, and how it gets at the world. */
export interface ProxyJob {
  readonly transaction: ServerTransaction
  readonly plan: ForkPlan
  readonly targets: readonly string[]
  /** A call that begins here has call data records; what passes in its dialog has none. */
  readonly recorded: boolean
  /** Finds the way to a target. */
  readonly findWay: (target: string, found: (way: Way | undefined) => void) => void
  /** The request as it goes to a target; undefined where it cannot be made. */
  readonly compose: (target: string, way: Way, breadth: number) => SipRequest | undefined
  /** A final response came, and the application wants to see it. */
  readonly report: (received: Received) => void
  /** The session is over; called once. */
  readonly done: (session: ProxySession) => void
}

/** One request that is proxied: performs its fork's effects and wakes it. */
export class ProxySession implements ServerUser {
  readonly #stack: StackContext
  readonly #sender: DialogSender
  readonly #job: ProxyJob
  /** The transaction forgets it once it is answered. */
  readonly #request: SipRequest
  readonly #alarm: Alarm
  readonly #branches = new Map<number, ProxyBranch>()
  readonly #inputs: { readonly input: ForkInput; readonly received: Received | undefined }[] = []
  #state: ForkState | undefined
  #busy = false

  constructor(stack: StackContext, sender: DialogSender, job: ProxyJob) {
    this.#stack = stack
    this.#sender = sender
    this.#job = job
    this.#request = job.transaction.request
    this.#alarm = new Alarm(stack.scheduler, () => this.#input({ kind: 'wake' }))
    job.transaction.user = this
  }

  start(): void {
    if (this.#job.plan.invite) this.#respondOwn(100)
    const step = startFork(this.#job.plan, this.#job.targets, this.#stack.scheduler.nowMs())
    this.#busy = true
    this.#perform(step.state, step.effects, undefined)
    this.#busy = false
    this.#work()
  }

  onServerEnd(): void {
    this.#input({ kind: 'lost' })
  }

  /** The ACK of a 2xx goes from end to end; one in our transaction is of a peer that cannot tell (RFC 2543), and is not needed here. */
  onServerAck(): void {}

  onServerCancel(): void {
    this.#input({ kind: 'cancel' })
  }

  #input(input: ForkInput, received?: Received): void {
    this.#inputs.push({ input, received })
    if (!this.#busy) this.#work()
  }

  /** Inputs that effects cause wait for those effects to be performed. */
  #work(): void {
    this.#busy = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      if (this.#state === undefined) break
      const step = stepFork(this.#job.plan, this.#state, next.input, this.#stack.scheduler.nowMs())
      this.#perform(step.state, step.effects, next.received)
    }
    this.#busy = false
  }

  #perform(state: ForkState, effects: readonly ForkEffect[], received: Received | undefined): void {
    this.#state = state
    this.#alarm.set(forkDeadlineMs(state))
    this.#record(received)
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#job.findWay(effect.target, (way) => this.#send(effect.branch, effect.target, effect.breadth, way))
          break
        case 'cancel':
          this.#branches.get(effect.branch)?.cancel()
          break
        case 'forward':
          if (received !== undefined) this.#forward(received.response)
          break
        case 'report':
          if (received !== undefined) this.#job.report(received)
          break
        case 'answer':
          this.#answer(effect.choice)
          break
        case 'done':
          this.#job.done(this)
          break
        default:
          assertNever(effect)
      }
    }
  }

  #send(number: number, target: string, breadth: number, way: Way | undefined): void {
    // While the name was resolved the caller may have given up.
    const wanted = this.#state?.branches[number]?.kind === 'trying'
    const request = way === undefined || !wanted ? undefined : this.#job.compose(target, way, breadth)
    if (way === undefined || request === undefined) {
      this.#input({ kind: 'ended', branch: number, why: wanted ? 'unreachable' : 'timeout' })
      return
    }
    const bytes = request.serialize()
    const branch = new ProxyBranch(number, request, bytes, way, {
      transactions: this.#stack.transactions,
      sender: this.#sender,
      input: (input, received) => this.#input(input, received),
      isAnswered: () => this.#state?.phase === 'answered',
    })
    this.#branches.set(number, branch)
    if (this.#job.recorded) this.#stack.cdr.attempt('application', bytes)
    branch.start()
  }

  /** Our own side of the call data records; that of the caller is written with its answer. */
  #record(received: Received | undefined): void {
    if (received === undefined || !this.#job.recorded) return
    const { status } = received.response
    if (status >= 300) this.#stack.cdr.stop('network', reasonOf(status), received.bytes)
  }

  /** Sends a response of a destination on to the caller, without our Via. */
  #forward(response: SipResponse): void {
    const popped = popVia(response)
    if (popped === undefined) return
    const bytes = popped.serialize()
    const { transaction, recorded } = this.#job
    const { status } = response
    const first = transaction.open
    const sent = transaction.respond(status, bytes)
    const success = status >= 200 && status < 300
    // A 2xx gets through though the transaction is over: without it the callee would be left alone in a call (RFC 6026 §7.1).
    if (!sent && success) this.#stack.sockets.send(bytes, transaction.remote, transaction.arrival, () => {})
    if (!recorded || !first || status < 200) return
    if (success) {
      this.#stack.cdr.start('network', 'proxy-uac', response.serialize())
      this.#stack.cdr.start('application', 'proxy-uas', bytes)
    } else this.#stack.cdr.stop('application', reasonOf(status), bytes)
  }

  #answer(choice: Choice): void {
    if (choice.kind === 'none') return
    if (choice.kind === 'own') {
      const bytes = this.#respondOwn(choice.status)
      if (this.#job.recorded && bytes !== undefined) {
        this.#stack.cdr.stop('application', reasonOf(choice.status), bytes)
      }
      return
    }
    const best = this.#branches.get(choice.branch)?.failure?.response
    if (best === undefined) throw new Error(`branch ${choice.branch} was chosen without a response`)
    const others = [...this.#branches.values()].flatMap(({ failure }) =>
      failure !== undefined && failure.response !== best && isChallenge(failure.response) ? [failure.response] : [],
    )
    const whole = isChallenge(best) ? withAllChallenges(best, others) : undefined
    this.#forward(whole?.ok === true ? whole.value : best)
  }

  #respondOwn(status: number): Buffer | undefined {
    const { userAgent, ids } = this.#stack
    const headers: HeaderInput[] = userAgent === undefined || status === 100 ? [] : [['Server', userAgent]]
    const response = buildResponse(this.#request, status, reasonPhrase(status), { toTag: ids.tag(), headers })
    if (!response.ok) throw new Error(`a request that was let in cannot be answered: ${response.error.message}`)
    const bytes = response.value.serialize()
    return this.#job.transaction.respond(status, bytes) ? bytes : undefined
  }
}

const reasonOf = (status: number) => (status === 487 ? 'call-canceled' : 'call-rejected')
