import type { Draft } from '../../lib/sip/draft.ts'
import type { SipRequest } from '../../lib/sip/message.ts'
import { parseRAck, reliabilityOf, wantsReliable, withReliability } from '../../lib/sip/reliability.ts'
import {
  type RetransmissionInput,
  type RetransmissionState,
  retransmissionDeadlineMs,
  startRetransmission,
  stepRetransmission,
} from '../../lib/sip/transaction/retransmission.ts'
import type { Timing } from '../../lib/sip/transaction/timing.ts'
import { Alarm, type Scheduler } from './scheduler.ts'

/** First RSeqs are below this, so that they never come near 2^32 (RFC 3262 §3). */
const MAX_FIRST_RSEQ = 1_000_000

/** Responses of an application that wait for one PRACK (our policy). */
const MAX_DEFERRED = 8

/** Who answers the PRACK: the application where it asked for a reliable response, else the server. */
export type PrackOwner = 'application' | 'server'

/** What becomes of a response: sent as the draft says, kept until a PRACK has come, or not possible. */
export type ReliabilityPlan = { readonly draft: Draft; readonly reliable: boolean } | 'deferred' | 'refused'

interface Outstanding {
  readonly rseq: number
  readonly owner: PrackOwner
  /** Its session description; empty where it has none. */
  readonly session: Buffer
}

/** The reliable provisional responses to one INVITE, of which one at a time waits for its PRACK (RFC 3262 §3). */
export class ReliableProvisionals {
  readonly #inviteSeq: number
  readonly #reliability: ReturnType<typeof reliabilityOf>
  readonly #scheduler: Scheduler
  readonly #timing: Timing
  readonly #onGiveUp: () => void
  readonly #alarm: Alarm
  readonly #deferred: (() => void)[] = []
  #nextRseq = 1 + Math.floor(Math.random() * MAX_FIRST_RSEQ)
  #outstanding: Outstanding | undefined
  #state: RetransmissionState = { kind: 'done' }
  #resend: () => void = () => {}

  /** @param onGiveUp no PRACK came within 64*T1 */
  constructor(invite: SipRequest, scheduler: Scheduler, timing: Timing, onGiveUp: () => void) {
    this.#inviteSeq = invite.cseq().seq
    this.#reliability = reliabilityOf(invite)
    this.#scheduler = scheduler
    this.#timing = timing
    this.#onGiveUp = onGiveUp
    this.#alarm = new Alarm(scheduler, (nowMs) => this.#step('wake', nowMs))
  }

  /**
   * Judges a response of the application. A 2xx waits while a session description is not acknowledged, and a reliable response while any is.
   *
   * @param again gives the response another time, once it need not wait any more
   */
  plan(draft: Draft, status: number, again: () => void): ReliabilityPlan {
    const provisional = status > 100 && status < 200
    const reliable = provisional && (this.#reliability === 'required' || wantsReliable(draft))
    if (reliable && this.#reliability === 'unsupported') return 'refused'
    const isSuccess = status >= 200 && status < 300
    const waits =
      this.#state.kind !== 'done' && (reliable || (isSuccess && (this.#outstanding?.session.length ?? 0) > 0))
    // A 2xx never overtakes what the application has said before it.
    if (waits || (this.#deferred.length > 0 && status < 300)) {
      if (this.#deferred.length >= MAX_DEFERRED) return 'refused'
      this.#deferred.push(again)
      return 'deferred'
    }
    return { draft: reliable ? withReliability(draft, this.#nextRseq) : draft, reliable }
  }

  /** The planned response is on its way; `resend` repeats it. */
  sent(draft: Draft, owner: PrackOwner, resend: () => void): void {
    this.#outstanding = { rseq: this.#nextRseq, owner, session: draft.body }
    this.#nextRseq += 1
    this.#resend = resend
    this.#state = startRetransmission(this.#scheduler.nowMs(), this.#timing)
    this.#alarm.set(retransmissionDeadlineMs(this.#state))
  }

  /**
   * A PRACK: who is to answer it, and the session description that it acknowledges; undefined where it acknowledges nothing that waits.
   * `flush` when that has been done.
   */
  acknowledge(prack: SipRequest): { readonly owner: PrackOwner; readonly session: Buffer } | undefined {
    const rack = parseRAck(prack.header('RAck') ?? '')
    const outstanding = this.#outstanding
    if (rack === undefined || outstanding === undefined || rack.rseq !== outstanding.rseq) return undefined
    if (rack.cseq.seq !== this.#inviteSeq || rack.cseq.method !== 'INVITE') return undefined
    this.#outstanding = undefined
    this.#step('acknowledged', this.#scheduler.nowMs())
    return outstanding
  }

  /** Gives what waited. */
  flush(): void {
    // Whatever still has to wait is put back by its own `plan`.
    for (const again of this.#deferred.splice(0)) again()
  }

  /** The INVITE has its final response: nothing is repeated any more, but a PRACK on its way is still known (RFC 3262 §3). */
  stop(): void {
    this.#step('acknowledged', this.#scheduler.nowMs())
    this.flush()
  }

  #step(input: RetransmissionInput, nowMs: number): void {
    const step = stepRetransmission(this.#state, input, nowMs, Infinity)
    this.#state = step.state
    this.#alarm.set(retransmissionDeadlineMs(step.state))
    for (const effect of step.effects) {
      if (effect === 'send') this.#resend()
      else this.#onGiveUp()
    }
  }
}
