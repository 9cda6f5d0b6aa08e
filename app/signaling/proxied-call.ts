import type { OrderOutcome } from '../../lib/call/call-order.ts'
import { endOfProxied } from '../../lib/call/proxied-end.ts'
import type { EndCause, EndedBy } from '../../lib/observe/call-record.ts'
import type { IncomingInvite } from './incoming-invite.ts'
import { LeglessCall, type LeglessCallParts } from './legless-call.ts'
import type { ProxyAnswer, ProxyWish } from './send-on.ts'

export interface ProxiedCallParts extends LeglessCallParts {
  readonly invite: IncomingInvite
  readonly wish: ProxyWish
  /** Retry-After for a 503, in seconds. */
  readonly retryAfterS: () => number
}

/**
 * A call whose INVITE is sent on: on record here until the SIP server has passed a final answer back, and nobody's of ours from then on. There is
 * no word by which an application could take the INVITE back, so that whoever ends the call here ends its record alone.
 */
export class ProxiedCall extends LeglessCall {
  readonly #parts: ProxiedCallParts
  readonly #startedAt = new Date()

  constructor(parts: ProxiedCallParts) {
    super(parts)
    this.#parts = parts
    parts.recorder.update({ state: 'ringing' })
    void this.#send()
  }

  hangUp(by: EndedBy, cause: EndCause): void {
    this.end({ by, sip: null, cause })
  }

  transfer(): OrderOutcome {
    return { kind: 'refused', code: 'state', message: 'the call was sent on, and is not ours any more' }
  }

  async #send(): Promise<void> {
    const { invite, recorder, wish, retryAfterS } = this.#parts
    const sent = await invite.proxy(wish)
    if (this.isOver) return
    if (sent.ok) {
      for (const answer of sent.value) this.#attempt(answer)
      const finals = sent.value.map(({ status }) => status)
      return this.end(endOfProxied(finals))
    }
    // The SIP server did not take it: the INVITE waits for an answer yet.
    const reason = 'Service Unavailable'
    invite.respond(503, reason, { 'Retry-After': String(retryAfterS()) })
    recorder.event({ event: 'call.rejected', level: 'warn', sip: 503, reason: sent.error.message })
    this.end({ by: 'system', sip: 503, cause: 'trunk-fault' })
  }

  #attempt({ status: sip, from: target }: ProxyAnswer): void {
    const { recorder } = this.#parts
    recorder.attempt({ trunk: null, target, startedAt: this.#startedAt, sip, reason: null, pddMs: null })
    recorder.event({ event: 'call.attempt', direct: true, target, sip })
  }
}
