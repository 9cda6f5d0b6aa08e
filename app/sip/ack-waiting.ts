import {
  type RetransmissionInput,
  type RetransmissionState,
  retransmissionDeadlineMs,
  startRetransmission,
  stepRetransmission,
} from '../../lib/sip/transaction/retransmission.ts'
import type { Timing } from '../../lib/sip/transaction/timing.ts'
import type { AckWait } from './dialog-store.ts'
import { Alarm, type Scheduler } from './scheduler.ts'

/** Repeats a 2xx until its ACK comes (RFC 3261 §13.3.1.4). */
export class AckWaiting implements AckWait {
  readonly seq: number
  readonly txnId: string
  readonly #scheduler: Scheduler
  readonly #timing: Timing
  readonly #resend: () => void
  readonly #giveUp: () => void
  readonly #alarm: Alarm
  #state: RetransmissionState

  /** @param invite CSeq and transaction of the INVITE @param on `giveUp`: no ACK within 64*T1 */
  constructor(
    invite: { readonly seq: number; readonly txnId: string },
    scheduler: Scheduler,
    timing: Timing,
    on: { readonly resend: () => void; readonly giveUp: () => void },
  ) {
    this.seq = invite.seq
    this.txnId = invite.txnId
    this.#scheduler = scheduler
    this.#timing = timing
    this.#resend = on.resend
    this.#giveUp = on.giveUp
    this.#state = startRetransmission(scheduler.nowMs(), timing)
    this.#alarm = new Alarm(scheduler, (nowMs) => this.#step('wake', nowMs))
    this.#alarm.set(retransmissionDeadlineMs(this.#state))
  }

  stop(): void {
    this.#step('acknowledged', this.#scheduler.nowMs())
  }

  #step(input: RetransmissionInput, nowMs: number): void {
    const step = stepRetransmission(this.#state, input, nowMs, this.#timing.t2Ms)
    this.#state = step.state
    this.#alarm.set(retransmissionDeadlineMs(step.state))
    for (const effect of step.effects) {
      if (effect === 'send') this.#resend()
      else this.#giveUp()
    }
  }
}
