import type { OrderOutcome } from '../../lib/call/call-order.ts'
import type { Result } from '../../lib/core/result.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { DialPlan } from '../../lib/route/dial.ts'
import type { RouterDial, RouterProxy, RouterRedirect, RouterReject } from '../../lib/route/router.ts'
import { type DecidedCall, objectionTo, type RouterOutcome, withinHops } from '../../lib/route/router-decision.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Router, RouterFailure, RouterVerdict } from '../route/router.ts'
import { type AtOnce, answerOfRouter } from './answer-at-once.ts'
import { hopsLeft, type IncomingInvite } from './incoming-invite.ts'
import { LeglessCall, type LeglessCallParts } from './legless-call.ts'

export interface WaitingCallParts extends LeglessCallParts {
  readonly invite: IncomingInvite
  readonly verdict: Promise<RouterVerdict>
  /** Whether the call's tenant has an agent of that name. */
  readonly hasAgent: DecidedCall['hasAgent']
  /** How loudly a failure is told. */
  readonly levelOf: Router['levelOf']
  readonly metrics: Pick<Metrics, 'routed'>
  /** The call goes to an agent, the tenant's own where the router names none. It is that one's call from now on. */
  readonly onBridge: (agent: string | null, variables: Readonly<Record<string, string>>) => void
  /** Whom a decision has rung, or why it cannot be had. */
  readonly planOf: (decision: RouterDial) => Result<DialPlan, string>
  /** The caller is put through by somebody else from now on. */
  readonly onDial: (plan: DialPlan) => void
  /** The INVITE is sent on by somebody else. */
  readonly onProxy: (decision: RouterProxy) => void
  readonly redirectExpiresMs: number
  /** Retry-After for a 503, in seconds. */
  readonly retryAfterS: () => number
}

/** A call whose INVITE waits for the router. Whatever goes wrong with that, the call goes on as if there were none. */
export class WaitingCall extends LeglessCall {
  readonly #parts: WaitingCallParts

  constructor(parts: WaitingCallParts) {
    super(parts)
    this.#parts = parts
    // The SIP server has answered the CANCEL and the INVITE (RFC 3261 §9.2).
    parts.invite.onCancel(() => this.end({ by: 'caller', sip: 487, cause: 'cancelled' }))
    void parts.verdict.then((verdict) => this.#onVerdict(verdict))
  }

  hangUp(by: EndedBy, cause: EndCause): void {
    if (this.isOver) return
    const { invite, recorder, retryAfterS } = this.#parts
    const reason = 'Service Unavailable'
    invite.respond(503, reason, { 'Retry-After': String(retryAfterS()) })
    recorder.event({ event: 'call.rejected', sip: 503, reason })
    this.end({ by, sip: 503, cause })
  }

  /** Nobody has answered it yet. */
  transfer(): OrderOutcome {
    return { kind: 'refused', code: 'state', message: 'the call is not answered' }
  }

  #onVerdict(verdict: RouterVerdict): void {
    if (this.isOver) return
    if (!verdict.ok) return this.#fallBack(verdict.error)
    if (verdict.value === null) return this.#bridge(null, {}, 'default')
    const { invite, hasAgent } = this.#parts
    const decision = withinHops(verdict.value, hopsLeft(invite))
    const message = objectionTo(decision, { hasAgent, redirected: invite.facts.redirected })
    if (message !== null) return this.#fallBack({ code: 'ill-formed', message })
    if ('bridge' in decision) return this.#bridge(decision.bridge, decision.variables ?? {}, 'bridge')
    if ('dial' in decision) return this.#dial(decision)
    if ('proxy' in decision) return this.#proxy(decision)
    this.#answer(decision)
  }

  #dial(decision: RouterDial): void {
    const { planOf, metrics, onDial } = this.#parts
    const plan = planOf(decision)
    if (!plan.ok) return this.#fallBack({ code: 'ill-formed', message: plan.error })
    this.pass()
    metrics.routed('dial')
    onDial(plan.value)
  }

  #proxy(decision: RouterProxy): void {
    const { metrics, onProxy } = this.#parts
    this.pass()
    metrics.routed('proxy')
    onProxy(decision)
  }

  #answer(decision: RouterRedirect | RouterReject): void {
    const { invite, recorder, metrics, redirectExpiresMs, retryAfterS } = this.#parts
    metrics.routed('redirect' in decision ? 'redirect' : 'reject')
    const answer: AtOnce = answerOfRouter(decision, redirectExpiresMs, retryAfterS())
    invite.respond(answer.status, answer.reason, answer.headers)
    recorder.event(answer.event)
    this.end(answer.end)
  }

  #fallBack({ code, message }: RouterFailure): void {
    const level = this.#parts.levelOf(code)
    this.#parts.recorder.event({ event: 'router.failed', level, code, reason: message })
    this.#bridge(null, {}, code)
  }

  #bridge(agent: string | null, variables: Readonly<Record<string, string>>, outcome: RouterOutcome): void {
    this.pass()
    this.#parts.metrics.routed(outcome)
    this.#parts.onBridge(agent, variables)
  }
}
